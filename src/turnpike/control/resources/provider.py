"""Providers: where calls go, with which credential, within which time."""

from __future__ import annotations

import re

import msgspec

from turnpike.control.document.fault import Path, shown
from turnpike.control.document.kind import Resource
from turnpike.control.document.reader import ProviderKinds, Reader
from turnpike.control.document.record import Field, Kind, Record, View
from turnpike.control.document.reference import has_reference
from turnpike.control.document.shape import (
    BAD,
    ListOf,
    MapOf,
    Number,
    Schema,
    SecretText,
    Text,
    matching,
    text_of,
)
from turnpike.control.document.tree import Node
from turnpike.control.document.url import proxy_complaint
from turnpike.control.resources.texts import BASE_URL, NAME, common_fields
from turnpike.domain.provider import ProviderKind

MAX_CREDENTIALS = 64
MAX_HEADERS = 32

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
_SECRET_NAME = re.compile(r"auth|cookie|credential|key|passw|secret|token|signature", re.IGNORECASE)
_OWN_HEADERS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""The gateway makes these itself, or they belong to one connection (RFC 9110, 7.6.1)."""


class ProviderTls(msgspec.Struct, frozen=True, omit_defaults=True):
    """Paths of PEM files on the gateway's machine."""

    ca_file: str | None = None
    client_certificate: str | None = None


class Timed(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """Time limits and retries, as providers give them and models override them."""

    connect_timeout_seconds: int | float | None = None
    first_byte_timeout_seconds: int | float | None = None
    idle_timeout_seconds: int | float | None = None
    total_timeout_seconds: int | float | None = None
    retries: int | None = None


class Provider(Timed, frozen=True, kw_only=True, omit_defaults=True):
    """One place where models are served; `credential`, `credentials`, secret `headers` and `proxy` hold references."""

    kind: str
    base_url: str | None = None
    credential: str | None = None
    credentials: tuple[str, ...] | None = None
    headers: dict[str, str] | None = None
    tls: ProviderTls | None = None
    proxy: str | None = None
    region: str | None = None
    discount_percent: int | float | None = None


class KindName(msgspec.Struct, frozen=True):
    """The name of a kind of provider that this release knows."""

    title = "a kind of provider"

    def read(self, node: Node, path: Path, reader: Reader) -> object:
        text = text_of(node, path, reader, self.title)
        if text is None or text in reader.providers:
            return BAD if text is None else text
        reader.fault(
            node.place, path, f"no kind of provider {shown(text)}", found=text, known=reader.providers
        )
        return BAD

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "enum": sorted(providers)}


class HeaderValue(msgspec.Struct, frozen=True):
    """A header's value: a secret where it holds a reference, or where the header's name tells of one."""

    title = "a header's value"

    def read(self, node: Node, path: Path, reader: Reader) -> object:
        text = text_of(node, path, reader, self.title, secret=True)
        if text is None:
            return BAD
        if has_reference(text) or _SECRET_NAME.search(str(path[-1])):
            return SecretText("header").read(node, path, reader)
        return _HEADER_TEXT.read(node, path, reader)

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 8192}


class ProxyUrl(msgspec.Struct, frozen=True):
    """A proxy's URL: a secret where it holds a reference or a password."""

    title = "a proxy's URL"

    def read(self, node: Node, path: Path, reader: Reader) -> object:
        text = text_of(node, path, reader, self.title, secret=True)
        if text is None:
            return BAD
        if has_reference(text):
            return SecretText("proxy").read(node, path, reader)
        said = _PROXY_TEXT.read(node, path, reader)
        return SecretText("proxy").read(node, path, reader) if said is not BAD and "@" in text else said

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 2048}


def _header_value_complaint(text: str) -> str | None:
    return (
        None
        if text.isascii() and text == text.strip()
        else "a header's value is ASCII, without blanks at its ends"
    )


def _header_name_complaint(name: str) -> str | None:
    lower = name.lower()
    if not re.fullmatch(_TOKEN, name):
        return "a header's name has 1 to 128 letters, digits and !#$%&'*+-.^_`|~"
    if lower in _OWN_HEADERS:
        return "the gateway makes this header itself"
    if lower.startswith("x-turnpike-"):
        return "headers of Turnpike's own never travel to a provider"
    return None


_HEADER_TEXT = Text("a header's value", 8192, _header_value_complaint, private=True)
_PROXY_TEXT = Text("a proxy's URL", 2048, proxy_complaint, private=True)
_FILE_PATH = Text("a path of a PEM file", 1024)
_REGION = Text(
    "a region's name",
    64,
    matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, dots, dashes and underscores"),
)
_HEADERS = MapOf(_header_name_complaint, f"^{_TOKEN}$", HeaderValue(), "headers", MAX_HEADERS)

