"""What the page on operations shows works: its proxies before a real Turnpike, its backup, its unit's bounds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.architecture.tree import REPOSITORY
from tests.system.authority import Authority
from tests.system.parts import good
from tests.system.road import CHAT, KEY, Road, a_road, chat_body
from tests.system.running import BOUND_SECONDS, Process, an_environment, run_command, wait_until
from tests.system.upstream import CASE, Exchange, chunk
from turnpike.bootstrap.configuration import configuration
from turnpike.supervisor.supervise import END_WITHIN_SECONDS

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
ADMIN_KEY = "an-administrators-key-of-operations"
FRAME = """\
daemon off;
pid nginx.pid;
error_log nginx.log;
events {{ worker_connections 256; }}
http {{
access_log off;
client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{blocks}
}}
"""


class Proxied:
    """A Turnpike, and where the page's proxies before it listen."""

    def __init__(self, road: Road, authority: Path, gateway_port: int, control_port: int) -> None:
        self.road = road
        self.authority = authority
        self.trusting = ssl.create_default_context(cafile=authority)
        self.gateway = f"https://localhost:{gateway_port}"
        self.control = f"https://localhost:{control_port}"

    def environ(self, home: Path, **variables: str) -> dict[str, str]:
        given = {"SSL_CERT_FILE": str(self.authority), "TURNPIKE_CONTROL_URL": self.control}
        return an_environment(home, **given, **variables)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    authority = Authority(tmp_path)
    gateway_port, control_port = free_port(), free_port()
    with a_road(tmp_path, TURNPIKE_ADMIN_KEY=ADMIN_KEY) as road:
        places = {
            "127.0.0.1:8080": httpx.URL(road.process.url("gateway")).netloc.decode(),
            "127.0.0.1:8081": httpx.URL(road.process.url("control")).netloc.decode(),
            "/etc/nginx/tls/cert.pem": str(tmp_path / "server.pem"),
            "/etc/nginx/tls/key.pem": str(tmp_path / "server.pem"),
        }
        gateway, control = blocks("nginx")
        texts = (
            gateway.replace("listen 443", f"listen 127.0.0.1:{gateway_port}"),
            control.replace("listen 443", f"listen 127.0.0.1:{control_port}"),
        )
        with an_nginx(tmp_path / "nginx", "\n".join(texts), places):
            wait_until(lambda: is_open(gateway_port) and is_open(control_port), "nginx listens")
            yield Proxied(road, authority.file, gateway_port, control_port)


def test_an_event_of_a_stream_passes_the_proxy_before_the_next_one_is_sent(proxied: Proxied) -> None:
    arrived = threading.Event()

    def part(exchange: Exchange) -> None:
        exchange.stream(b'data: {"first":1}\n\n')
        assert arrived.wait(BOUND_SECONDS), "the first event was kept back"
        exchange.send(chunk(b'data: {"second":2}\n\ndata: [DONE]\n\n'), b"0\r\n\r\n")

    headers = {"authorization": f"Bearer {KEY}", CASE: proxied.road.case(part)}
    with (
        httpx.Client(base_url=proxied.gateway, verify=proxied.trusting, timeout=BOUND_SECONDS) as http,
        http.stream("POST", CHAT, json=chat_body(stream=True), headers=headers) as answer,
    ):
        text = ""
        for piece in answer.iter_text():
            text += piece
            if "first" in text:
                arrived.set()
    assert text.rstrip().endswith("data: [DONE]")
    assert httpx.get(f"{proxied.gateway}/metrics", verify=proxied.trusting).status_code == 403


def test_commands_and_a_gateway_reach_control_through_its_proxy(proxied: Proxied, tmp_path: Path) -> None:
    command = proxied.environ(tmp_path / "elsewhere", TURNPIKE_ADMIN_KEY=ADMIN_KEY)
    listed = run_command(["keys", "list"], command, tmp_path)
    assert "administrator" in listed.stdout, listed.stderr
    master_key = str(tmp_path / "home" / "master.key")
    environ = proxied.environ(tmp_path / "gateway", TURNPIKE_MASTER_KEY_FILE=master_key)
    with Process(["gateway"], environ, tmp_path) as gateway:
        url = gateway.wait_for_words("listens on").split()[-1]
        headers = {"authorization": f"Bearer {KEY}", CASE: proxied.road.case(good)}
        assert httpx.post(url + CHAT, json=chat_body(), headers=headers).status_code == 200


def test_a_backup_of_a_running_store_is_restored_in_an_empty_home(tmp_path: Path) -> None:
    (copy,) = (block for block in blocks("sh") if "VACUUM INTO" in block)
    with a_road(tmp_path, TURNPIKE_ADMIN_KEY=ADMIN_KEY) as road:
        text = copy.replace("/opt/turnpike/bin/python", sys.executable)
        text = text.replace("/var/lib/turnpike", str(road.process.home))
        subprocess.run(["bash", "-ec", text], cwd=tmp_path, check=True, timeout=BOUND_SECONDS)
        road.command("keys", "create", "later", "--role", "viewer")
        (tmp_path / "turnpike.yaml").unlink()
        restored = tmp_path / "restored"
        restored.mkdir(mode=0o700)
        (backup,) = tmp_path.glob("backup-*.db")
        assert backup.stat().st_mode & 0o777 == 0o600
        shutil.copy(backup, restored / "turnpike.db")
        shutil.copy(road.process.home / "master.key", restored / "master.key")
        with Process(["up"], an_environment(restored), tmp_path) as up:
            up.wait_for_words("Ctrl-C stops it")
            assert "shown once" not in up.account
            case = road.case(good)
            headers = {"authorization": f"Bearer {KEY}", CASE: case}
            assert httpx.post(up.url("gateway") + CHAT, json=chat_body(), headers=headers).status_code == 200
            whole = httpx.get(
                up.url("control") + "/api/v1/audit/verify", headers={"authorization": f"Bearer {ADMIN_KEY}"}
            )
            assert whole.json()["intact"] is True
            assert (
                '"later"'
                not in httpx.get(
                    up.url("control") + "/api/v1/keys", headers={"authorization": f"Bearer {ADMIN_KEY}"}
                ).text
            )


def test_the_unit_leaves_calls_their_time_and_does_not_repeat_what_is_hopeless() -> None:
    (unit,) = blocks("ini")
    bound = float(re.findall(r"(?m)^TimeoutStopSec=(\d+)$", unit)[0])
    assert bound > configuration({}).settings.drain_seconds + 2 * END_WITHIN_SECONDS
    assert "\nRestartPreventExitStatus=78\n" in unit
    assert "\nKillMode=mixed\n" in unit


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?m)^```{language}\n(.*?)^```$", PAGE, re.DOTALL)


@contextmanager
def an_nginx(folder: Path, text: str, places: dict[str, str]) -> Iterator[None]:
    for usual, place in places.items():
        text = text.replace(usual, place)
    folder.mkdir()
    (folder / "nginx.conf").write_text(FRAME.format(blocks=text))
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    command = ["nginx", "-e", "nginx.log", "-p", str(folder), "-c", "nginx.conf"]
    with subprocess.Popen(command, env=environ, cwd=folder, start_new_session=True) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(BOUND_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
