"""Reading a call's JSON body: its fields, each named once, and where the model's name stands in it."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from turnpike.domain.errors import InvalidJson, InvalidRequest, UpstreamInvalid

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_KEY_TO_VALUE: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")

READ_KEYS: Final = frozenset(
    (
        "model",
        "stream",
        "store",
        "input",
        "previous_response_id",
        "conversation",
        "metadata",
        "user",
        "id",
        "type",
    )
)
"""What the gateway goes by; a key of a body that differs from one of them in its letters' case alone is refused."""

TRUE: Final = msgspec.Raw(b"true")
FALSE: Final = msgspec.Raw(b"false")
NULL: Final = msgspec.Raw(b"null")

FIELDS_MAX: Final = 1_000
"""Keys of one object of a call that the gateway reads; no API has a tenth of them."""

QUOTES_MAX: Final = 2_000_000
"""Quotes in a body, two for each key: what they cost to read is bounded with them."""

SMALL_BYTES: Final = 65_536
"""A value that is longer is none of those that the gateway reads."""

_SURROGATE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)

_REPLACED: Final = "\ufffd"
"""Stands where half a pair of surrogates stood alone, see `with_whole_surrogates`."""

_BRACKET: Final = ord("[")
_BRACE: Final = ord("{")

Fields = dict[str, msgspec.Raw]
Span = tuple[int, int]

_fields_decoder: Final = msgspec.json.Decoder(Fields)
_text_decoder: Final = msgspec.json.Decoder(str)
_any_decoder: Final = msgspec.json.Decoder()

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
        whole = with_whole_surrogates(body)
        if whole != body:
            return decode_answer(decoder, whole, lenient)
        what = "is empty" if not body.strip() else f"is not JSON ({fault})"
        raise UpstreamInvalid(f"The provider's answer {what}.") from fault


def read_fields(text: bytes) -> tuple[Fields, Span]:
    """The fields of one JSON object, each named once, and where the value of `model` stands (0, 0 if nowhere).

    Raises InvalidJson, or InvalidRequest where a key stands twice, or in other letters than the API's: a
    provider might go by the one that was not looked at.
    """
    if len(text) > SMALL_BYTES and text.count(b'"') > QUOTES_MAX:
        raise InvalidRequest(
            f"The body has more than {QUOTES_MAX} quotes: it is none that a model could read."
        )
    fields, text = _decode_fields(text)
    if len(fields) > FIELDS_MAX:
        raise InvalidRequest(f"An object of the body has {len(fields)} keys; {FIELDS_MAX} is the most.")
    names = "".join(fields)
    if not (names.islower() and names.isascii()):
        _check_letters(fields)
    # Without a byte between its members an object is as long as they are: then none stands there twice, for
    # a repeated one would show in the length, and so would a key that is spelled with escapes.
    length = 1 + len(names) + sum(map(len, fields.values())) + 4 * len(fields)
    if length == len(text):
        return fields, _model_span(fields, 0)
    if len(text) - length == 2 * len(fields) - 1 and text == _spaced(fields):
        return fields, _model_span(fields, 1)
    return fields, _walk(text, fields)


def _model_span(fields: Fields, spaces: int) -> Span:
    """Where the model's value stands in an object with so many spaces after each colon and comma."""
    if "model" not in fields:
        return 0, 0
    at = 1
    for name, value in fields.items():
        at += len(name) + 3 + spaces
        if name == "model":
            break
        at += len(value) + 1 + spaces
    return at, at + len(fields["model"])


def _decode_fields(text: bytes) -> tuple[Fields, bytes]:
    """The fields, and the text as it could be read."""
    try:
        return _fields_decoder.decode(text), text
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = with_whole_surrogates(text)
        return decode_call(_fields_decoder, text), text


def with_whole_surrogates(text: bytes) -> bytes:
    """The same text, of the same length, with U+FFFD for each half of a pair that stands alone.

    JSON's grammar lets such halves pass (RFC 8259, 8.2): a model's answer may be cut in the middle of a pair. They
    are mended for reading alone.
    """
    return _SURROGATE.sub(_whole, text)


def _whole(found: re.Match[bytes]) -> bytes:
    return found.group() if found.group(1) else b"\\ufffd"


def _spaced(fields: Fields) -> bytes:
    """The object as Python's `json.dumps` writes it."""
    return b"{%b}" % b", ".join([b'"%b": %b' % (name.encode(), value) for name, value in fields.items()])


def read_model(fields: Fields) -> str:
    """The model that a call names. Raises InvalidRequest where it names none."""
    try:
        name = _text_decoder.decode(fields.get("model", NULL))
    except msgspec.ValidationError as fault:
        raise InvalidRequest(
            "The body's `model` must be a text: the name of the model that is to answer."
        ) from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise InvalidJson(f"The body's `model` is not JSON ({fault}).") from fault
    if _REPLACED in name:
        raise InvalidRequest("The body's `model` holds half a pair of surrogates, as no model's name does.")
    return name


def read_any(fields: Fields, name: str) -> Any:
    """A field's value of a call, None where it is not there, or too long to be one that the gateway reads.

    Raises InvalidJson where it is a text that is not UTF-8.
    """
    value = fields.get(name)
    if value is None or len(value) > SMALL_BYTES:
        return None
    try:
        return _any_decoder.decode(value)
    except UnicodeDecodeError as fault:
        raise InvalidJson(f"The body's `{name}` is not UTF-8; send one JSON object.") from fault
    except (msgspec.DecodeError, RecursionError):  # A number out of all range, say: nothing to go by.
        return None


def read_small(value: msgspec.Raw) -> Any:
    """A value of an answer, None where it is odd, or too long to be one that the gateway reads."""
    if len(value) > SMALL_BYTES:
        return None
    try:
        return _any_decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_array(value: msgspec.Raw) -> bool:
    """Whether a value is a JSON array. What it holds is not looked at, for that would cost its length in memory."""
    return memoryview(value)[0] == _BRACKET


def is_object(value: msgspec.Raw) -> bool:
    """Whether a value is a JSON object, likewise."""
    return memoryview(value)[0] == _BRACE


def _check_letters(fields: Fields) -> None:
    for name in fields:
        if name not in READ_KEYS and name.casefold() in READ_KEYS:
            raise InvalidRequest(f"The body has a key {name!r}: it is spelled {name.casefold()!r}.")


def _walk(text: bytes, fields: Fields) -> Span:
    """Where the model's value stands, by walking the object's own keys: exact whatever is in the values."""
    at = _skip_space(text, 0) + 1
    found = (0, 0)
    seen = 0
    # A repeated key's last value is the one decoded, so a walk by its bytes breaks off at the first.
    while True:
        at = _skip_space(text, at)
        key_text = _STRING.match(text, at)
        if key_text is None:
            break
        key = decode_call(_text_decoder, key_text.group())
        start = _end_of(_KEY_TO_VALUE.match(text, key_text.end()))
        value = bytes(fields[key])
        end = start + len(value)
        if not text.startswith(value, start):
            break
        seen += 1
        if key == "model":
            found = (start, end)
        at = _skip_space(text, end)
        if text[at : at + 1] != b",":
            break
        at += 1
    if seen != len(fields) or text[at : at + 1] != b"}":
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
