"""The road under load while its parts are killed, told anew, or told to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.parts import ANSWER, good
from tests.system.road import CHAT, KEY, MESSAGES, Road, a_road, chat_body, message_body
from tests.system.running import Process, an_environment, status_of, wait_until
from tests.system.upstream import CASE, LAST_CHUNK, Exchange, chunk
from tests.system.wire import ask

CALLERS = 6
WORKERS = ("gateway-0", "gateway-1")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Road]:
    """The product with two workers."""
    with a_road(tmp_path, TURNPIKE_WORKERS="2") as road:
        wait_until(lambda: all(road.process.pid_of(w) for w in WORKERS), "both workers run")
        yield road


class Load:
    """Callers that call one after the other, on connections that they keep, until the block ends."""

    def __init__(self, road: Road) -> None:
        self.statuses: list[int] = []
        self.faults: list[str] = []
        self._road = road
        self._case = road.case(good)
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(CALLERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(10)

    def goes_on(self, calls: int = 100) -> None:
        """Returns when so many further calls were answered."""
        aim = len(self.statuses) + calls
        wait_until(lambda: len(self.statuses) >= aim, f"{calls} more calls; so far {self.faults}")

    def _call(self) -> None:
        headers = {"x-api-key": KEY, CASE: self._case}
        with httpx.Client(base_url=self._road.url, headers=headers, timeout=10) as caller:
            while not self._ends.is_set():
                try:
                    self.statuses.append(caller.post(CHAT, json=chat_body()).status_code)
                except httpx.TransportError as fault:
                    self.faults.append(repr(fault))


def test_a_worker_killed_under_load_costs_no_more_than_the_calls_in_its_hands(pair: Road) -> None:
    victim = pair.process.pid_of("gateway-0")
    assert victim is not None
    with Load(pair) as load:
        os.kill(victim, signal.SIGKILL)
        load.goes_on(300)
        wait_until(lambda: pair.process.pid_of("gateway-0") not in (None, victim), "it runs again")
        load.goes_on(300)
    assert set(load.statuses) == {200}
    assert len(load.faults) <= 2 * CALLERS
    (died,) = pair.process.wait_for_event("role.died")
    assert died["child"] == "gateway-0"


def test_control_killed_under_load_is_not_noticed(pair: Road) -> None:
    victim = pair.process.pid_of("control")
    assert victim is not None
    with Load(pair) as load:
        os.kill(victim, signal.SIGKILL)
        load.goes_on(300)
        wait_until(lambda: pair.process.pid_of("control") not in (None, victim), "it runs again")
        wait_until(lambda: status_of(pair.process.url("control") + "/readyz") == 200, "control is ready")
        load.goes_on()
    assert (set(load.statuses), load.faults) == ({200}, [])
    pair.apply("later", a_model("later"))
    wait_until(lambda: knows(pair, "later"), "what is applied afterwards reaches the workers", 3.0)


def test_without_control_a_killed_worker_comes_back_from_the_last_good_snapshot(pair: Road) -> None:
    control, victim = pair.process.pid_of("control"), pair.process.pid_of("gateway-0")
    assert control is not None
    assert victim is not None
    os.kill(control, signal.SIGSTOP)
    try:
        os.kill(victim, signal.SIGKILL)
        pair.process.wait_for_event("snapshot.last_good")
        with Load(pair) as load:
            load.goes_on(300)
        assert (set(load.statuses), load.faults) == ({200}, [])
    finally:
        # Where this took long, its supervisor has replaced it.
        with suppress(ProcessLookupError):
            os.kill(control, signal.SIGCONT)


def test_what_is_applied_under_load_drops_no_call_and_is_everywhere_within_a_second(pair: Road) -> None:
    with Load(pair) as load:
        for number in range(8):
            pair.apply("changing", a_model(f"model-{number}", retries=number))
            wait_until(partial(knows, pair, f"model-{number}"), "every worker knows it", 1.0)
            load.goes_on(50)
    assert (set(load.statuses), load.faults) == ({200}, [])
    assert not knows(pair, "model-0")


def test_a_configuration_that_does_not_provision_is_refused_with_the_workers_reason(pair: Road) -> None:
    before = snapshot_of(pair)
    file = pair.process.home.parent / "bad.yaml"
    file.write_text(
        "providers: [{name: bad, kind: openai-compatible, base_url: 'https://localhost/v1', "
        "tls: {ca_file: /nowhere/authority.pem}}]\n"
        "models: [{name: bad, targets: [{provider: bad, model: m}]}]\n"
    )
    with Load(pair) as load:
        refused = pair.command("apply", "-f", str(file), "--owner", "bad")
        load.goes_on()
    assert refused.returncode == 1
    assert "/nowhere/authority.pem: No such file or directory" in refused.stderr
    assert (set(load.statuses), load.faults) == ({200}, [])
    assert snapshot_of(pair) == before
    assert "bad" not in pair.command("export").stdout


def test_a_stream_in_flight_is_finished_while_new_calls_are_told_to_go_elsewhere(tmp_path: Path) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    events = [b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'] * 3

    def part(exchange: Exchange) -> None:
        exchange.stream(events[0])
        begun.set()
        assert goes_on.wait(10)
        exchange.send(*map(chunk, events[1:]), chunk(b"data: [DONE]\n\n"), LAST_CHUNK)

    with a_road(tmp_path) as road:
        headers = {"x-api-key": KEY, CASE: road.case(part)}
        with road.http.stream("POST", CHAT, json=chat_body(stream=True), headers=headers) as answer:
            pieces = answer.iter_raw()
            received = next(pieces)
            assert begun.wait(10)
            road.process.send(signal.SIGTERM)
            wait_until(lambda: status_of(road.url + "/readyz") == 503, "readyz turns")
            assert status_of(road.url + "/livez") == 200
            for path, body in ((CHAT, chat_body()), (MESSAGES, message_body())):
                check_draining(httpx.post(road.url + path, json=body, headers=headers))
            goes_on.set()
            received += b"".join(pieces)
        assert received == b"".join([*events, b"data: [DONE]\n\n"])
        assert road.process.ended() == 0


def check_draining(refused: httpx.Response) -> None:
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
    assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("1", "true")
    assert refused.headers["connection"] == "close"


def test_a_gateway_that_never_had_a_configuration_says_so(tmp_path: Path) -> None:
    environ = an_environment(
        tmp_path / "home", TURNPIKE_CONTROL_URL="http://127.0.0.1:9", TURNPIKE_MASTER_KEY="ab" * 32
    )
    with Process(["gateway"], environ, tmp_path) as process:
        (listening,) = process.wait_for_event("worker.listening")
        url = f"http://127.0.0.1:{listening['port']}"
        assert status_of(url + "/livez") == 200
        assert status_of(url + "/readyz") == 503
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 2\r\n\r\n{{}}"
        answer = ask(url, head.encode())
        assert (answer.status, answer.json["error"]["code"]) == (503, "not_ready")
        assert answer.headers["retry-after"] == "1"


def a_model(name: str, retries: int = 0) -> dict[str, list[dict[str, Any]]]:
    return {
        "models": [
            {"name": name, "retries": retries, "targets": [{"provider": "fake-openai", "model": "m"}]}
        ],
    }


def knows(road: Road, model: str) -> bool:
    """Whether every worker serves the model: each fresh connection goes to one of them."""
    case = road.case(good)
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n{CASE}: {case}\r\n"
    body = f'{{"model":"{model}"}}'
    data = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
    return all(ask(road.url, data).body == ANSWER for _ in range(16))


def snapshot_of(road: Road) -> Any:
    """The whole configuration."""
    answer = road.command("export")
    assert answer.returncode == 0
    return answer.stdout
