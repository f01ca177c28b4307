"""Providers that cannot be reached: tried again, elsewhere, and told of."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.system.authority import Authority
from tests.system.parts import ANSWER, a_request, cancelled, good, told
from tests.system.road import CREDENTIAL, Document, Road
from tests.system.running import wait_until
from tests.system.upstream import an_upstream


@pytest.fixture(scope="module")
def unreachable(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A provider for each way to be out of reach, and one behind TLS with an authority of its own."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    with ExitStack() as stack:
        refusing = stack.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        secure = stack.enter_context(an_upstream(authority.wrap))
        port = secure.url.rpartition(":")[2]
        secure.plays("tls", good)
        addresses: dict[str, dict[str, Any]] = {
            "refused": {"base_url": f"http://127.0.0.1:{refusing.getsockname()[1]}/v1"},
            "full": {"base_url": f"http://127.0.0.1:{full.getsockname()[1]}/v1"},
            "nameless": {"base_url": "http://no-such-name.onion/v1"},
            "untrusted": {"base_url": f"https://localhost:{port}/v1"},
            "trusted": {"base_url": f"https://localhost:{port}/v1", "tls": {"ca_file": str(authority.file)}},
            "misnamed": {"base_url": f"https://127.0.0.1:{port}/v1", "tls": {"ca_file": str(authority.file)}},
            "mute-tls": {"base_url": f"https://127.0.0.1:{full.getsockname()[1]}/v1"},
        }
        document: Document = {
            "providers": [
                {"name": name, "kind": "openai-compatible", "connect_timeout_seconds": 0.4, "retries": 1, **address}
                for name, address in addresses.items()
            ],
            "models": [
                {"name": f"{name}/*", "targets": [{"provider": name, "model": "*"}]} for name in addresses
            ] + [
                {"name": "never-again", "retries": 0, "targets": [{"provider": "refused", "model": "m"}]},
                {"name": "elsewhere", "targets": [{"provider": "refused", "model": "m"},
                                                  {"provider": "fake-openai", "model": "gpt-4o"}]},
            ],
        }  # fmt: skip
        road.apply("unreachable", document)
        yield
        road.apply("unreachable", {})


@pytest.mark.parametrize(
    ("provider", "status", "code", "words"),
    [
        ("refused", 502, "upstream_failed", "refused: connection refused."),
        ("full", 504, "upstream_timeout", "full: it did not accept a connection within 0.4 s."),
        ("nameless", 502, "upstream_failed", "nameless: its name has no address."),
        ("untrusted", 502, "upstream_failed", "untrusted: its certificate is not trusted."),
        ("misnamed", 502, "upstream_failed", "misnamed: its certificate is not trusted."),
        ("mute-tls", 504, "upstream_timeout", "mute-tls: it did not accept a connection"),
    ],
)
@pytest.mark.usefixtures("unreachable")
def test_a_provider_out_of_reach_is_tried_again_and_then_told(
    road: Road, provider: str, status: int, code: str, words: str
) -> None:
    answer = road.chat("", f"{provider}/m")
    assert told(answer) == (status, code)
    assert words in answer.json()["error"]["message"]
    assert re.search(r"127\.0\.0\.1|onion|localhost|:\d", answer.text) is None, (
        "an address is no caller's business"
    )
    assert answer.headers["x-turnpike-attempts"] == "2"
    assert CREDENTIAL not in answer.text


@pytest.mark.usefixtures("unreachable")
def test_an_authority_of_the_configuration_is_trusted(road: Road) -> None:
    assert road.chat("tls", "trusted/m").content == ANSWER


@pytest.mark.usefixtures("unreachable")
def test_no_retries_means_one_attempt(road: Road) -> None:
    answer = road.chat("", "never-again")
    assert (told(answer), answer.headers["x-turnpike-attempts"]) == ((502, "upstream_failed"), "1")


@pytest.mark.usefixtures("unreachable")
def test_no_try_begins_after_the_callers_deadline(road: Road) -> None:
    answer = road.chat("", "refused/m", x_turnpike_timeout_ms="30")
    assert (told(answer), answer.headers["x-turnpike-attempts"]) == ((502, "upstream_failed"), "1")


@pytest.mark.usefixtures("unreachable")
def test_the_next_target_answers_where_the_first_cannot_be_reached(road: Road) -> None:
    case = road.case(good)
    answer = road.chat(case, "elsewhere")
    assert answer.content == ANSWER
    assert answer.headers["x-turnpike-target"] == "fake-openai/gpt-4o"
    assert answer.headers["x-turnpike-attempts"] == "3"
    assert json.loads(road.received(case)[0].body)["model"] == "gpt-4o"


@pytest.mark.usefixtures("unreachable")
def test_nothing_is_tried_again_for_a_caller_that_left(road: Road) -> None:
    before = cancelled(road, "full/*")
    with socket.create_connection(("127.0.0.1", int(road.url.rpartition(":")[2]))) as caller:
        caller.sendall(a_request("", stream=False, model="full/m"))
        caller.settimeout(0.1)
        with suppress(TimeoutError):
            caller.recv(1)
    began = time.monotonic()
    wait_until(lambda: cancelled(road, "full/*") == before + 1, "the call is counted as cancelled")
    assert time.monotonic() - began < 2
