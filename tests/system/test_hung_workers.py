"""A worker that hangs: nobody waits for it, and its supervisor starts it again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.system.road import Road, a_road
from tests.system.running import BOUND_SECONDS, wait_until

KEY = "a-brought-key-to-be-revoked-01"
OWN = {"name": "own", "team": "research", "secret": KEY}
TRIES = 200
HANGS_SECONDS = 30.0
"""Ten seconds of silence, and the start of another."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Road]:
    """The product with two workers, and a key of its own."""
    with a_road(tmp_path, TURNPIKE_WORKERS="2") as road:
        road.apply("own", {"keys": [OWN]})
        yield road


def status_on(connection: httpx.Client) -> int | None:
    """The status of a call; None where nobody answers soon."""
    try:
        return connection.get("/v1/models").status_code
    except httpx.TimeoutException:
        return None


def connected_to_a_live_worker(road: Road, held: ExitStack) -> httpx.Client:
    """A connection that is kept, to a worker that answers: the kernel deals them out to both."""
    headers = {"x-api-key": KEY}
    for _ in range(TRIES):
        connection = held.enter_context(httpx.Client(base_url=road.url, headers=headers, timeout=1))
        if status_on(connection) == 200:
            return connection
    raise AssertionError("no connection met the worker that lives")


@contextmanager
def hanging(road: Road, child: str) -> Iterator[None]:
    """While this is held, the worker does nothing."""
    pid = road.process.pid_of(child)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def rotate(road: Road) -> None:
    # A secret that was brought gives way to another one that is.
    road.apply("own", {"keys": [{**OWN, "secret": "a-brought-key-in-its-place-01"}]})


def remove(road: Road) -> None:
    assert road.command("delete", "keys", "own").returncode == 0


def revoke_in_the_document(road: Road) -> None:
    road.apply("own", {"keys": [{**OWN, "revoked": True}]})


def leave_out_of_the_document(road: Road) -> None:
    road.apply("own", {"keys": []})


@pytest.mark.parametrize("end", [rotate, remove, revoke_in_the_document, leave_out_of_the_document])
def test_a_worker_that_hangs_delays_nothing_that_ends_a_keys_validity(
    pair: Road, end: Callable[[Road], None]
) -> None:
    with hanging(pair, "gateway-0"), ExitStack() as held, ThreadPoolExecutor(1) as beside:
        live = connected_to_a_live_worker(pair, held)
        ending = beside.submit(end, pair)
        # The command's own start is not the product's promise; an offer's five seconds would show.
        wait_until(lambda: status_on(live) == 401, "the key is refused", 4.0)
        ending.result(BOUND_SECONDS)


def test_a_worker_that_hangs_delays_no_revocation_and_is_started_again(pair: Road) -> None:
    hung, other = pair.process.pid_of("gateway-0"), pair.process.pid_of("gateway-1")
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    with ExitStack() as held:
        live = connected_to_a_live_worker(pair, held)
        assert pair.command("keys", "revoke", "own").returncode == 0
        wait_until(lambda: status_on(live) == 401, "the key is refused", 1.0)
    wait_until(lambda: pair.process.pid_of("gateway-0") not in (None, hung), "another", HANGS_SECONDS)
    (event,) = pair.process.wait_for_event("role.hung")
    assert (event["child"], event["pid"], pair.process.pid_of("gateway-1")) == ("gateway-0", hung, other)
    pair.process.wait_for_event("role.ready", times=4)
    with ExitStack() as held:
        for _ in range(20):
            connection = held.enter_context(
                httpx.Client(base_url=pair.url, headers={"x-api-key": KEY}, timeout=BOUND_SECONDS)
            )
            assert status_on(connection) == 401
