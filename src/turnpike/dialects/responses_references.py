"""What a request for a response refers to by id, at the provider: responses, items of theirs, conversations.

Source: OpenAI's API reference (`previous_response_id`, `conversation`, `input`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.dialects.json_body import NULL, Fields, decode_call, read_any, read_fields
from turnpike.domain.errors import InvalidRequest

REFERENCES_MAX: Final = 1_000
ITEMS_MAX: Final = 20_000
ID_MAX_CHARACTERS: Final = 1_024

BY_VALUE_TYPES: Final = frozenset(
    (
        "message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "mcp_approval_response",
    )
)
"""Items that hold what they say. Of the others a provider may take what it keeps under their id."""

SEALED_TYPES: Final = frozenset(("reasoning", "compaction"))
"""Items that hold what they say where it is sealed: in `encrypted_content`."""

_ID_KEY: Final = b'"id"'
_ESCAPED_LETTER: Final = b"\\u00"
"""Without this and without `_ID_KEY` no key can be `id`, in small letters."""

_items_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])


def read_conversation(fields: Fields) -> str | None:
    """The id of the conversation that a call is a turn of. Raises InvalidRequest where it is not to be made out."""
    given = fields.get("conversation")
    if given is None or given == NULL:
        return None
    if bytes(given).startswith(b"{"):
        fields, _ = read_fields(bytes(given))
        name = read_any(fields, "id")
    else:
        name = read_any(fields, "conversation")
    if not isinstance(name, str):
        raise InvalidRequest("conversation: give its id, as a text or as an object with `id`.")
    return _checked("conversation", name)


def read_references(fields: Fields) -> tuple[str, ...]:
    """Ids of responses and items that a call builds on. Raises InvalidRequest."""
    given = fields.get("input")
    items = () if given is None else _items(bytes(given))
    previous = read_any(fields, "previous_response_id")
    if not isinstance(previous, str):
        return items
    return (_checked("previous_response_id", previous), *items)


def _checked(field: str, name: str) -> str:
    if len(name) > ID_MAX_CHARACTERS:
        raise InvalidRequest(f"{field}: an id has {ID_MAX_CHARACTERS} characters at most, not {len(name)}.")
    return name


def _items(given: bytes) -> tuple[str, ...]:
    """Ids of items that stand for what the provider keeps."""
    if not given.startswith(b"[") or (_ID_KEY not in given and _ESCAPED_LETTER not in given):
        return ()
    items = decode_call(_items_decoder, given)
    if len(items) > ITEMS_MAX:
        raise InvalidRequest(f"input: {len(items)} items; {ITEMS_MAX} is the most.")
    ids = dict.fromkeys(name for item in items if (name := _reference(bytes(item))) is not None)
    if len(ids) > REFERENCES_MAX:
        raise InvalidRequest(f"input: {len(ids)} items by reference; {REFERENCES_MAX} is the most.")
    return tuple(ids)


def _reference(item: bytes) -> str | None:
    if not item.startswith(b"{"):
        return None
    fields, _ = read_fields(item)
    name, kind = read_any(fields, "id"), read_any(fields, "type")
    if not isinstance(name, str) or _holds_what_it_says(fields, kind):
        return None
    return _checked("input", name)


def _holds_what_it_says(fields: Fields, kind: object) -> bool:
    if kind is None:
        return "role" in fields
    if not isinstance(kind, str):
        return False
    return kind in BY_VALUE_TYPES or (
        kind in SEALED_TYPES and _is_filled_text(fields.get("encrypted_content"))
    )


def _is_filled_text(value: msgspec.Raw | None) -> bool:
    return value is not None and bytes(value).startswith(b'"') and bytes(value) != b'""'
