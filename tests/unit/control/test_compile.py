"""Resources to a snapshot: levels of access, tags, limits, secrets only as they are stored."""

from __future__ import annotations

import time

import pytest

from tests.unit.control.documents import SHAPE, read_well
from turnpike.control.compile import Closed, Stamp, Uncompilable, compile_snapshot
from turnpike.control.document.kind import Resource
from turnpike.control.resources.key import Key
from turnpike.control.resources.model import Model, ModelTarget
from turnpike.control.resources.team import Team
from turnpike.domain import snapshot as domain
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import (
    Access,
    LimitOverrides,
    Secret,
    Snapshot,
    Target,
    TimeLimits,
    Tls,
    decode_snapshot,
    encode_snapshot,
)
from turnpike.providers.table import PROVIDERS

STAMP = Stamp("v1", 7, 1_000)
SECRET = (Secret(b"digest"),)


def compiled(text: str) -> Snapshot:
    """The snapshot of a document whose secrets are all sealed to their address."""
    reading = read_well(text)
    keys = {r.name: SECRET for r in reading.resources if isinstance(r, Key)}
    sealed = {slot.address: str(slot.address).encode() for slot in reading.secrets}
    return compile_snapshot(reading.resources, Closed(sealed, keys), PROVIDERS, STAMP)


def the_key(text: str) -> domain.Key:
    (key,) = compiled(text).keys
    return key


def test_the_issues_document_becomes_what_gateways_serve() -> None:
    snapshot = compiled(SHAPE)
    assert (snapshot.version, snapshot.serial, snapshot.created_at_ns, snapshot.organisation) == (
        "v1",
        7,
        1_000,
        "default",
    )
    assert snapshot.providers == (
        domain.Provider("local", "openai-compatible", "http://127.0.0.1:9000/v1"),
        domain.Provider("openai", "openai", "https://api.openai.com/v1", (b"providers/openai/credential",)),
    )
    assert snapshot.models == (
        domain.Model("fast", (Target("openai", "gpt-4o-mini"),)),
        domain.Model("local/*", (Target("local", "*"),)),
    )
    assert snapshot.keys == (
        domain.Key(
            "research-app",
            Principal("default", team="research", key="research-app"),
            SECRET,
            Access(models=(("fast",),)),
        ),
    )
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_every_setting_of_a_provider_arrives() -> None:
    (provider,) = compiled(
        """
providers:
  - name: p
    kind: openai-compatible
    base_url: https://x.example/v1/
    credentials: ["${env:A}", "${env:B}"]
    headers: {X-Plain: a, X-Token: "Bearer ${env:C}"}
    connect_timeout_seconds: 1
    first_byte_timeout_seconds: 2
    idle_timeout_seconds: 3
    total_timeout_seconds: 4
    retries: 0
    tls: {ca_file: /ca.pem}
    proxy: "http://u:p@proxy:3128"
    region: eu
"""
    ).providers
    assert provider == domain.Provider(
        name="p",
        kind="openai-compatible",
        base_url="https://x.example/v1",
        credentials=(b"providers/p/credentials[0]", b"providers/p/credentials[1]"),
        headers=(("x-plain", "a"),),
        sealed_headers=(("x-token", b"providers/p/headers.X-Token"),),
        limits=TimeLimits(1, 2, 3, 4),
        retries=0,
        tls=Tls(ca_file="/ca.pem"),
        proxy=None,
        sealed_proxy=b"providers/p/proxy",
        region="eu",
    )


def test_a_model_overrides_only_what_it_says() -> None:
    text = SHAPE.replace("{name: fast,", "{name: fast, retries: 0, idle_timeout_seconds: 5,")
    assert compiled(text).models[0].overrides == LimitOverrides(idle_seconds=5, retries=0)


LEVELS = """
teams: [{name: t, models: [a, b], surfaces: ["openai.*"], tags: {x: team, y: team}, required_tags: [x]}]
projects: [{name: p, team: t, models: [a], tags: {y: project}, required_tags: [z, x]}]
users: [{name: u, team: t, surfaces: [openai.chat]}]
"""


