"""System: no Turnpike joins the port of another one, although the kernel would let it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Process, an_environment, run_command, status_of, wait_until

ADMIN_KEY = "an-administrators-key-1"
MASTER_KEY = "ab" * 32


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Process]:
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY=ADMIN_KEY, TURNPIKE_MASTER_KEY=MASTER_KEY)
    with Process(["up"], environ, tmp_path) as process:
        process.wait_for_words("Ctrl-C stops it")
        yield process


def where(up: Process) -> dict[str, str]:
    listen = up.url("gateway").removeprefix("http://")
    return {"TURNPIKE_GATEWAY_LISTEN": listen, "TURNPIKE_CONTROL_URL": up.url("control")}


def test_a_gateway_of_another_home_does_not_join_the_port(up: Process, tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "other", TURNPIKE_MASTER_KEY=MASTER_KEY, **where(up))
    refused = run_command(["gateway"], environ, tmp_path)
    assert refused.returncode == 1
    assert f"is taken by process {up.pid_of('gateway-0')}" in refused.stderr
    assert "TURNPIKE_GATEWAY_LISTEN" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_further_worker_of_the_home_joins_the_port(up: Process, tmp_path: Path) -> None:
    environ = an_environment(up.home, TURNPIKE_MASTER_KEY=MASTER_KEY, **where(up))
    with Process(["gateway", "--slot", "7"], environ, tmp_path) as worker:
        assert worker.wait_for_words("listens on").split()[-1] == up.url("gateway")
        assert {status_of(up.url("gateway") + "/readyz") for _ in range(20)} == {200}
        again = run_command(["gateway", "--slot", "7"], environ, tmp_path)
    assert again.returncode == 1
    assert f"slot 7 of this home is in use by process {worker.pid}" in again.stderr
    assert "--slot" in again.stderr


def test_workers_that_were_started_alone_share_their_port_with_each_other_only(
    up: Process, tmp_path: Path
) -> None:
    port = {
        "TURNPIKE_GATEWAY_LISTEN": f"127.0.0.1:{a_free_port()}",
        "TURNPIKE_CONTROL_URL": up.url("control"),
    }
    ours = an_environment(tmp_path / "ours", TURNPIKE_MASTER_KEY=MASTER_KEY, **port)
    with (
        Process(["gateway"], ours, tmp_path) as one,
        Process(["gateway", "--slot", "1"], ours, tmp_path) as two,
    ):
        one.wait_for_words("listens on")
        two.wait_for_words("listens on")
        other = an_environment(tmp_path / "other", TURNPIKE_MASTER_KEY=MASTER_KEY, **port)
        refused = run_command(["gateway"], other, tmp_path)
    assert refused.returncode == 1
    assert "is taken by process" in refused.stderr


def test_a_gateway_elsewhere_makes_no_master_key_of_its_own(up: Process, tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "other", TURNPIKE_CONTROL_URL=up.url("control"))
    refused = run_command(["gateway"], environ, tmp_path)
    assert refused.returncode == 78
    assert "TURNPIKE_MASTER_KEY" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_a_gateway_that_control_does_not_know_and_that_has_nothing_to_serve_ends(
    up: Process, tmp_path: Path
) -> None:
    environ = an_environment(
        tmp_path / "other", TURNPIKE_CONTROL_URL=up.url("control"), TURNPIKE_MASTER_KEY="cd" * 32
    )
    refused = run_command(["gateway"], environ, tmp_path)
    assert refused.returncode == 78
    assert "its master key is another than this gateway's" in refused.stderr.splitlines()[-1]
    assert up.url("control") in refused.stderr.splitlines()[-1]


def test_a_gateway_that_control_does_not_know_serves_on_from_its_last_good_snapshot(
    up: Process, tmp_path: Path
) -> None:
    known = an_environment(
        tmp_path / "edge", TURNPIKE_CONTROL_URL=up.url("control"), TURNPIKE_MASTER_KEY=MASTER_KEY
    )
    with Process(["gateway"], known, tmp_path) as gateway:
        gateway.wait_for_words("listens on")
        kept = tmp_path / "edge" / "snapshot" / "current"
        wait_until(kept.exists, "the snapshot is kept")
    other = an_environment(tmp_path / "elsewhere", TURNPIKE_MASTER_KEY="cd" * 32)
    with Process(["up"], other, tmp_path) as stranger:
        stranger.wait_for_words("Ctrl-C stops it")
        known["TURNPIKE_CONTROL_URL"] = stranger.url("control")
        with Process(["gateway"], known, tmp_path) as gateway:
            url = gateway.wait_for_words("listens on").split()[-1]
            assert status_of(url + "/v1/models", ADMIN_KEY) == 200
            (away, *_) = gateway.wait_for_event("link.away")
    assert "master key" in str(away["reason"])


def test_a_second_sim_on_a_port_is_refused_with_the_process_that_has_it(tmp_path: Path) -> None:
    environ = an_environment(tmp_path)
    with Process(["sim", "--listen", "127.0.0.1:0"], environ, tmp_path) as sim:
        address = sim.wait_for_words("listens on").split()[-1].removeprefix("http://")
        refused = run_command(["sim", "--listen", address], environ, tmp_path)
        assert status_of(f"http://{address}/sim/ledger") == 200
    assert refused.returncode == 1
    assert f"is taken by process {sim.pid}" in refused.stderr
    assert "--listen" in refused.stderr
    assert refused.stdout == ""


def a_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
