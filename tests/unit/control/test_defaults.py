"""Providers that variables make ready, where no configuration speaks of them."""

from __future__ import annotations

import pytest

from tests.unit.control.documents import read_well
from turnpike.control.compile import Closed, Stamp, compile_snapshot
from turnpike.control.defaults import Defaults, administrator, default_providers, unusable_variables
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import SecretAddress
from turnpike.control.plan import Held, relation_faults
from turnpike.control.resources.key import Key
from turnpike.control.resources.provider import Provider
from turnpike.control.resources.table import export_document, id_of
from turnpike.domain.pattern import star_of
from turnpike.providers.table import PROVIDERS

BOTH = {"OPENAI_API_KEY": "sk-openai\n", "ANTHROPIC_API_KEY": "sk-anthropic", "HOME": "/root"}


def defaults(variables: dict[str, str], configured: str = "") -> Defaults:
    return default_providers(variables, PROVIDERS, read_well(configured).resources)


def names(made: Defaults, kind: str) -> set[str]:
    return {resource.name for resource in made.resources if id_of(resource).kind == kind}


def test_each_variable_makes_its_provider_ready() -> None:
    made = defaults(BOTH)
    assert names(made, "providers") == {"openai", "anthropic"}
    assert {"openai/*", "anthropic/*", "gpt-*", "claude-*"} <= names(made, "models")
    assert made.secrets[SecretAddress("providers", "openai", "credential")].reveal() == "sk-openai"


def test_an_empty_variable_makes_nothing() -> None:
    assert defaults({"OPENAI_API_KEY": " "}).resources == ()


@pytest.mark.parametrize("value", ["sk-canary\nsk-second", "sk-canary-ä", "sk-canary-\udc80", "sk-canary\0"])
def test_a_variable_that_no_header_can_carry_makes_nothing_and_is_named_without_its_value(value: str) -> None:
    variables = {**BOTH, "OPENAI_API_KEY": value}
    made = defaults(variables)
    assert names(made, "providers") == {"anthropic"}
    assert not any("openai" in name or name.startswith("gpt") for name in names(made, "models"))
    complaints = unusable_variables(variables, PROVIDERS)
    assert list(complaints) == ["OPENAI_API_KEY"]
    assert "canary" not in complaints["OPENAI_API_KEY"]


def test_variables_that_are_fine_or_empty_are_not_complained_of() -> None:
    assert unusable_variables({**BOTH, "OPENAI_API_KEY": " "}, PROVIDERS) == {}


def test_a_configured_provider_of_the_kind_or_name_stands_alone() -> None:
    of_kind = "providers: [{name: mine, kind: openai, credential: '${env:X}'}]"
    of_name = "providers: [{name: openai, kind: openai-compatible, base_url: 'http://x'}]"
    for configured in (of_kind, of_name):
        assert names(defaults(BOTH, configured), "providers") == {"anthropic"}


def test_a_configured_model_keeps_its_name() -> None:
    configured = (
        "providers: [{name: mine, kind: openai-compatible, base_url: 'http://x'}]\n"
        "models: [{name: 'gpt-*', targets: [{provider: mine, model: '*'}]}]"
    )
    assert "gpt-*" not in names(defaults(BOTH, configured), "models")


def test_a_vendors_own_names_go_upstream_as_they_are() -> None:
    made = defaults(BOTH)
    model = next(resource for resource in made.resources if resource.name == "gpt-*")
    assert star_of(model.name, "gpt-4o") == "4o"
    assert [target.model for target in getattr(model, "targets", ())] == ["gpt-*"]


def test_defaults_are_resources_like_any_other() -> None:
    made = defaults(BOTH)
    reading = read_well(export_document(made.resources))
    assert set(map(repr, reading.resources)) == set(map(repr, made.resources))
    standing = {id_of(resource): Held(resource, "environment") for resource in made.resources}
    assert relation_faults(read_well("teams: [{name: t, models: [gpt-4o]}]"), standing, "x") == ()
    closed = Closed(dict.fromkeys(made.secrets, b"sealed"), {})
    assert len(compile_snapshot(made.resources, closed, PROVIDERS, Stamp("v", 1, 1)).providers) == 2


def test_the_administrator_may_use_every_model_and_do_everything() -> None:
    made = administrator(Hidden("a-secret-of-20-characters"), "${env:TURNPIKE_ADMIN_KEY}")
    (key,) = made.resources
    assert isinstance(key, Key)
    assert (key.role, key.models, key.secret) == ("owner", ("*",), "${env:TURNPIKE_ADMIN_KEY}")
    assert read_well(export_document(made.resources)).resources == (key,)


def test_nothing_that_is_printed_holds_a_secret() -> None:
    assert "sk-" not in repr(defaults(BOTH))


def test_the_variable_of_an_sdks_address_is_the_providers() -> None:
    elsewhere = {"OPENAI_BASE_URL": "https://eu.example.com/v1\n", "ANTHROPIC_BASE_URL": " "}
    made = defaults({**BOTH, **elsewhere})
    urls = {resource.name: resource.base_url for resource in made.resources if isinstance(resource, Provider)}
    assert urls == {"openai": "https://eu.example.com/v1", "anthropic": None}
    assert unusable_variables({**BOTH, **elsewhere}, PROVIDERS) == {}


@pytest.mark.parametrize(
    "url",
    ["eu.example.com", "https://me:canary@example.com/v1", "https://canary.example.com/v1?a=b", "http://x:0"],
)
def test_an_address_that_no_document_could_hold_makes_nothing_and_is_named_without_its_value(
    url: str,
) -> None:
    variables = {**BOTH, "OPENAI_BASE_URL": url}
    assert names(defaults(variables), "providers") == {"anthropic"}
    complaints = unusable_variables(variables, PROVIDERS)
    assert list(complaints) == ["OPENAI_BASE_URL"]
    assert "canary" not in complaints["OPENAI_BASE_URL"]


def test_an_address_without_a_key_beside_it_is_nobodys_concern() -> None:
    variables = {"OPENAI_BASE_URL": "nonsense"}
    assert defaults(variables).resources == ()
    assert unusable_variables(variables, PROVIDERS) == {}