def test_a_projects_key_stands_under_its_team_and_project() -> None:
    key = the_key(LEVELS + "keys: [{name: k, project: p, models: ['*'], tags: {w: key}}]")
    assert key.principal == Principal("default", team="t", project="p", key="k")
    assert key.access == Access(models=(("a", "b"), ("a",), ("*",)), surfaces=(("openai.*",),))
    assert key.tags == (("w", "key"), ("x", "team"), ("y", "project"))
    assert key.required_tags == ("x", "z")


def test_a_users_key_stands_under_the_home_team_and_the_user() -> None:
    key = the_key(LEVELS + "keys: [{name: k, user: u}]")
    assert key.principal == Principal("default", team="t", user="u", key="k")
    assert key.access == Access(models=(("a", "b"),), surfaces=(("openai.*",), ("openai.chat",)))


def test_nothing_passes_where_no_level_names_a_model() -> None:
    assert the_key("teams: [{name: t}]\nkeys: [{name: k, team: t}]").access == Access(models=((),))


def test_an_empty_list_of_models_lets_nothing_pass() -> None:
    key = the_key("teams: [{name: t, models: []}]\nkeys: [{name: k, team: t, models: ['*']}]")
    assert key.access.models == ((), ("*",))


def test_a_key_of_the_organisation_has_models_of_its_own() -> None:
    key = the_key("keys: [{name: k, role: owner, models: ['*']}]")
    assert key.principal == Principal("default", key="k")
    assert key.access == Access(models=(("*",),))


def test_what_a_key_says_of_itself_arrives() -> None:
    key = the_key(
        "keys: [{name: k, role: owner, expires_at: '2027-01-01T02:00:00.5+02:00', revoked: true,"
        " networks: [10.0.0.0/8, '::1'], acts_for: ['*@x.example']}]"
    )
    assert key.expires_at_ns == 1_798_761_600_500_000_000
    assert key.revoked
    assert key.networks == ("10.0.0.0/8", "::1/128")
    assert key.acts_for == ("*@x.example",)


def test_a_secret_that_is_not_stored_is_named() -> None:
    reading = read_well(SHAPE)
    with pytest.raises(Uncompilable, match="providers/openai: nothing is sealed for credential"):
        compile_snapshot(reading.resources, Closed({}, {}), PROVIDERS, STAMP)


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (Model(name="m", targets=(ModelTarget("p", "x"),)), "models/m: there is no providers/p"),
        (Key(name="k", project="p"), "keys/k: there is no projects/p"),
        (Key(name="k", user="u"), "keys/k: there is no users/u"),
        (Key(name="other", role="owner"), "keys/other: no digest"),
    ],
)
def test_what_dangles_is_named(resource: Resource, said: str) -> None:
    with pytest.raises(Uncompilable, match=said):
        compile_snapshot([resource], Closed({}, {"k": SECRET}), PROVIDERS, STAMP)


def test_the_order_of_resources_makes_no_difference() -> None:
    resources = read_well(
        SHAPE.replace(', credential: "${env:OPENAI_API_KEY}"', ", base_url: 'http://x'")
    ).resources
    closed = Closed({}, {"research-app": SECRET})
    forward = compile_snapshot(resources, closed, PROVIDERS, STAMP)
    assert compile_snapshot(reversed(resources), closed, PROVIDERS, STAMP) == forward


def test_ten_thousand_keys_compile_well_within_a_second() -> None:
    teams = [Team(name=f"t{n}", models=(f"m{n}", "fast/*"), tags={"team": str(n)}) for n in range(100)]
    keys = [Key(name=f"k{n}", team=f"t{n % 100}", networks=("10.0.0.0/8",)) for n in range(10_000)]
    provider = read_well("providers: [{name: p, kind: openai, base_url: 'http://x'}]").resources
    models = [Model(name=f"m{n}", targets=(ModelTarget("p", "x"),)) for n in range(1_000)]
    closed = Closed({}, {key.name: SECRET for key in keys})
    started = time.perf_counter()
    snapshot = compile_snapshot([*teams, *keys, *provider, *models], closed, PROVIDERS, STAMP)
    assert time.perf_counter() - started < 1
    assert (len(snapshot.keys), len(snapshot.models)) == (10_000, 1_000)
