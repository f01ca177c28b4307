"""A provider whose address leads back to the gateway: the call is refused at its second pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.parts import told
from tests.system.road import CHAT, KEY, MESSAGES, Road, a_road, chat_body, message_body
from tests.system.running import wait_until

PASSES = 'turnpike_calls_total{{code="upstream_failed",status="failed",surface="{}"}} 2'


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Two providers of each dialect that are this gateway: one as it is, one behind its other name."""
    with a_road(tmp_path_factory.mktemp("circle")) as road:
        road.apply(
            "circle",
            {
                "providers": [
                    {
                        "name": "back",
                        "kind": "openai-compatible",
                        "base_url": f"{road.url}/v1",
                        "credential": KEY,
                    },
                    {"name": "back-again", "kind": "anthropic", "base_url": road.url, "credential": KEY},
                ],
                "models": [
                    {"name": "round", "targets": [{"provider": "back", "model": "round"}]},
                    {
                        "name": "claude-round",
                        "targets": [{"provider": "back-again", "model": "claude-round"}],
                    },
                    {"name": "back/*", "targets": [{"provider": "back", "model": "*"}]},
                ],
            },
        )
        yield road


@pytest.mark.parametrize(
    ("path", "body", "provider", "surface"),
    [
        (CHAT, chat_body("round"), "back", "openai.chat"),
        (MESSAGES, message_body("claude-round"), "back-again", "anthropic.messages"),
    ],
)
def test_a_call_that_comes_back_is_refused_at_its_second_pass(
    circle: Road, path: str, body: dict[str, object], provider: str, surface: str
) -> None:
    answer = circle.post(path, body)
    assert told(answer) == (502, "upstream_failed")
    assert answer.json()["error"]["message"].startswith(
        f"This call runs in a circle: it went to the provider {provider} and came back"
    )
    assert answer.headers["x-should-retry"] == "false"
    assert PASSES.format(surface) in circle.metrics()


def test_a_list_of_models_does_not_go_round(circle: Road) -> None:
    listed = [model["id"] for model in circle.get("/v1/models").json()["data"]]
    assert "back/*" in listed
    wait_until(
        lambda: any(
            '"provider": "back", "reason": "It answered 502' in line for line in circle.process.logged
        ),
        "the list was refused at its second pass",
    )
