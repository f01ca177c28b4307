"""What a key may use, where it leads, and what is hinted at."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.playbook.stage import KEY, Stage
from turnpike.domain.errors import (
    InvalidRequest,
    ModelNotAllowed,
    ModelNotFound,
    PolicyDenied,
    SurfaceNotAllowed,
)
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, Model, Target
from turnpike.domain.surface import ANTHROPIC_MESSAGES, OPENAI_CHAT, Surface
from turnpike.gateway.authorize import NAME_MAX_CHARACTERS, act_for, authorize
from turnpike.gateway.catalogue import Catalogue
from turnpike.gateway.grants import REMEMBERED_MAX, Grant
from turnpike.gateway.identities import Holder
from turnpike.ports.http import Request

NAMES = ("fast", "fast-hidden", "local/*", "*-mini", "gpt-4o-mini")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    async def made() -> Catalogue:
        stage = Stage(tmp_path_factory.mktemp("catalogue"))
        await stage.close()
        serving = stage.gate.serving
        assert serving is not None
        request = Request("POST", "/", b"", {b"api-key": KEY.encode()}, b"", "", 0)
        assert serving.identities.identify(request, 0).key.name == "app"
        uplink = serving.catalogue.route("gpt", OPENAI_CHAT).ways[0].uplink
        models = [Model(name, (Target("first", f"up-{'*' if '*' in name else name}"),)) for name in NAMES]
        return Catalogue(tuple(models), {"first": uplink})

    return asyncio.run(made())


def a_holder(*levels: tuple[str, ...], **fields: Any) -> Holder:
    access = Access(levels or (("*",),), fields.pop("surfaces", ()))
    return Holder(Key("app", Principal("acme", "research"), (), access, **fields))


def granted(catalogue: Catalogue, holder: Holder, model: str, surface: Surface = OPENAI_CHAT) -> str:
    return authorize(holder, surface, model, catalogue).route.ways[0].model


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("fast", "up-fast"),
        ("local/llama", "up-llama"),
        ("local/a-mini", "up-a-mini"),
        ("other-mini", "up-other"),
        ("gpt-4o-mini", "up-gpt-4o-mini"),
    ],
)
def test_a_plain_name_comes_first_then_the_longest_pattern(
    catalogue: Catalogue, asked: str, sent: str
) -> None:
    assert granted(catalogue, a_holder(), asked) == sent


def test_every_level_must_allow_the_name(catalogue: Catalogue) -> None:
    assert granted(catalogue, a_holder(("fast", "x"), ("f*",)), "fast") == "up-fast"
    for levels in (((),), (("fast",), ("x",)), (("fast",), ())):
        with pytest.raises(ModelNotAllowed):
            granted(catalogue, a_holder(*levels), "fast")


def test_a_name_near_one_that_may_be_used_is_hinted_at_and_no_other(catalogue: Catalogue) -> None:
    with pytest.raises(ModelNotFound, match="Did you mean 'fast'"):
        granted(catalogue, a_holder(("fast",)), "fasd")
    with pytest.raises(ModelNotFound) as caught:
        granted(catalogue, a_holder(("local/*",)), "fast-hiddem")
    assert "fast-hidden" not in caught.value.message


@pytest.mark.parametrize("levels", [(("*",),), (("fast",),)])
def test_a_name_of_no_sensible_length_is_refused_in_a_short_sentence(
    catalogue: Catalogue, levels: tuple[tuple[str, ...], ...]
) -> None:
    holder = a_holder(*levels)
    with pytest.raises(ModelNotFound) as caught:
        granted(catalogue, holder, "local/" + "x" * NAME_MAX_CHARACTERS)
    assert len(caught.value.message) < 200
    assert granted(catalogue, a_holder(), "local/" + "x" * (NAME_MAX_CHARACTERS - 6)).startswith("up-xx")


def test_a_surface_is_allowed_by_every_level_that_names_surfaces(catalogue: Catalogue) -> None:
    assert granted(catalogue, a_holder(surfaces=(("openai.*",), ("*",))), "fast") == "up-fast"
    with pytest.raises(SurfaceNotAllowed):
        granted(catalogue, a_holder(surfaces=(("openai.*",), ("anthropic.*",))), "fast")


def test_a_surface_that_no_target_speaks_is_the_callers_fault(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidRequest, match="another API"):
        granted(catalogue, a_holder(), "fast", ANTHROPIC_MESSAGES)


def test_a_grant_is_remembered_and_the_memory_is_bounded(catalogue: Catalogue) -> None:
    holder = a_holder()
    first: Grant = authorize(holder, OPENAI_CHAT, "fast", catalogue)
    assert authorize(holder, OPENAI_CHAT, "fast", catalogue) is first
    for number in range(REMEMBERED_MAX + 10):
        granted(catalogue, holder, f"local/{number}")
    assert holder.grants.recall(OPENAI_CHAT, f"local/{REMEMBERED_MAX + 9}") is None
    assert granted(catalogue, holder, f"local/{REMEMBERED_MAX + 9}") == f"up-{REMEMBERED_MAX + 9}"


def test_a_refusal_is_never_remembered_as_a_grant(catalogue: Catalogue) -> None:
    holder = a_holder(("fast",))
    for _ in range(2):
        with pytest.raises(ModelNotAllowed):
            granted(catalogue, holder, "gpt-4o-mini")


def test_an_end_user_is_named_where_the_key_allows_it() -> None:
    holder = a_holder(acts_for=("*@example.com",))
    assert act_for(holder, None) is holder.key.principal
    assert act_for(holder, "alice@example.com").user == "alice@example.com"
    for user in ("alice@evil.example", "", "@example.com"):
        with pytest.raises(PolicyDenied):
            act_for(holder, user)
