"""A caller that goes away ends its call upstream at once."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.system.parts import JSON_HEAD, a_request, cancelled
from tests.system.road import Road
from tests.system.running import wait_until
from tests.system.upstream import Exchange


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_leaves_ends_the_call_upstream_at_once(road: Road, begins: bool, stream: bool) -> None:
    arrived, left = threading.Event(), threading.Event()

    def part(exchange: Exchange) -> None:
        if begins and stream:
            exchange.stream(b": begun\n\n")
        elif begins:
            exchange.send(JSON_HEAD, b'{"id":')
        arrived.set()
        if exchange.left(5):
            left.set()
        exchange.open = False

    case = road.case(part)
    before = cancelled(road, "gpt")
    with socket.create_connection(("127.0.0.1", int(road.url.rpartition(":")[2]))) as caller:
        caller.sendall(a_request(case, stream))
        assert arrived.wait(5)
        if begins and stream:
            received = b""
            while b"begun" not in received:
                received += caller.recv(65536)
    assert left.wait(1)
    wait_until(lambda: cancelled(road, "gpt") == before + 1, "the call is counted as cancelled")
    assert len(road.received(case)) == 1
