"""The control plane's application: its routes, what every answer carries, and its life on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence

import structlog
import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnpike.control.api import checks, documents, explain, health, keys, link, pages, resources, status
from turnpike.control.api.checks import Probe, probe_nobody
from turnpike.control.api.problems import answer_errors
from turnpike.control.api.requests import HELD, admit
from turnpike.control.attempts import Attempts
from turnpike.control.connections import BOUNDS, BoundedProtocol, Bounds, Connections
from turnpike.control.plane import Plane
from turnpike.control.publish import Publication
from turnpike.control.services.carry_out import Road, publish_stored
from turnpike.control.shares import DOCUMENTS_AT_ONCE, REQUESTS_AT_ONCE, Shares
from turnpike.domain.errors import StoreUnavailable

FOLLOW_SECONDS = 0.5
"""How often control looks whether another control process on the same store has published."""

STOP_SECONDS = 5
"""How long answers under way may take once control is told to stop."""

IDLE_CONNECTION_SECONDS = 75

ROUTERS: Sequence[APIRouter] = (
    health.router,
    pages.router,
    link.router,
    documents.router,
    status.router,
    keys.router,
    explain.router,
    checks.router,
    resources.router,  # last: its addresses have a kind where others have a word
)
"""Every route that there is."""

_ANSWER_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

_log = structlog.get_logger()


def make_control(plane: Plane, version: str = "", probe: Probe = probe_nobody) -> FastAPI:
    """The control API on a plane that services.start.start has made ready; publishes what is in store."""
    app = FastAPI(
        title="Turnpike control API",
        description="Configuration, identities, publication and audit. Errors are problem documents (RFC 9457).",
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(admit)],
        generate_unique_id_function=_operation_id,
        lifespan=_life,
    )
    app.state.road = Road(plane, Publication(plane.clock))
    app.state.attempts = Attempts(plane.clock)
    app.state.requests = Shares(REQUESTS_AT_ONCE, "requests")
    app.state.documents = Shares(DOCUMENTS_AT_ONCE, "documents")
    app.state.probe = probe
    for router in ROUTERS:
        app.include_router(router)
    answer_errors(app, [route for router in ROUTERS for route in router.routes])
    app.add_middleware(AsSent)
    return app


async def run_control(
    app: FastAPI, listeners: Sequence[socket.socket], stop: asyncio.Event, bounds: Bounds = BOUNDS
) -> None:
    """Serve the app on bound sockets until `stop` is set; answers under way are finished, within a bound."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=IDLE_CONNECTION_SECONDS,
    )
    server = _Server(config, bounds)
    async with asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(_end_when_told(server, app, stop))
        await server.serve(list(listeners))
        ending.cancel()


class AsSent:
    """Routes on the path as it was sent, so that an encoded slash stays inside its name; answers are not kept.

    What a request holds is given back when it has ended.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw = scope.get("raw_path")
        as_sent = {**scope, "path": _path_of(raw).decode("latin-1")} if raw else {**scope}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_ANSWER_HEADERS]}
            await send(message)

        with contextlib.ExitStack() as as_sent[HELD]:
            await self._app(as_sent, receive, send_with_headers)


def _path_of(target: bytes) -> bytes:
    """The path in a request's target, which may be a whole address (RFC 9112, 3.2.2); its query stands elsewhere."""
    scheme, separator, rest = target.partition(b"://")
    if target.startswith(b"/") or scheme.lower() not in (b"http", b"https") or not separator:
        return target
    return b"/" + rest.partition(b"/")[2]


class _Server(uvicorn.Server):
    """A server whose connections have bounds; it leaves signals to the process that it is part of."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds) -> None:
        super().__init__(config)
        self.server_state = Connections(bounds)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    road: Road = app.state.road
    await publish_stored(road)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(_follow(road))
        yield
        road.publication.stop()
        following.cancel()


async def _end_when_told(server: uvicorn.Server, app: FastAPI, stop: asyncio.Event) -> None:
    await stop.wait()
    # Held questions of workers are answered now: they would keep the server from ending.
    app.state.road.publication.stop()
    server.should_exit = True


async def _follow(road: Road) -> None:
    """Publish what other control processes put into the same store."""
    seen = -1
    is_told = False
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        try:
            revision = await asyncio.to_thread(road.plane.store.revision)
            if revision != seen:
                await publish_stored(road)
                seen = revision
            if is_told:
                _log.info("store.available")
            is_told = False
        except StoreUnavailable as fault:
            if not is_told:
                _log.error("store.unavailable", reason=fault.message)
            is_told = True
            # What comes back may be another state of it that has the same number.
            seen = -1


def _operation_id(route: APIRoute) -> str:
    return route.name
