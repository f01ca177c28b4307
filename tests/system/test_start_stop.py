"""System: `turnpike up` on a machine with nothing else, from its first word to its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Process, an_environment, run_command, status_of, wait_until

CONFIG = """\
providers:
  - {name: local, kind: openai-compatible, base_url: "http://127.0.0.1:9/v1"}
models:
  - {name: "local/*", targets: [{provider: local, model: "*"}]}
"""
FAULTY = CONFIG.replace("provider: local", "provider: lokal")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "turnpike.yaml").write_text(CONFIG)
    environ = an_environment(tmp_path / "home", TURNPIKE_WORKERS="2", OPENAI_API_KEY="sk-canary-one")
    with Process(["up"], environ, tmp_path) as process:
        process.wait_for_words("Ctrl-C stops it")
        yield process


def is_ready(up: Process) -> bool:
    return status_of(up.url("gateway") + "/readyz") == 200


def test_the_first_start_says_where_it_listens_and_shows_the_first_key_once(up: Process) -> None:
    key = re.findall(r"tpk_\w+", "".join(up.said))
    assert len(key) == 1
    assert "".join(up.logged).count(key[0]) == 0
    assert "sk-canary-one" not in up.account
    assert any("openai (OPENAI_API_KEY)" in line for line in up.said)
    assert any("turnpike.yaml is applied" in line for line in up.said)
    assert any(up.url("gateway") in line for line in up.said)
    assert status_of(up.url("control") + "/api/v1/whoami", key[0]) == 200
    assert status_of(up.url("gateway") + "/v1/models", key[0]) == 200


def test_a_start_without_a_provider_says_how_to_get_one(tmp_path: Path) -> None:
    with Process(["up"], an_environment(tmp_path / "home"), tmp_path) as process:
        process.wait_for_words("Ctrl-C stops it")
        assert "ANTHROPIC_API_KEY or OPENAI_API_KEY" in process.wait_for_words("no provider yet")


def test_the_document_is_in_force_before_the_first_call(up: Process) -> None:
    key = re.findall(r"tpk_\w+", "".join(up.said))[0]
    assert status_of(up.url("gateway") + "/v1/models/local%2Fany", key) in (200, 404)
    assert is_ready(up)


def test_sigterm_ends_everything_with_status_0_and_frees_ports_and_home(up: Process) -> None:
    port = int(up.url("gateway").rpartition(":")[2])
    pids = [up.pid_of(role) for role in ("gateway-0", "gateway-1", "control")]
    up.send(signal.SIGTERM)
    assert up.ended() == 0
    assert not any(is_alive(pid) for pid in pids)
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
    assert not (up.home / "run" / "up.json").exists()


def test_ctrl_c_ends_everything_with_status_0(up: Process) -> None:
    up.send(signal.SIGINT)
    assert up.ended() == 0


@pytest.mark.parametrize("role", ["gateway-0", "control"])
def test_a_role_that_is_killed_is_started_again_and_the_others_are_left_alone(up: Process, role: str) -> None:
    before = {name: up.pid_of(name) for name in ("gateway-0", "gateway-1", "control")}
    victim = before.pop(role)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    (died,) = up.wait_for_event("role.died")
    assert died["child"] == role
    wait_until(lambda: up.pid_of(role) not in (None, victim), f"{role} is there again\n{up.account}")
    wait_until(lambda: is_ready(up), "the gateway is ready")
    wait_until(lambda: status_of(up.url("control") + "/readyz") == 200, "control is ready")
    assert {name: up.pid_of(name) for name in before} == before


def test_the_gateway_serves_on_without_control(up: Process) -> None:
    key = re.findall(r"tpk_\w+", "".join(up.said))[0]
    control = up.pid_of("control")
    assert control is not None
    os.kill(control, signal.SIGSTOP)
    try:
        assert status_of(up.url("gateway") + "/v1/models", key) == 200
    finally:
        os.kill(control, signal.SIGCONT)


def test_a_supervisor_that_is_killed_leaves_no_role_behind(up: Process) -> None:
    pids = [up.pid_of(role) for role in ("gateway-0", "gateway-1", "control")]
    up.send(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "every role has ended")


def test_a_supervisor_that_is_killed_leaves_no_stopped_role_behind_and_the_port_is_free(
    up: Process, tmp_path: Path
) -> None:
    port = up.url("gateway").removeprefix("http://")
    roles = [pid for role in ("gateway-0", "gateway-1", "control") if (pid := up.pid_of(role))]
    for pid in roles[1:]:
        os.kill(pid, signal.SIGSTOP)
    up.send(signal.SIGKILL)
    try:
        wait_until(lambda: not any(map(is_alive, roles)), "every role has ended, the stopped ones too")
    finally:
        for pid in filter(is_alive, roles):
            os.kill(pid, signal.SIGCONT)
    with Process(["up"], an_environment(up.home, TURNPIKE_GATEWAY_LISTEN=port), tmp_path) as again:
        again.wait_for_words("Ctrl-C stops it")
        assert is_ready(again)


def test_a_second_start_on_the_same_home_is_refused_with_the_process_that_holds_it(
    up: Process, tmp_path: Path
) -> None:
    second = run_command(["up"], an_environment(up.home), tmp_path)
    assert second.returncode == 1
    assert f"in use by process {up.pid}" in second.stderr
    assert is_ready(up)


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        environ = an_environment(tmp_path / "home", TURNPIKE_GATEWAY_LISTEN=taken)
        refused = run_command(["up"], environ, tmp_path)
    assert refused.returncode == 1
    assert f"is taken by process {os.getpid()}" in refused.stderr
    assert "TURNPIKE_GATEWAY_LISTEN" in refused.stderr
    assert not (tmp_path / "home" / "turnpike.db").exists()


def test_a_faulty_document_ends_the_first_start_with_every_fault_and_status_1(tmp_path: Path) -> None:
    poor = CONFIG.replace("kind: openai-compatible", "kind: openapi") + "teams: [{name: a, modles: [fast]}]\n"
    (tmp_path / "turnpike.yaml").write_text(poor)
    refused = run_command(["up"], an_environment(tmp_path / "home"), tmp_path)
    assert refused.returncode == 1
    assert 'turnpike.yaml:2:25: providers[0].kind: no kind of provider "openapi"' in refused.stderr
    assert 'turnpike.yaml:5:19: teams[0].modles: no field "modles"' in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_document_that_is_not_there_is_said_before_anything_starts(tmp_path: Path) -> None:
    refused = run_command(["up", "--config", "none.yaml"], an_environment(tmp_path / "home"), tmp_path)
    assert refused.returncode == 1
    assert "there is no file none.yaml" in refused.stderr
    assert not (tmp_path / "home").exists()


def test_a_worker_comes_back_although_the_document_was_moved_away(up: Process, tmp_path: Path) -> None:
    (tmp_path / "turnpike.yaml").rename(tmp_path / "elsewhere.yaml")
    victim = up.pid_of("gateway-0")
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: up.pid_of("gateway-0") not in (None, victim), f"gateway-0 is there again\n{up.account}"
    )
    up.wait_for_event("worker.listening", times=3)


def test_the_key_is_shown_at_the_first_start_that_succeeds(tmp_path: Path) -> None:
    (tmp_path / "turnpike.yaml").write_text(FAULTY)
    environ = an_environment(tmp_path / "home")
    assert run_command(["up"], environ, tmp_path).returncode == 1
    (tmp_path / "turnpike.yaml").write_text(CONFIG)
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        key = re.findall(r"tpk_\w+", "".join(up.said))[0]
        assert status_of(up.url("control") + "/api/v1/whoami", key) == 200


def test_a_faulty_document_at_a_later_start_leaves_the_last_good_configuration_in_force(
    tmp_path: Path,
) -> None:
    (tmp_path / "turnpike.yaml").write_text(CONFIG)
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY="an-administrators-key-1")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
    (tmp_path / "turnpike.yaml").write_text(FAULTY)
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        assert "lokal" in "".join(up.logged)
        up.wait_for_event("configuration.faulty")
        shown = run_command(["models", "--json"], environ, tmp_path)
        assert "local/*" in shown.stdout


def test_without_control_workers_start_from_the_last_good_snapshot(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY="an-administrators-key-1")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
    environ["TURNPIKE_CONTROL_URL"] = "http://127.0.0.1:9"
    with Process(["gateway"], environ, tmp_path) as gateway:
        line = gateway.wait_for_words("listens on")
        url = line.split()[-1]
        assert status_of(url + "/v1/models", "an-administrators-key-1") == 200


def test_a_worker_answers_its_first_call_within_two_seconds_of_its_start(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY="an-administrators-key-1")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        environ["TURNPIKE_CONTROL_URL"] = up.url("control")
        started = time.monotonic()
        with Process(["gateway", "--slot", "7"], environ, tmp_path) as gateway:
            url = gateway.wait_for_words("listens on").split()[-1]
            assert status_of(url + "/v1/models", "an-administrators-key-1") == 200
            assert time.monotonic() - started < 2.0


def test_a_master_key_that_does_not_fit_the_home_is_said(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
    refused = run_command(["up"], {**environ, "TURNPIKE_MASTER_KEY": "ab" * 32}, tmp_path)
    assert refused.returncode == 1
    assert "another master key" in refused.stderr


def is_alive(pid: int | None) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"
