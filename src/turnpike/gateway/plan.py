"""What a request asks for and whether it may: from bytes and a key to a grant and what to send."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qs

import msgspec

from turnpike.domain.errors import NotFound, UnsupportedMediaType, UpstreamUnavailable
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Model, Target
from turnpike.domain.surface import OPENAI_RESPONSES
from turnpike.gateway.authorize import act_for, authorize, check_surface
from turnpike.gateway.catalogue import Route
from turnpike.gateway.grants import Grant
from turnpike.gateway.identities import Holder
from turnpike.gateway.kept import KeptResponses, may_touch
from turnpike.gateway.outgoing import Outgoing
from turnpike.gateway.progress import Progress
from turnpike.gateway.provision import Serving
from turnpike.gateway.reply_head import upstream_suffix
from turnpike.gateway.surfaces import KeptRequest
from turnpike.gateway.tagging import given_tags, tags_of
from turnpike.ports.http import Request

JSON: Final = b"application/json"
USER: Final = b"x-turnpike-user"
TRUE: Final = ("true", "True", "1")


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A call that may go: the proof, and what to send."""

    grant: Grant
    outgoing: Outgoing


async def plan_call(
    call: Progress, holder: Holder, serving: Serving, kept: KeptResponses, suffix: str
) -> Planned:
    """A call whose body names a model. Raises whatever speaks against it."""
    request = call.request
    _check_content_type(request.headers.get(b"content-type", JSON))
    call.principal = _principal_of(request, holder)
    body = call.speech.read_call(request.body)
    call.model = body.model
    call.stream = body.stream
    call.tags = tags_of(request.headers, body.labels, holder.key)
    grant = authorize(holder, call.speech.surface, body.model, serving.catalogue)
    if body.continues is not None:
        await _check_continued(kept, body.continues, call)
    return Planned(
        grant,
        Outgoing(
            b"POST",
            upstream_suffix(request, suffix),
            request.body,
            body.model,
            body.model_span,
            body.stream,
            body.stored,
        ),
    )


async def plan_kept(
    call: Progress, holder: Holder, serving: Serving, kept: KeptResponses, asked: KeptRequest
) -> Planned:
    """A request about a response that a provider keeps: it goes where the response was made.

    Raises NotFound where the caller's team has none by this id. Tags are not required of it: what the
    response cost is attributed already.
    """
    request = call.request
    call.principal = _principal_of(request, holder)
    call.tags = given_tags(request.headers, (), holder.key)
    check_surface(holder.key.access, OPENAI_RESPONSES)
    found = await asyncio.to_thread(kept.find, asked.response_id)
    if found is None or not may_touch(found, call.principal):
        raise NotFound(
            f"No response {asked.response_id!r} was made here with a key that shares this one's "
            "owner in the last 30 days."
        )
    call.model = found.model
    call.stream = _asks_for_stream(request.query)
    way = serving.catalogue.way_to(found.provider, found.model, OPENAI_RESPONSES)
    if way is None:
        raise UpstreamUnavailable(
            f"The provider {found.provider!r}, which keeps this response, is configured no more."
        )
    model = Model(found.model, (Target(found.provider, found.model),))
    suffix = upstream_suffix(request, f"/{asked.response_id}{asked.suffix}")
    return Planned(
        Grant(OPENAI_RESPONSES, found.model, Route(model, (way,))),
        Outgoing(request.method.encode(), suffix, request.body, stream=call.stream),
    )


def _principal_of(request: Request, holder: Holder) -> Principal:
    user = request.headers.get(USER)
    return act_for(holder, user.decode("utf-8", "replace") if user else None)


def _check_content_type(content_type: bytes) -> None:
    if content_type != JSON and b"json" not in content_type.lower():
        raise UnsupportedMediaType(
            "The body must be JSON: send it with `content-type: application/json`, not "
            f"{content_type[:80].decode('latin-1')!r}."
        )


async def _check_continued(kept: KeptResponses, response_id: str, call: Progress) -> None:
    """One team's conversation is not continued by another, though they share a provider."""
    found = await asyncio.to_thread(kept.find, response_id)
    if found is not None and call.principal is not None and not may_touch(found, call.principal):
        raise NotFound(
            f"previous_response_id: no response {response_id!r} was made with a key that shares "
            "this one's owner."
        )


def _asks_for_stream(query: bytes) -> bool:
    return parse_qs(query.decode("latin-1")).get("stream", [""])[-1] in TRUE
