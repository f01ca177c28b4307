"""Shapes of texts that more than one kind uses: names, patterns, tags, URLs, networks, moments."""

from __future__ import annotations

import ipaddress

import msgspec

from turnpike.control.document.fault import Path, shown
from turnpike.control.document.instant import instant_ns
from turnpike.control.document.reader import ProviderKinds, Reader
from turnpike.control.document.record import Field
from turnpike.control.document.shape import BAD, ListOf, MapOf, Schema, Text, matching
from turnpike.control.document.tree import Node
from turnpike.control.document.url import url_complaint
from turnpike.domain.pattern import STAR, is_pattern, matches
from turnpike.domain.surface import SURFACES

MAX_TAGS = 16
MAX_LABELS = 64
MAX_MODEL_CHARACTERS = 256

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
NAME_RULE = (
    "a name has 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit"
)
USER_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}"
USER_NAME_RULE = "a user's name has 1 to 128 letters, digits and . - _ @ +, and begins with a letter or digit"
TAG_NAME_PATTERN = r"[a-z0-9_.-]{1,64}"
TAG_NAME_RULE = "a tag's name has 1 to 64 lower-case letters, digits, dots, dashes and underscores"
LABEL_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}"
LABEL_NAME_RULE = "a label's name has 1 to 64 letters, digits, dots, dashes, underscores and slashes"

NAME = Text("a name", 64, matching(NAME_PATTERN, NAME_RULE), extra={"pattern": f"^{NAME_PATTERN}$"})
USER_NAME = Text(
    "a user's name",
    128,
    matching(USER_NAME_PATTERN, USER_NAME_RULE),
    extra={"pattern": f"^{USER_NAME_PATTERN}$"},
)


def common_fields(name: Text) -> tuple[Field, ...]:
    """The fields that every kind begins with."""
    return (
        Field("name", name, "What identifies it among its kind.", required=True),
        Field("description", Text("a text", 2000, multiline=True), "For people."),
        Field("labels", LABELS, "Names and values of your own, for tools that work on resources."),
    )


def _model_text_complaint(text: str) -> str | None:
    if text.count(STAR) > 1:
        return "one star is allowed"
    if any(c.isspace() for c in text):
        return "a model's name holds no white space"
    return None


MODEL_NAME = Text("a model's name or a pattern with one star", MAX_MODEL_CHARACTERS, _model_text_complaint,
                  extra={"pattern": r"^[^\s*]*\*?[^\s*]*$"})  # fmt: skip


class AllowedModel(msgspec.Struct, frozen=True):
    """A model's name or pattern in a list of what may be used."""

    title = MODEL_NAME.title

    def read(self, node: Node, path: Path, reader: Reader) -> object:
        text = MODEL_NAME.read(node, path, reader)
        if text is not BAD and not is_pattern(text):
            reader.allow_model(text, node.place, path)
        return text

    def schema(self, providers: ProviderKinds) -> Schema:
        return MODEL_NAME.schema(providers)


class AllowedSurface(msgspec.Struct, frozen=True):
    """A surface's name, or a pattern that means at least one."""

    title = "a surface's name or a pattern such as openai.*"

    def read(self, node: Node, path: Path, reader: Reader) -> object:
        text = MODEL_NAME.read(node, path, reader)
        if text is BAD or any(matches(text, surface) for surface in SURFACES):
            return text
        reader.fault(node.place, path, f"no surface {shown(text)}", found=text, known=SURFACES)
        return BAD

    def schema(self, providers: ProviderKinds) -> Schema:
        pattern = {"type": "string", "pattern": r"^[^\s*]*\*[^\s*]*$"}
        return {"anyOf": [{"type": "string", "enum": list(SURFACES)}, pattern]}


def _network_complaint(text: str) -> str | None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return _network_hint(text)
    return None


def _network_hint(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "a network must stand here, as 10.0.0.0/8, 2001:db8::/32 or one address"
    return f"the address has bits beyond its prefix; did you mean {shown(str(meant))}?"


def _instant_complaint(text: str) -> str | None:
    try:
        instant_ns(text)
    except ValueError as wrong:
        return str(wrong)
    return None


def _actor_complaint(text: str) -> str | None:
    return "one star is allowed" if text.count(STAR) > 1 else None


BASE_URL = Text("a URL", 2048, url_complaint, private=True, extra={"format": "uri", "pattern": "^https?://"})
NETWORK = Text("a network (CIDR)", 64, _network_complaint)
INSTANT = Text("a moment (RFC 3339)", 40, _instant_complaint, extra={"format": "date-time"})
END_USER = Text("an end user's name or a pattern with one star", 256, _actor_complaint)
TAGS = MapOf(
    matching(TAG_NAME_PATTERN, TAG_NAME_RULE),
    f"^{TAG_NAME_PATTERN}$",
    Text("a tag's value", 128),
    "tags",
    MAX_TAGS,
)
TAG_NAME = Text(
    "a tag's name", 64, matching(TAG_NAME_PATTERN, TAG_NAME_RULE), extra={"pattern": f"^{TAG_NAME_PATTERN}$"}
)
TAG_NAMES = ListOf(TAG_NAME, max_items=MAX_TAGS)
LABELS = MapOf(
    matching(LABEL_NAME_PATTERN, LABEL_NAME_RULE),
    f"^{LABEL_NAME_PATTERN}$",
    Text("a label's value"),
    "labels",
    MAX_LABELS,
)
