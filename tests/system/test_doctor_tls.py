"""System: what the doctor says of a gateway that serves TLS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.authority import Authority
from tests.system.running import Process, an_environment, run_command


@pytest.mark.parametrize(
    ("host", "trusted", "state", "said"),
    [
        ("127.0.0.1", False, "unknown", "does not trust its certificate"),
        ("127.0.0.1", True, "unknown", "for another name than this address"),
        ("localhost", True, "fine", "takes calls"),
    ],
)
def test_a_gateway_whose_certificate_is_not_taken_here_is_not_called_dead(
    tmp_path: Path, host: str, trusted: bool, state: str, said: str
) -> None:
    authority = Authority(tmp_path)
    environ = an_environment(
        tmp_path / "home",
        TURNPIKE_GATEWAY_LISTEN=f"{host}:0",
        TURNPIKE_TLS_CERTIFICATE=str(tmp_path / "server.pem"),
    )
    trust = {"SSL_CERT_FILE": str(authority.file)} if trusted else {}
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        shown = run_command(["doctor", "--json"], {**environ, **trust}, tmp_path)
    (gateway,) = [finding for finding in json.loads(shown.stdout) if finding["check"] == "gateway"]
    assert gateway["state"] == state
    assert said in gateway["says"]
