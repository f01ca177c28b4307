"""What a request asks for and whether it may: from bytes and a key to a grant and what to send."""

from __future__ import annotations

from typing import Final

from turnpike.dialects.openai_responses import asks_for_stream
from turnpike.dialects.speech import CallBody
from turnpike.domain.errors import LengthRequired, NotFound, UnsupportedMediaType
from turnpike.domain.principal import Principal
from turnpike.domain.surface import OPENAI_RESPONSES
from turnpike.gateway.aside import AT_ONCE_BYTES, Aside
from turnpike.gateway.authorize import act_for, authorize, authorize_kept, check_surface
from turnpike.gateway.grants import Grant
from turnpike.gateway.identities import Holder
from turnpike.gateway.kept.response import may_touch
from turnpike.gateway.kept.responses import KeptResponses
from turnpike.gateway.outgoing import Outgoing
from turnpike.gateway.progress import Progress
from turnpike.gateway.provision import Serving
from turnpike.gateway.reply_head import upstream_suffix
from turnpike.gateway.surfaces import KeptRequest
from turnpike.gateway.tagging import given_tags, tags_of
from turnpike.ports.http import Request

JSON: Final = b"application/json"
USER: Final = b"x-turnpike-user"


Planned = tuple[Grant, Outgoing]
"""A call that may go: the proof, and what to send."""


async def plan_call(
    call: Progress, holder: Holder, serving: Serving, kept: KeptResponses, aside: Aside
) -> Planned:
    """A call whose body names a model. Raises whatever speaks against it."""
    request, speech = call.request, call.speech
    headers, sent = request.headers, request.body
    if not sent:
        _check_length(headers)
    content_type = headers.get(b"content-type", JSON)
    if content_type != JSON:
        _check_content_type(content_type)
    principal = holder.key.principal
    if USER in headers:
        principal = call.principal = _principal_of(request, holder)
    body = speech.read_call(sent) if len(sent) <= AT_ONCE_BYTES else await aside.read(speech.read_call, sent)
    call.model = model = body.model
    call.stream = stream = body.stream
    call.tags = tags_of(headers, body.labels, holder.key)
    grant = authorize(holder, speech.surface, model, serving.catalogue)
    claims: tuple[str, ...] = ()
    if body.refers_to or body.conversation is not None:
        claims = await _check_references(kept, body, principal)
    suffix = upstream_suffix(request, speech.suffix) if request.query else speech.suffix
    keeps = body.stored or bool(claims)
    return grant, Outgoing(b"POST", suffix, sent, model, body.model_span, stream, keeps, claims)


async def plan_kept(
    call: Progress, holder: Holder, serving: Serving, kept: KeptResponses, aside: Aside, asked: KeptRequest
) -> Planned:
    """A request about a response that a provider keeps: it goes where the response was made.

    Raises as `authorize_kept` does, and Overloaded. Tags are not required of it: what the response cost is
    attributed already.
    """
    request = call.request
    principal = call.principal = _principal_of(request, holder)
    call.tags = given_tags(request.headers, (), holder.key)
    check_surface(holder.key.access, OPENAI_RESPONSES)  # before any file is searched
    name = asked.response_id
    found = (await kept.find((name,))).get(name)
    grant = authorize_kept(holder, principal, name, found, serving.catalogue)
    call.model = grant.model
    call.stream = asks_for_stream(request.query)
    suffix = upstream_suffix(request, f"/{name}{asked.suffix}".encode())
    method = request.method.encode()
    return grant, Outgoing(method, suffix, request.body, stream=call.stream, keeps=True, about=found)


def _principal_of(request: Request, holder: Holder) -> Principal:
    user = request.headers.get(USER)
    return act_for(holder, user.decode("utf-8", "replace") if user else None)


def _check_length(headers: dict[bytes, bytes]) -> None:
    """A request of neither length nor chunks has no body (RFC 9112, 6.3), and such a call asks for nothing."""
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        raise LengthRequired(
            "A call needs a body, and this request announced none: send content-length or chunks."
        )


def _check_content_type(content_type: bytes) -> None:
    if b"json" not in content_type.lower():
        raise UnsupportedMediaType(
            "The body must be JSON: send it with `content-type: application/json`, not "
            f"{content_type[:80].decode('latin-1')!r}."
        )


async def _check_references(kept: KeptResponses, body: CallBody, principal: Principal) -> tuple[str, ...]:
    """One team's conversation is not continued by another, though they share a provider.

    Returns what is nobody's so far: conversations are made at the provider, so the first to use one owns it.
    """
    conversations = () if body.conversation is None else (body.conversation,)
    known = await kept.find((*body.refers_to, *conversations))
    for name, found in known.items():
        if not may_touch(found, principal):
            raise NotFound(
                f"The body goes on from {name!r}: no response, item or conversation by this id belongs to this "
                "key's owner."
            )
    return tuple(name for name in conversations if name not in known)
