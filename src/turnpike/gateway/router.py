"""From an address to what answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from urllib.parse import unquote

from turnpike.dialects.openai_responses import KEPT
from turnpike.domain.errors import (
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    Overloaded,
    TurnpikeError,
)
from turnpike.gateway.cors import origin_lines, preflight_lines
from turnpike.gateway.disk import DiskThreads, within
from turnpike.gateway.edge.house import RenderedError
from turnpike.gateway.hop_marks import check_hops
from turnpike.gateway.listing import Listings
from turnpike.gateway.models import (
    anthropic_model,
    anthropic_models,
    openai_model,
    openai_models,
    sources,
)
from turnpike.gateway.pipeline import Road, admit, carry
from turnpike.gateway.plan import plan_call, plan_kept
from turnpike.gateway.reply_head import JSON_LINE, call_lines, error_lines
from turnpike.gateway.surfaces import CALLS, MODELS_PATH, error_shape, kept_request, misled
from turnpike.ports.http import Reply, Request, render_head

TEXT_LINE: Final = b"content-type: text/plain; charset=utf-8\r\n"
METRICS_PATH: Final = "/metrics"
SHOWN_PATH_CHARACTERS: Final = 200

SCRAPES_MAX: Final = 32
"""At once; anyone may ask, and all of them get a thread of their own between them."""
SCRAPE_SECONDS: Final = 5.0


class Router:
    """The application that the edge serves: calls to the pipeline, the rest answered here. Make it inside a running loop."""

    def __init__(self, road: Road, listings: Listings, origins: frozenset[str]) -> None:
        self._road = road
        self._listings = listings
        self._origins = origins
        self._scrapes = DiskThreads("metrics", 1, SCRAPES_MAX)
        self._probes: dict[str, Callable[[Reply], None]] = {
            "/livez": self._live,
            "/readyz": self._ready,
        }

    def __call__(self, request: Request, reply: Reply) -> Awaitable[None]:
        """Answer one request."""
        if self._origins:
            reply = _WithLines(reply, origin_lines(self._origins, request.headers))
        speech = CALLS.get(request.path)
        if speech is not None and request.method == "POST":
            return carry(self._road, speech, plan_call, request, reply)
        return self._answer_other(request, reply)

    def admit(self, head: Request) -> None:
        """Let a body come in from those alone who hold a key, and where one is taken.

        Raises as the whole request would be answered: what a stranger sends is not kept until then.
        """
        speech = CALLS.get(head.path)
        kept = kept_request(head.path) if speech is None else None
        if speech is not None:
            _check_method(head, ("POST",))
            admit(self._road, speech, head)
        elif kept is not None:
            _check_method(head, kept.methods)
            admit(self._road, KEPT, head)
        else:
            self._check_bodiless(head)

    def render_error(self, path: str, headers: dict[bytes, bytes], error: TurnpikeError) -> RenderedError:
        """An error of a request that is no call, in the shape that the caller's SDK parses."""
        call_id = error.call_id = error.call_id or self._road.next_call_id()
        body = error_shape(path, headers).body(error, call_id)
        lines = call_lines(call_id) + error_lines(error) + origin_lines(self._origins, headers)
        return error.http_status, lines, body

    async def _answer_other(self, request: Request, reply: Reply) -> None:
        if self._origins and request.method == "OPTIONS":
            reply.whole(204, preflight_lines(self._origins, request.headers), b"")
            return
        path = request.path
        if path in CALLS:
            raise _not_allowed(request, ("POST",))
        kept = kept_request(path)
        if kept is not None:
            _check_method(request, kept.methods)
            plan = partial(plan_kept, asked=kept)
            await carry(self._road, KEPT, plan, request, reply)
            return
        self._check_bodiless(request)
        if path == METRICS_PATH:
            await self._show_metrics(request, reply)
        elif path in self._probes:
            self._probes[path](reply)
        else:
            await self._list_models(request, reply)

    def _check_bodiless(self, request: Request) -> None:
        """Of an address that takes no call: raises NotFound where there is nothing, MethodNotAllowed, or InvalidRequest
        where a body is announced, which nobody would look at."""
        path = request.path
        listed = path == MODELS_PATH or path.startswith(MODELS_PATH + "/")
        if not listed and path != METRICS_PATH and path not in self._probes:
            raise NotFound(
                f"There is nothing at {path[:SHOWN_PATH_CHARACTERS]}. {misled(path) or _ADDRESSES}"
            )
        _check_method(request, ("GET", "HEAD"))
        headers = request.headers
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            raise InvalidRequest(f"{path} takes no body: leave it out.")

    async def _list_models(self, request: Request, reply: Reply) -> None:
        with self._road.gate as serving:
            access = serving.identities.identify(request, self._road.clock.now_ns()).key.access
            check_hops(request.headers, serving.marks)
            name = unquote(request.path[len(MODELS_PATH) + 1 :])
            is_anthropic = b"anthropic-version" in request.headers
            if name:
                body = (anthropic_model if is_anthropic else openai_model)(serving, access, name)
            else:
                self._listings.forget_all_but(serving.pools)
                provided = await self._listings.names_at(sources(serving, access))
                every = anthropic_models if is_anthropic else openai_models
                body = every(serving, access, provided, request.query)
        reply.whole(200, JSON_LINE + call_lines(self._road.next_call_id()), body)

    def _live(self, reply: Reply) -> None:
        reply.whole(200, TEXT_LINE, b"live\n")

    def _ready(self, reply: Reply) -> None:
        gate = self._road.gate
        if gate.draining:
            reply.whole(503, TEXT_LINE, b"draining\n")
        elif gate.serving is None:
            reply.whole(NotReady.http_status, TEXT_LINE, b"no configuration yet\n")
        else:
            reply.whole(200, TEXT_LINE, b"ready\n")

    async def _show_metrics(self, request: Request, reply: Reply) -> None:
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        if self._scrapes.is_full:
            raise Overloaded("As many scrapes as may wait for the counts already; try again.")
        try:
            page = await within(SCRAPE_SECONDS, self._scrapes.begin(self._road.metrics.expose, accept))
        except TimeoutError as late:
            raise Overloaded("The files that the counts are kept in do not answer; try again.") from late
        reply.whole(200, render_head([("content-type", page.content_type)]), page.body)


_ADDRESSES: Final = f"Calls are taken at {', '.join(CALLS)}; models are listed at {MODELS_PATH}."


def _check_method(request: Request, methods: tuple[str, ...]) -> None:
    if request.method not in methods:
        raise _not_allowed(request, methods)


def _not_allowed(request: Request, methods: tuple[str, ...]) -> MethodNotAllowed:
    said = f"{request.path} takes {' or '.join(methods)}, not {request.method}."
    return MethodNotAllowed(said, methods)


class _WithLines:
    """A reply whose head gets further lines."""

    def __init__(self, reply: Reply, lines: bytes) -> None:
        self._reply = reply
        self._lines = lines
        self.write = reply.write
        self.drained = reply.drained
        self.end = reply.end
        self.abort = reply.abort

    @property
    def begun(self) -> bool:
        return self._reply.begun

    @property
    def congested(self) -> bool:
        return self._reply.congested

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        self._reply.whole(status, head + self._lines, body)

    def begin(self, status: int, head: bytes) -> None:
        self._reply.begin(status, head + self._lines)
