"""System: control on PostgreSQL, two of it on one store, and a gateway that follows whichever is changed."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.system.running import Process, an_environment, run_command, status_of, wait_until

MASTER_KEY = "ab" * 32
KEY = "caller-key-0123456789-research"
SECOND_KEY = "caller-key-0123456789-sales"
PUBLISHED_WITHIN_SECONDS = 5.0

DOCUMENT: dict[str, list[dict[str, Any]]] = {
    "providers": [{"name": "local", "kind": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}],
    "models": [{"name": "fast", "targets": [{"provider": "local", "model": "small"}]}],
    "teams": [{"name": "research", "models": ["fast"]}],
    "keys": [{"name": "research-app", "team": "research", "secret": KEY}],
}


@pytest.fixture
def store_url(postgres_url: str) -> Iterator[str]:
    """A database of the test's own."""
    name = "shared_store"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield postgres_url.removesuffix("/postgres") + f"/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def environ_of(home: Path, store_url: str, **variables: str) -> dict[str, str]:
    return an_environment(home, TURNPIKE_STORE_URL=store_url, TURNPIKE_MASTER_KEY=MASTER_KEY, **variables)


@contextlib.contextmanager
def a_control(folder: Path, name: str, store_url: str) -> Iterator[tuple[Process, str]]:
    """Control alone, with a home of its own; and where it listens."""
    cwd = folder / name
    cwd.mkdir()
    with Process(["control"], environ_of(cwd / "home", store_url), cwd) as control:
        said = control.wait_for_words("control listens on")
        yield control, said.rpartition(" ")[2].strip()


def applied(document: dict[str, Any], url: str, environ: dict[str, str], folder: Path) -> None:
    file = folder / "document.json"
    file.write_text(json.dumps(document))
    done = run_command(["apply", "-f", str(file)], {**environ, "TURNPIKE_CONTROL_URL": url}, folder)
    assert done.returncode == 0, done.stderr


def opens(gateway: str, key: str) -> bool:
    return status_of(f"{gateway}/v1/models", key) == 200


def administrator(control: Process) -> str | None:
    lines = [line for line in control.said if "administrator (shown once)" in line]
    return lines[0].rpartition(" ")[2].strip() if lines else None


def test_a_gateway_follows_what_is_changed_at_another_control_of_the_same_store(
    tmp_path: Path, store_url: str
) -> None:
    with (
        a_control(tmp_path, "one", store_url) as (one, one_url),
        a_control(tmp_path, "two", store_url) as (two, two_url),
    ):
        assert not (one.home / "turnpike.db").exists()
        home = tmp_path / "gateway"
        environ = environ_of(home, store_url, TURNPIKE_CONTROL_URL=one_url)
        with Process(["gateway"], environ, tmp_path) as worker:
            gateway = worker.wait_for_words("listens on").rpartition(" ")[2].strip()
            applied(DOCUMENT, two_url, environ_of(two.home, store_url), tmp_path)
            wait_until(lambda: opens(gateway, KEY), "what two published", PUBLISHED_WITHIN_SECONDS)
            more = {
                **DOCUMENT,
                "keys": [*DOCUMENT["keys"], {"name": "b", "team": "research", "secret": SECOND_KEY}],
            }
            applied(more, one_url, environ_of(one.home, store_url), tmp_path)
            wait_until(lambda: opens(gateway, SECOND_KEY), "what one published", PUBLISHED_WITHIN_SECONDS)
            revoked = run_command(
                ["keys", "revoke", "research-app"],
                environ_of(two.home, store_url, TURNPIKE_CONTROL_URL=two_url),
                tmp_path,
            )
            assert revoked.returncode == 0, revoked.stderr
            wait_until(lambda: not opens(gateway, KEY), "the key is revoked", PUBLISHED_WITHIN_SECONDS)


def test_a_control_that_joins_leaves_the_administrators_key_as_it_is(tmp_path: Path, store_url: str) -> None:
    with (
        a_control(tmp_path, "one", store_url) as (one, one_url),
        a_control(tmp_path, "two", store_url) as (two, two_url),
    ):
        shown = administrator(one)
        assert shown is not None
        assert administrator(two) is None
        for url in (one_url, two_url):
            answer = httpx.get(f"{url}/api/v1/whoami", headers={"authorization": f"Bearer {shown}"})
            assert answer.json()["role"] == "owner"


