"""Reading a call's JSON body: its fields, and where the model's name stands in it."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from turnpike.domain.errors import InvalidJson, InvalidRequest, UpstreamInvalid

_MODEL_KEY: Final = b'"model"'
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_KEY_TO_VALUE: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_ESCAPED_LETTER: Final = b"\\u006"
"""Without this no key can spell "model" with escapes: its letters are U+0064 to U+006F."""

_ESCAPED_IN_A_KEY: Final = re.compile(rb"\\u00[567]")
"""What a key of ASCII letters and underscores would need to be spelled with escapes."""

_fields_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

T = TypeVar("T")


def decode_call(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """A request's body as `decoder` reads it. Raises InvalidJson or InvalidRequest."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as fault:
        raise InvalidRequest(_in_words(body, str(fault))) from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        what = "The body is empty" if not body else f"The body is not JSON ({fault})"
        raise InvalidJson(f"{what}; send one JSON object.") from fault
    except RecursionError as fault:
        raise InvalidJson("The body is nested too deeply.") from fault


def decode_answer(
    decoder: msgspec.json.Decoder[T], body: bytes, lenient: msgspec.json.Decoder[T] | None = None
) -> T:
    """A provider's JSON as `decoder` reads it, or `lenient` where a field is not of its type.

    Raises UpstreamInvalid.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as fault:
        if lenient is not None:
            return decode_answer(lenient, body)
        raise UpstreamInvalid(f"The provider's answer is not of its dialect ({fault}).") from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        what = "is empty" if not body.strip() else f"is not JSON ({fault})"
        raise UpstreamInvalid(f"The provider's answer {what}.") from fault


def model_span(body: bytes) -> tuple[int, int]:
    """Start and end of the top-level `model` value in a JSON object that has been decoded.

    Raises InvalidRequest where the key stands twice (who reads which would be anyone's guess),
    InvalidJson where another key is not UTF-8.
    """
    at = body.find(_MODEL_KEY)
    if at < 0 or body.find(_MODEL_KEY, at + 1) >= 0 or _ESCAPED_LETTER in body:
        return _top_level_span(body)
    value = _KEY_TO_VALUE.match(body, at + len(_MODEL_KEY))
    text = _STRING.match(body, value.end()) if value else None
    if text is None:
        return _top_level_span(body)
    return text.span()


def check_said_once(body: bytes, key: bytes) -> None:
    """Raises InvalidRequest where a key (with its quotes) of a decoded call stands twice.

    For a key that a right depends on: the provider might go by the other one.
    """
    if body.count(key) > 1 or _ESCAPED_IN_A_KEY.search(body):
        _top_level_span(body)


def _top_level_span(body: bytes) -> tuple[int, int]:
    """The same by walking the object's own keys, exact whatever stands inside the values."""
    fields = decode_call(_fields_decoder, body)
    at = _skip_space(body, 0) + 1
    found: tuple[int, int] | None = None
    seen = 0
    # A repeated key's last value is the one decoded, so a walk by its bytes breaks off at the first.
    while True:
        at = _skip_space(body, at)
        key_text = _STRING.match(body, at)
        if key_text is None:
            break
        key = msgspec.json.decode(key_text.group(), type=str)
        start = _end_of(_KEY_TO_VALUE.match(body, key_text.end()))
        value = bytes(fields[key])
        end = start + len(value)
        if body[start:end] != value:
            break
        seen += 1
        if key == "model":
            found = (start, end)
        at = _skip_space(body, end)
        if body[at : at + 1] != b",":
            break
        at += 1
    if found is None or seen != len(fields) or body[at : at + 1] != b"}":
        raise InvalidRequest("A key of the body's object stands there twice; name each once.")
    return found


def _skip_space(body: bytes, at: int) -> int:
    return _end_of(_SPACE.match(body, at))


def _end_of(match: re.Match[bytes] | None) -> int:
    return match.end() if match is not None else -1


def _in_words(body: bytes, fault: str) -> str:
    if body.lstrip()[:1] != b"{":
        return "The body must be one JSON object."
    return f"{fault}. See the API's reference for what the field may hold."
