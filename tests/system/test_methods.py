"""System: a method that an address does not take is answered with those that it takes (RFC 9110, 15.5.6)."""

from __future__ import annotations

import pytest

from tests.system.road import KEY, Road

ALLOWED = {
    "/v1/chat/completions": ("GET", "POST"),
    "/v1/messages": ("DELETE", "POST"),
    "/v1/models": ("POST", "GET, HEAD"),
    "/v1/models/gpt": ("DELETE", "GET, HEAD"),
    "/v1/responses/resp_1": ("POST", "GET, DELETE"),
    "/v1/responses/resp_1/cancel": ("GET", "POST"),
    "/livez": ("POST", "GET, HEAD"),
    "/metrics": ("DELETE", "GET, HEAD"),
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_is_not_taken_is_answered_with_those_that_are(road: Road, path: str) -> None:
    method, allowed = ALLOWED[path]
    answer = road.http.request(method, path, headers={"authorization": f"Bearer {KEY}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
