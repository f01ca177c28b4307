"""`turnpike sim`: the simulated provider on the gateway's own HTTP server."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable

import msgspec
import uvloop

from turnpike.adapters.machine.ports import PortTaken, reserve
from turnpike.adapters.system.clock import SystemClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.bootstrap.fault import CannotStart
from turnpike.domain.errors import TurnpikeError
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.server import Server, Site
from turnpike.ports.http import Request, render_head
from turnpike.settings import Address
from turnpike.sim.access import speaks_anthropic
from turnpike.sim.application import make_application
from turnpike.sim.headers import JSON, MARK
from turnpike.sim.refusals import Refused, error_value
from turnpike.sim.settings import SimSettings


def run_sim(settings: SimSettings, listen: Address, say: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM; the exit status. `say` gets the address once it listens.

    Raises CannotStart where nothing can listen there.
    """
    # Listening shares the port with whoever else does; the reservation sees to it that nobody else can.
    with _reserved(listen) as port:
        return uvloop.run(_serve(settings, Address(listen.host, port.getsockname()[1]), say))


def _reserved(listen: Address) -> socket.socket:
    try:
        return reserve(*listen)
    except PortTaken as fault:
        raise CannotStart(f"{fault}: stop it, or choose another address with --listen") from None
    except OSError as fault:
        raise CannotStart(f"cannot listen on {listen}: {fault.strerror or fault}") from None


async def _serve(settings: SimSettings, listen: Address, say: Callable[[str], None]) -> int:
    clock = SystemClock()
    deadlines = Deadlines()
    deadlines.start()
    application = make_application(settings, clock, SystemRandomness())
    server = Server(Site(application, _rendered, _anyone), EdgeLimits(), clock, deadlines)
    stopped = _stop_signal()
    refused: OSError | None = None
    async with asyncio.TaskGroup() as group:
        try:
            port = await server.listen(group, listen.host, listen.port)
        except OSError as fault:
            # Raised inside the group, it would reach the user as a group of errors.
            refused = fault
        else:
            say(f"turnpike sim, a simulated provider, listens on {Address(listen.host, port).url}")
            await stopped.wait()
        await server.close()
        deadlines.stop()
    if refused is not None:
        raise CannotStart(f"cannot listen on {listen}: {refused.strerror or refused}")
    return 0


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _anyone(head: Request) -> None:
    """Whoever reaches the simulated provider may send it a body: the plan refuses whom it has to."""


def _rendered(path: str, headers: dict[bytes, bytes], fault: TurnpikeError) -> tuple[int, bytes, bytes]:
    """What the server itself refuses (too large, not HTTP), as the path's provider would word it."""
    surface = "anthropic" if speaks_anthropic(path, headers) else "openai"
    refused = Refused(fault.http_status, fault.message, code=fault.code)
    body = msgspec.json.encode(error_value(surface, refused, "req_011CSimulated"))
    return fault.http_status, render_head([JSON, MARK]), body
