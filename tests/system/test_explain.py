"""System: what `turnpike explain` says is what the gateway does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.road import CHAT, KEY, MESSAGES, Document, Road, a_road, chat_body, message_body
from tests.system.upstream import Exchange

SECRETS = {
    "research-app": KEY,
    "narrow": "narrow-key-0123456789-research",
    "no-models": "no-models-key-0123456789-sales",
    "chat-only": "chat-only-key-0123456789-research",
    "old": "old-key-0123456789-0123456789",
}
DOCUMENT: Document = {
    "models": [
        {"name": "open*", "targets": [{"provider": "fake-anthropic", "model": "claude-*"}]},
        {"name": "*/gpt-4o", "targets": [{"provider": "fake-openai", "model": "gpt-4o"}]},
    ],
    "teams": [{"name": "sales"}],
    "keys": [
        {"name": "narrow", "team": "research", "secret": SECRETS["narrow"], "models": ["openai/*"]},
        {"name": "no-models", "team": "sales", "secret": SECRETS["no-models"]},
        {
            "name": "chat-only",
            "team": "research",
            "secret": SECRETS["chat-only"],
            "surfaces": ["openai.chat"],
        },
        {
            "name": "old",
            "team": "research",
            "secret": SECRETS["old"],
            "expires_at": "2020-01-01T00:00:00Z",
        },
    ],
}
MODELS = ("gpt", "claude", "openai/gpt-4o", "openai/x", "openly", "else/gpt-4o", "nowhere")
SURFACES = {"openai.chat": (CHAT, chat_body), "anthropic.messages": (MESSAGES, message_body)}


@pytest.fixture(scope="module")
def explained_road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with a_road(tmp_path_factory.mktemp("explain"), DOCUMENT) as road:
        yield road


def echoes(exchange: Exchange) -> None:
    """A refusal of the provider's own, which names the model that it was asked for."""
    model = json.loads(exchange.request.body)["model"]
    exchange.answer(
        418, json.dumps({"type": "error", "error": {"type": "teapot", "message": model}}).encode()
    )


def explained(road: Road, key: str, model: str, surface: str) -> dict[str, Any]:
    done = road.command("explain", key, model, "--surface", surface, "--json")
    values: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if values["allowed"] else 1), done.stderr
    return values


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("key", ["narrow", "chat-only", "no-models", "old"])
def test_the_explanation_is_what_the_gateway_does(explained_road: Road, key: str, surface: str) -> None:
    path, body = SURFACES[surface]
    case = explained_road.case(echoes)
    models = MODELS if key in ("narrow", "chat-only") else MODELS[:2]
    for model in models:
        said = explained(explained_road, key, model, surface)
        answer = explained_road.post(path, body(model), case, key=SECRETS[key])
        if answer.status_code == 418:
            assert said["allowed"], said
            assert said["targets"][0]["model"] == answer.json()["error"]["message"]
            expected = f"{said['targets'][0]['provider']}/{said['targets'][0]['model']}"
            assert answer.headers["x-turnpike-target"] == expected
        else:
            assert said["code"] == answer.json()["error"]["code"], said


def test_people_read_a_verdict_levels_and_targets(explained_road: Road) -> None:
    allowed = explained_road.command("explain", "narrow", "openai/x")
    shown = allowed.stdout
    assert allowed.returncode == 0
    assert shown.startswith("allowed: ")
    assert "keys/narrow" in shown
    assert "openai/x means openai/*, the star being x" in shown
    assert "fake-openai/x" in shown
    assert "connect 5 s" in shown
    refused = explained_road.command("explain", "narrow", "gpt")
    assert refused.returncode == 1
    assert refused.stdout.startswith("refused (model_not_allowed): keys/narrow does not allow the model")
    assert "gpt means" not in refused.stdout
    assert "\ngpt goes to these targets, in this order:\n" in refused.stdout


def test_a_key_that_is_not_there_is_said(explained_road: Road) -> None:
    done = explained_road.command("explain", "nobody", "gpt")
    assert done.returncode == 1
    assert "there is no key of this name" in done.stderr
