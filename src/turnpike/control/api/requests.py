"""What comes with a request: the caller, the name in the address, the body within its limit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated, TypeVar
from urllib.parse import unquote

import msgspec
import structlog
from fastapi import Depends, Path, Request
from starlette.requests import ClientDisconnect

from turnpike.control.attempts import FAILURES_MAX, WINDOW_SECONDS, Attempts
from turnpike.control.document.fault import shown
from turnpike.control.permissions import OPERATIONS, Actor, Permission, check_operation
from turnpike.control.plane import Plane
from turnpike.control.services.carry_out import Road
from turnpike.control.services.identify import check_node, identify, is_local
from turnpike.control.shares import Shares
from turnpike.domain.errors import (
    ClientClosed,
    ExpiredKey,
    InvalidJson,
    InvalidKey,
    InvalidRequest,
    PayloadTooLarge,
    PermissionDenied,
    RequestTimeout,
    RevokedKey,
    UnsupportedMediaType,
)

BODY_MAX_BYTES = 16 * 1024 * 1024
"""A document with the secrets that it refers to; anything else is far smaller."""

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

NAME_MAX_CHARACTERS = 512

JSON = "application/json"
YAML = "application/yaml"
YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml", "text/x-yaml"})

HELD = "turnpike.held"
"""Where in a request's scope stands what it holds until it has ended."""

T = TypeVar("T")

_log = structlog.get_logger()


def road_of(request: Request) -> Road:
    """Where the app's changes go."""
    road: Road = request.app.state.road
    return road


async def admit(request: Request) -> None:
    """Let the request in, or raise: every route's operation needs a row in the table of permissions."""
    operation = request.scope["route"].name
    plane = road_of(request).plane
    match OPERATIONS.get(operation):
        case None:
            raise PermissionDenied(f'"{operation}" has no row in the table of permissions: nobody may')
        case Permission.PUBLIC:
            return
        case Permission.NODE:
            check_node(plane.seal, _bearer(request))
        case _:
            actor = await _identified(request, plane)
            check_operation(actor, operation)
            request.state.actor = actor
            _take(request, request.app.state.requests)
    _check_parameters(request)


def take_document(request: Request) -> None:
    """Count a document among its caller's for as long as the request lasts. Raises Overloaded beyond its share."""
    _take(request, request.app.state.documents)


def _take(request: Request, shares: Shares) -> None:
    held: contextlib.ExitStack = request.scope[HELD]
    held.enter_context(shares.taken(_actor_of(request).name))


def _check_parameters(request: Request) -> None:
    """Raises InvalidRequest for a NUL, which no name or value here holds and not every store can look for."""
    for name, value in request.query_params.multi_items():
        if "\0" in name or "\0" in value:
            raise InvalidRequest(f"the parameter {shown(name)} holds a NUL character (%00): leave it out")


async def _identified(request: Request, plane: Plane) -> Actor:
    """The caller by its key, or, with too many keys refused, an error that tells nothing of this one."""
    attempts: Attempts = request.app.state.attempts
    token, peer = _bearer(request), request.client.host if request.client else None
    if not is_local(plane.seal, token):
        attempts.check(peer)
    try:
        return await asyncio.to_thread(identify, plane, token, peer)
    except (InvalidKey, ExpiredKey, RevokedKey) as fault:
        _log.warning("key.refused", peer=peer, code=fault.code)
        if attempts.failed(peer):
            _log.warning("key.attempts_stopped", peer=peer, failures=FAILURES_MAX, seconds=WINDOW_SECONDS)
        raise


def _actor_of(request: Request) -> Actor:
    actor: Actor = request.state.actor
    return actor


def _named(
    name: Annotated[str, Path(description="The resource's name, percent-encoded where it holds a slash.")],
) -> str:
    """The name as it stands encoded in the path (the app routes on the path as it was sent)."""
    try:
        decoded = unquote(name, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("the name in the address is not UTF-8") from None
    if not decoded.isprintable() or len(decoded) > NAME_MAX_CHARACTERS:
        raise InvalidRequest(f"a name has 1 to {NAME_MAX_CHARACTERS} printable characters")
    return decoded


Caller = Annotated[Actor, Depends(_actor_of)]
Name = Annotated[str, Depends(_named)]
RoadDependency = Annotated[Road, Depends(road_of)]


async def read_text(request: Request, max_bytes: int = BODY_MAX_BYTES) -> str:
    """The body as text. Raises PayloadTooLarge, RequestTimeout, InvalidRequest."""
    try:
        return (await read_body(request, max_bytes)).decode()
    except UnicodeDecodeError as fault:
        raise InvalidRequest(f"the body is not UTF-8: byte {fault.start} is wrong") from None


async def read_json(request: Request, type_: type[T], max_bytes: int = BODY_MAX_BYTES) -> T:
    """The body as a value of `type_`; no body stands for `{}`. Raises InvalidJson, InvalidRequest."""
    body = await read_body(request, max_bytes)
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except msgspec.ValidationError as fault:
        raise InvalidRequest(f"the body is not as it should be: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise InvalidJson(f"the body is not JSON: {fault}") from None


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, no longer than `max_bytes`.

    Raises PayloadTooLarge, RequestTimeout, ClientClosed, and UnsupportedMediaType for one that is packed.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedMediaType(
            "control reads bodies as they are: send this one without a content-encoding"
        )
    too_large = PayloadTooLarge(f"the body is larger than {max_bytes} bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {BODY_SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise ClientClosed("the caller went away before its body had come whole") from None
    return bytes(body)


async def done_in_turn(request: Request, turn: asyncio.Semaphore, work: Callable[[], T]) -> T:
    """What long work gives, done in a thread when its turn comes. Raises ClientClosed for a caller that left before."""
    async with turn:
        if await request.is_disconnected():
            raise ClientClosed("the caller went away before its turn came")
        return await asyncio.to_thread(work)


def media_type_of(request: Request, known: frozenset[str], unsaid: str) -> str:
    """The body's media type, `unsaid` where the request says none. Raises UnsupportedMediaType."""
    found = request.headers.get("content-type", unsaid).split(";")[0].strip().lower()
    if found not in known:
        raise UnsupportedMediaType(
            f"found the content-type {found!r}; one of these is read: {', '.join(sorted(known))}"
        )
    return found


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
