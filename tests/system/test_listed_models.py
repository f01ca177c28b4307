"""System: in place of a pattern, the list of models says what the provider has, as far as the caller may use it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.system.road import CREDENTIAL, KEY, Document, Road, a_road
from tests.system.upstream import Exchange

NARROW = "narrow-key-0123456789-research"
CHATS = "chats-key-0123456789-research"
PLAIN = "plain-key-0123456789-research"
OPENAI_NAMES = ("gpt-4o", "gpt-4o-mini", "ft:gpt:one", "no*good", "shadowed")
ANTHROPIC_NAMES = ("claude-opus-4-8", "claude-haiku-4-5")

DOCUMENT: Document = {
    "providers": [{"name": "gone", "kind": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}],
    "models": [
        {"name": "tuned-*", "targets": [{"provider": "fake-openai", "model": "ft:*"}]},
        {"name": "openai/shadow*", "targets": [{"provider": "fake-anthropic", "model": "claude-*"}]},
        {"name": "gone/*", "targets": [{"provider": "gone", "model": "*"}]},
        {"name": "any-*", "targets": [{"provider": "fake-openai", "model": "gpt-4o"}]},
    ],
    "keys": [
        {"name": "narrow", "team": "research", "secret": NARROW, "models": ["openai/gpt-*", "claude"]},
        {"name": "chats", "team": "research", "secret": CHATS, "surfaces": ["openai.chat"]},
        {"name": "plain", "team": "research", "secret": PLAIN, "models": ["gpt"]},
    ],
}


def lists_models(exchange: Exchange) -> None:
    """Each dialect's own list, to the right credential only."""
    headers = exchange.request.headers
    if headers.get("authorization") == f"Bearer {CREDENTIAL}" and exchange.request.target == "/v1/models":
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in OPENAI_NAMES]
        exchange.answer(200, json.dumps({"object": "list", "data": data}).encode())
    elif headers.get("x-api-key") == CREDENTIAL and "anthropic-version" in headers:
        assert exchange.request.target == "/v1/models?limit=1000"
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": "x"} for name in ANTHROPIC_NAMES
        ]
        exchange.answer(200, json.dumps({"data": data, "has_more": False}).encode())
    else:
        exchange.answer(401, b"{}")


@pytest.fixture(scope="module")
def listing_road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with a_road(tmp_path_factory.mktemp("listing"), DOCUMENT) as road:
        road.upstream.plays("", lists_models)
        yield road


def names(road: Road, key: str = KEY) -> list[str]:
    return [model["id"] for model in road.get("/v1/models", key=key).json()["data"]]


def test_a_pattern_is_listed_as_what_its_provider_has(listing_road: Road) -> None:
    listed = names(listing_road)
    assert {"openai/gpt-4o", "openai/gpt-4o-mini", "openai/ft:gpt:one", "tuned-gpt:one"} <= set(listed)
    assert {"anthropic/claude-opus-4-8", "anthropic/claude-haiku-4-5"} <= set(listed)
    assert not {"openai/*", "anthropic/*", "tuned-*", "openai/no*good"} & set(listed)
    assert len(listed) == len(set(listed))


def test_a_name_that_would_go_elsewhere_is_not_listed_for_the_wider_pattern(listing_road: Road) -> None:
    listed = names(listing_road)
    assert "openai/shadowed" not in listed
    assert "openai/shadowopus-4-8" in listed


def test_a_pattern_stays_where_its_provider_gives_no_list_or_any_name_means_one_model(
    listing_road: Road,
) -> None:
    assert {"gone/*", "any-*"} <= set(names(listing_road))


def test_only_what_the_caller_may_use_is_listed(listing_road: Road) -> None:
    assert set(names(listing_road, NARROW)) == {"claude", "openai/gpt-4o", "openai/gpt-4o-mini"}
    assert names(listing_road, PLAIN) == ["gpt"]


def test_a_model_that_no_surface_of_the_key_leads_to_is_not_listed(listing_road: Road) -> None:
    listed = names(listing_road, CHATS)
    assert "gpt" in listed
    assert [name for name in listed if "claude" in name or name.startswith("anthropic/")] == []
    assert listing_road.get("/v1/models/claude", key=CHATS).status_code == 404


def test_a_listed_name_can_be_looked_at_and_asked_for(listing_road: Road) -> None:
    one = listing_road.get("/v1/models/openai/gpt-4o", key=NARROW)
    assert (one.status_code, one.json()["id"]) == (200, "openai/gpt-4o")
    assert listing_road.get("/v1/models/openai/ft:gpt:one", key=NARROW).status_code == 404


def test_the_sdks_list_them(listing_road: Road) -> None:
    client: openai.OpenAI = listing_road.openai()
    assert "openai/gpt-4o-mini" in [model.id for model in client.models.list()]
    assert client.models.retrieve("openai/gpt-4o-mini").id == "openai/gpt-4o-mini"
    claude: anthropic.Anthropic = listing_road.anthropic()
    listed = [model.id for model in claude.models.list(limit=2)]
    assert "anthropic/claude-opus-4-8" in listed
    assert set(listed) == set(names(listing_road))


def test_a_provider_is_asked_once_for_many_lists(listing_road: Road) -> None:
    names(listing_road)
    before = len(listing_road.received(""))
    for _ in range(10):
        names(listing_road)
    assert len(listing_road.received("")) == before
