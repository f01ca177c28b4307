import contextlib
import socket
import sys
from pathlib import Path

import pytest

from bench.processes import BenchError, child, free_port, listeners, run, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_child_is_ended_when_the_bench_fails(tmp_path: Path) -> None:
    held = contextlib.ExitStack()
    process = held.enter_context(child(SLEEP, tmp_path / "log"))

    held.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert process.poll() is not None


def test_waiting_for_a_child_that_has_died_names_its_status(tmp_path: Path) -> None:
    with (
        child([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log") as process,
        pytest.raises(BenchError, match="not there: the process ended with status 3"),
    ):
        wait_until(lambda: False, "not there", 30.0, process)


def test_a_command_that_fails_tells_its_last_words() -> None:
    with pytest.raises(BenchError, match=r"failed \(1\): no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"], 30.0)


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(BenchError, match="took longer than"):
        run(SLEEP, 0.01)


def test_who_listens_on_a_port_is_found(tmp_path: Path) -> None:
    port = free_port()
    listen = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    with child([sys.executable, "-c", listen], tmp_path / "log") as process:
        wait_until(lambda: bool(listeners(port)), "nobody listens", 30.0, process)

        assert listeners(port) == [process.pid]


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1]