def test_a_control_with_another_master_key_is_refused(tmp_path: Path, store_url: str) -> None:
    with a_control(tmp_path, "one", store_url):
        environ = {**environ_of(tmp_path / "home", store_url), "TURNPIKE_MASTER_KEY": "cd" * 32}
        done = run_command(["control"], environ, tmp_path)
    assert done.returncode == 78
    assert "another master key" in done.stderr
    assert "another database" in done.stderr


def test_everything_starts_once_the_database_is_there(
    tmp_path: Path, postgres_url: str, store_url: str
) -> None:
    """`turnpike up` does not give up on a database that is still starting."""
    server = httpx.URL(postgres_url)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    late = store_url.replace(f":{server.port}/", f":{port}/")
    (tmp_path / "turnpike.yaml").write_text(json.dumps(DOCUMENT))
    environ = environ_of(tmp_path / "home", late)
    with Process(["up"], environ, tmp_path) as up:
        wait_until(lambda: "TURNPIKE_STORE_URL" in "".join(up.logged), "control names what is in the way")
        assert "password" not in up.account
        with forwarded(port, server.port or 0):
            up.wait_for_words("turnpike.yaml is applied")
            up.wait_for_words("Ctrl-C stops it")
            wait_until(lambda: opens(up.url("gateway"), KEY), "the gateway serves")


def levels_of(event: str, up: Process) -> set[str]:
    lines = [json.loads(line) for line in up.logged if line.startswith("{")]
    return {line["level"] for line in lines if line["event"] == event}


def test_with_the_database_away_the_gateway_serves_and_control_comes_back_by_itself(
    tmp_path: Path, postgres_url: str, store_url: str
) -> None:
    (tmp_path / "turnpike.yaml").write_text(json.dumps(DOCUMENT))
    environ = environ_of(tmp_path / "home", store_url)
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        gateway, control = up.url("gateway"), up.url("control")
        with database_away(postgres_url):
            wait_until(lambda: status_of(f"{control}/readyz") == 503, "control says that it has no store")
            done = run_command(["keys", "list"], {**environ, "TURNPIKE_CONTROL_URL": control}, tmp_path)
            assert done.returncode == 1
            assert "store_unavailable" in done.stderr
            assert opens(gateway, KEY)
            wait_until(
                lambda: "error" in levels_of("store.unavailable", up), "control follows no store any more"
            )
        wait_until(lambda: status_of(f"{control}/readyz") == 200, "control has its store again")
        up.wait_for_event("store.available")
        revoke = ["keys", "revoke", "research-app"]
        assert run_command(revoke, {**environ, "TURNPIKE_CONTROL_URL": control}, tmp_path).returncode == 0
        wait_until(lambda: not opens(gateway, KEY), "the change is published", PUBLISHED_WITHIN_SECONDS)
        assert not up.has_ended


@contextlib.contextmanager
def database_away(postgres_url: str) -> Iterator[None]:
    """Nobody can connect to the test's database, and who was connected is not any more."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE shared_store ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shared_store'"
        )
        yield
        connection.execute("ALTER DATABASE shared_store ALLOW_CONNECTIONS true")


def test_the_doctor_names_a_store_that_cannot_be_reached_and_not_its_password(tmp_path: Path) -> None:
    url = "postgresql://turnpike:canary-password@127.0.0.1:1/turnpike"
    done = run_command(
        ["doctor", "--json"], environ_of(tmp_path / "home", url, OPENAI_API_KEY="sk-x"), tmp_path
    )
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert found["store"]["state"] == "wrong"
    assert "refused" in found["store"]["says"]
    assert "TURNPIKE_STORE_URL" in found["store"]["mend"]
    assert "canary" not in done.stdout + done.stderr


def test_the_doctor_names_an_account_that_may_make_no_tables(
    tmp_path: Path, postgres_url: str, store_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
    reader = store_url.replace("turnpike@", "reader@")
    for url, state in ((reader, "wrong"), (store_url, "fine")):
        environ = environ_of(tmp_path / "home", url, OPENAI_API_KEY="sk-x")
        done = run_command(["doctor", "--json"], environ, tmp_path)
        found = {finding["check"]: finding for finding in json.loads(done.stdout)}
        assert found["store"]["state"] == state, found["store"]


@contextlib.contextmanager
def forwarded(port: int, to_port: int) -> Iterator[None]:
    """Connections to `port` reach `to_port`, as if a server had come up there."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        taker = threading.Thread(target=_take, args=(listener, to_port), daemon=True)
        taker.start()
        yield
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    taker.join()


def _take(listener: socket.socket, to_port: int) -> None:
    while True:
        try:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", to_port))
        except OSError:
            return
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