_OVERRIDES = "the provider's"


def timed_fields(defaults: tuple[str, ...]) -> tuple[Field, ...]:
    """Time limits and retries; `defaults` in words, in the fields' order."""
    connect, first_byte, idle, total, retries = defaults
    return (
        Field("connect_timeout_seconds", Number(0.01, 300), "How long a connection may take to stand, TLS included.",
              default=connect),
        Field("first_byte_timeout_seconds", Number(0.01, 3600), "How long the answer's first byte may take.",
              default=first_byte),
        Field("idle_timeout_seconds", Number(0.01, 3600), "How long nothing may come between two reads, in streams too.",
              default=idle),
        Field("total_timeout_seconds", Number(0.01, 86_400), "How long a call may take from its first try to its end.",
              default=total),
        Field("retries", Number(0, 10, whole=True), "Tries after the first, only where nothing can have been processed.",
              default=retries),
    )  # fmt: skip


MODEL_TIMED_FIELDS = timed_fields((_OVERRIDES,) * 5)


def check_times(view: View) -> None:
    """Note a fault where a part of a call may take longer than the whole."""
    total = view.values.get("total_timeout_seconds")
    for field in ("connect_timeout_seconds", "first_byte_timeout_seconds", "idle_timeout_seconds"):
        part = view.values.get(field)
        if part is not None and total is not None and part > total:
            view.fault(f"found {part:g}, which is more than total_timeout_seconds ({total:g})", field)


def _check(view: View) -> None:
    check_times(view)
    if view.has("credential") and view.has("credentials"):
        view.fault("give `credential` or `credentials`, not both", "credentials")
    _check_header_names(view)
    kind = view.reader.providers.get(view.values.get("kind", ""))
    if kind is not None:
        _check_against(kind, view)


def _check_header_names(view: View) -> None:
    seen: dict[str, str] = {}
    for name in view.values.get("headers", {}):
        first = seen.setdefault(name.lower(), name)
        if first != name:
            view.fault(
                f"is the same header as {shown(first)}; upper and lower case do not differ", "headers", name
            )


def _check_against(kind: ProviderKind, view: View) -> None:
    """The rules that follow from what is known of the kind."""
    if kind.base_url is None and not view.has("base_url"):
        view.fault(f"the field `base_url` is missing: kind {kind.name} has no address of its own")
    has_credential = view.has("credential") or view.has("credentials")
    # At an address of the user's own another server answers, which may want none.
    if kind.credential_required and not has_credential and not view.has("base_url"):
        variable = kind.credential_variable or "NAME"
        view.fault(f'the field `credential` is missing: kind {kind.name} needs one, as "${{env:{variable}}}"')
    made = {name.lower() for name, _ in kind.credentialed("x")} if has_credential else set()
    for name in view.values.get("headers", {}):
        if name.lower() in made:
            view.fault(
                f"found the header {shown(name)}, which is made from `credential`; leave it out",
                "headers",
                name,
            )


PROVIDER = Kind(
    name="providers",
    meaning="Places where models are served: where calls go, with which credential, within which time.",
    record=Record(
        Provider,
        "a provider",
        (
            *common_fields(NAME),
            Field("kind", KindName(), "What it speaks: one of the kinds of provider.", required=True),
            Field("base_url", BASE_URL, "Where it is: http or https, up to the path that the kind's own paths follow. "
                  "It may be a private address.", default="the vendor's"),
            Field("credential", SecretText("credential"), "The secret that calls to it carry."),
            Field("credentials", ListOf(SecretText("credential"), 1, MAX_CREDENTIALS),
                  "Several such secrets, used in turn; in place of `credential`."),
            Field("headers", _HEADERS, "Headers of every call to it. A value with a reference is a secret, as is one whose "
                  "header's name tells of a secret (key, token, auth, cookie and the like)."),
            *timed_fields(("5", "120", "60", "600", "2")),
            Field("tls", Record(ProviderTls, "settings of TLS", (
                Field("ca_file", _FILE_PATH, "PEM file of authorities to trust besides the system's."),
                Field("client_certificate", _FILE_PATH, "PEM file with a certificate and its key, shown to the provider."),
            )), "TLS to the provider, which is always verified; paths on the gateway's machine."),
            Field("proxy", ProxyUrl(), "HTTP proxy for calls to it; a URL with a password, or with a reference, is a secret.",
                  default="none"),
            Field("region", _REGION, "Where it computes, for records and routing."),
            Field("discount_percent", Number(0, 100), "Taken off the list price; it counts once calls have prices, and changes nothing yet.", default="0"),
        ),
        _check,
    ),
    links=lambda provider: (),
    example='{name: openai, kind: openai, credential: "${env:OPENAI_API_KEY}"}',
)  # fmt: skip
