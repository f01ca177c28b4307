"""System: the doctor on real machines, ailing and healthy."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.system.authority import Authority
from tests.system.running import Process, an_environment, run_command

GOOD_KEY = "sk-good"


class Vendor(BaseHTTPRequestHandler):
    """A provider that lists its models to the right key only."""

    def do_GET(self) -> None:
        right = self.headers.get("authorization") == f"Bearer {GOOD_KEY}" or (
            self.headers.get("x-api-key") == GOOD_KEY and "anthropic-version" in self.headers
        )
        body = b'{"object": "list", "data": []}' if right else b'{"error": {"message": "no"}}'
        self.send_response(200 if right else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def vendor() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Vendor) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def examined(environ: dict[str, str], folder: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The doctor's exit status and its findings by check."""
    shown = run_command(["doctor", "--json"], environ, folder)
    return shown.returncode, {finding["check"]: finding for finding in json.loads(shown.stdout)}


def test_a_machine_without_a_provider_is_told_how_to_get_one(tmp_path: Path) -> None:
    status, findings = examined(an_environment(tmp_path / "home"), tmp_path)
    assert status == 1
    assert findings["providers"]["state"] == "wrong"
    assert "OPENAI_API_KEY" in findings["providers"]["mend"]
    assert [check for check, finding in findings.items() if finding["state"] == "wrong"] == ["providers"]


def test_a_machine_that_is_ready_to_start_has_nothing_wrong(tmp_path: Path) -> None:
    status, findings = examined(an_environment(tmp_path / "home", OPENAI_API_KEY="sk-x"), tmp_path)
    assert status == 0
    assert findings["providers"]["state"] == "fine"
    assert not (tmp_path / "home").exists()


def test_a_named_master_key_that_others_may_read_is_taken_and_mentioned(tmp_path: Path) -> None:
    key = tmp_path / "mounted"
    key.write_text("ab" * 32)
    key.chmod(0o444)
    environ = an_environment(tmp_path / "home", OPENAI_API_KEY="sk-x", TURNPIKE_MASTER_KEY_FILE=str(key))
    status, findings = examined(environ, tmp_path)
    assert status == 0
    assert findings["master key"]["state"] == "unknown"
    assert "mode 444" in findings["master key"]["says"]
    assert f"chmod 600 {key}" in findings["master key"]["mend"]


def test_a_variable_that_no_call_can_carry_is_named_at_the_start_and_by_the_doctor(tmp_path: Path) -> None:
    environ = an_environment(
        tmp_path / "home", OPENAI_API_KEY="sk-canary\nsk-second", ANTHROPIC_API_KEY="sk-x"
    )
    status, findings = examined(environ, tmp_path)
    assert (status, findings["variable OPENAI_API_KEY"]["state"]) == (1, "wrong")
    assert findings["providers"]["says"] == "anthropic"
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        assert up.wait_for_words("providers from variables") == (
            "providers from variables: anthropic (ANTHROPIC_API_KEY)\n"
        )
        (event,) = up.wait_for_event("provider.left_out")
    assert event["variable"] == "OPENAI_API_KEY"
    assert "OPENAI_API_KEY makes no provider: the secret holds a line break" in up.account
    assert "canary" not in up.account + str(findings)


def test_a_port_that_is_taken_is_named_with_who_has_it(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        status, findings = examined(
            an_environment(tmp_path / "home", OPENAI_API_KEY="sk-x", TURNPIKE_CONTROL_LISTEN=taken), tmp_path
        )
    assert status == 1
    assert findings["control port"]["state"] == "wrong"
    assert "is taken by process" in findings["control port"]["says"]
    assert "TURNPIKE_CONTROL_LISTEN" in findings["control port"]["mend"]


def test_a_home_that_cannot_be_made_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, findings = examined(an_environment(tmp_path / "file" / "home"), tmp_path)
    assert status == 1
    assert findings["home"]["state"] == "wrong"


def test_a_machine_without_authorities_is_told_that_calls_upstream_would_fail(tmp_path: Path) -> None:
    nowhere = {"SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path / "none")}
    environ = an_environment(tmp_path / "home", OPENAI_API_KEY="sk-x", **nowhere)
    status, findings = examined(environ, tmp_path)
    assert status == 1
    assert findings["authorities"]["state"] == "wrong"
    assert "SSL_CERT_FILE" in findings["authorities"]["says"]
    assert "ca-certificates" in findings["authorities"]["mend"]


@pytest.mark.parametrize("paired", [True, False])
def test_the_certificate_of_the_edge_is_examined(tmp_path: Path, paired: bool) -> None:
    Authority(tmp_path)
    (tmp_path / "other").mkdir()
    Authority(tmp_path / "other")
    key = tmp_path / ("server.pem" if paired else "other/server.pem")
    environ = an_environment(
        tmp_path / "home",
        OPENAI_API_KEY="sk-x",
        TURNPIKE_TLS_CERTIFICATE=str(tmp_path / "server.pem"),
        TURNPIKE_TLS_KEY=str(key),
    )
    _, findings = examined(environ, tmp_path)
    if paired:
        assert "expires in 0 days" in findings["certificate"]["says"]
    else:
        assert findings["certificate"]["state"] == "wrong"
        assert "is not this certificate's" in findings["certificate"]["says"]


def test_faults_of_the_document_are_found_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "turnpike.yaml").write_text("providers: [{name: a, knid: openai}]")
    status, findings = examined(an_environment(tmp_path / "home"), tmp_path)
    assert status == 1
    assert "knid" in findings["configuration"]["says"]


def test_a_misspelt_setting_is_mentioned(tmp_path: Path) -> None:
    _, findings = examined(an_environment(tmp_path / "home", TURNPIKE_WORKER="2"), tmp_path)
    assert "TURNPIKE_WORKER is set" in findings["settings"]["says"]


def test_a_running_turnpike_and_the_keys_of_its_providers_are_examined(tmp_path: Path, vendor: str) -> None:
    (tmp_path / "turnpike.yaml").write_text(
        "providers:\n"
        f'  - {{name: right, kind: openai-compatible, base_url: "{vendor}", credential: {GOOD_KEY}}}\n'
        f'  - {{name: other, kind: anthropic-compatible, base_url: "{vendor}", credential: {GOOD_KEY}}}\n'
        f'  - {{name: wrong, kind: openai-compatible, base_url: "{vendor}", credential: sk-canary-bad}}\n'
        '  - {name: gone, kind: openai-compatible, base_url: "http://127.0.0.1:9/v1"}\n'
    )
    environ = an_environment(tmp_path / "home")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        status, findings = examined(environ, tmp_path)
        states = {check: finding["state"] for check, finding in findings.items()}
        assert status == 1
        assert {check for check, state in states.items() if state == "wrong"} == {
            "provider wrong",
            "provider gone",
        }
        assert "refuses the credential" in findings["provider wrong"]["says"]
        assert states["gateway"] == states["control"] == states["snapshot"] == states["clock"] == "fine"
        assert "canary" not in json.dumps(findings)


def test_a_master_key_that_does_not_open_the_home_is_wrong(tmp_path: Path, vendor: str) -> None:
    environ = an_environment(tmp_path / "home", OPENAI_API_KEY="sk-x")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
    status, findings = examined({**environ, "TURNPIKE_MASTER_KEY": "cd" * 32}, tmp_path)
    assert status == 1
    assert findings["master key"]["state"] == "wrong"
