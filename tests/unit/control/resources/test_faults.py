"""Every rule of every kind: one fault, where it stands, what was found, what is allowed."""

from __future__ import annotations

import pytest

from tests.unit.control.documents import FILE, faults, read
from turnpike.control.document.reader import MAX_FAULTS
from turnpike.control.document.reading import Source
from turnpike.control.resources.table import read_document, read_resource
from turnpike.providers.table import PROVIDERS

PROVIDER = "providers: [{name: p, kind: openai-compatible, base_url: 'http://x/v1', %s}]"
TEAM = "teams: [{name: t, %s}]"
KEY = "keys: [{name: k, %s}]"
MODEL = "models: [{name: %s, targets: %s}]"


def test_a_mistyped_reference_names_place_and_nearest() -> None:
    assert faults("providers:\n  - {name: a, kind: opnai, credential: x}") == [
        'turnpike.yaml:2:21: providers[0].kind: no kind of provider "opnai"; did you mean "openai"? '
        "(known: anthropic, anthropic-compatible, openai, openai-compatible)"
    ]


def test_an_unknown_field_names_the_nearest() -> None:
    (fault,) = faults(TEAM % "modles: [fast]")
    assert fault.startswith(
        'turnpike.yaml:1:19: teams[0].modles: no field "modles"; did you mean "models"? (known: '
    )


def test_fields_of_later_releases_are_unknown() -> None:
    (fault,) = faults(TEAM % "budgets: [a]")
    assert 'no field "budgets"' in fault


def test_an_unknown_kind_names_the_nearest() -> None:
    (fault,) = faults("modles: []")
    assert 'modles: no kind of resource "modles"; did you mean "models"?' in fault


def test_a_second_name_names_both_lines() -> None:
    assert faults("teams:\n- name: a\n- name: b\n- name: a") == [
        'turnpike.yaml:4:9: teams[2].name: found "a" a second time; the first is in line 2'
    ]


@pytest.mark.parametrize(
    "text",
    [
        "teams:\n- &a {name: a}\n- *a",
        "providers:\n- &a {name: a, kind: openai, credential: x}\n- *a",
        "models:\n- &a {name: a, targets: [{provider: p, model: m}]}\n- *a",
    ],
)
def test_a_resource_that_an_alias_repeats_stands_there_twice(text: str) -> None:
    (fault,) = faults(text)
    assert fault.endswith('[1].name: found "a" a second time, by an alias (`*…`); the first is in line 2')


def test_a_path_shows_no_more_of_a_name_than_a_message_does() -> None:
    (fault,) = faults(f"teams:\n- name: t\n  ? {'a' * 1_000_000}\n  : 1")
    assert 'teams[0]["aaa' in fault
    assert len(fault) < 1000


def test_one_name_may_stand_in_two_kinds() -> None:
    assert faults("teams: [{name: a}]\nusers: [{name: a}]") == []


def test_all_faults_are_named_at_once() -> None:
    text = "\n".join(
        (
            "providers:",
            "  - {name: openai, kind: opnai, credential: '${env:K}', base_url: 'http://u:p@x/'}",
            "  - {name: other, kind: openai, credental: abc, connect_timeout_seconds: 0, retries: 1.5}",
            "models:",
            "  - {name: fast, targets: [{provider: openai, model: 'gpt-*'}]}",
            "keys:",
            "  - {name: k, team: t, role: owner, networks: [10.0.0.1/8], expires_at: tomorrow}",
        )
    )
    assert [fault.split(": ")[1] for fault in faults(text)] == [
        "providers[0].kind",
        "providers[0].base_url",
        "providers[1]",
        "providers[1].credental",
        "providers[1].connect_timeout_seconds",
        "providers[1].retries",
        "models[0].targets[0].model",
        "keys[0].role",
        "keys[0].networks[0]",
        "keys[0].expires_at",
    ]


def test_a_flood_of_faults_is_bounded() -> None:
    names = "\n".join(f"- {{name: a{n}, nope: 1}}" for n in range(2 * MAX_FAULTS))
    assert len(faults(f"teams:\n{names}")) == MAX_FAULTS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teams: {a: {}}", "teams: found a mapping; a list must stand here"),
        ("- teams", "found a list; lists by kind must stand here"),
        ("teams: [a]", "teams[0]: found a text; a team must stand here, with the fields name"),
        ("teams: [{}]", "teams[0]: the field `name` is missing"),
        ("teams: [{name: 7}]", "teams[0].name: found the number 7; a name must stand here; put it in quotes"),
        ("teams: [{name: }]", "teams[0].name: found nothing; a name must stand here"),
        ("teams: [{name: a b}]", "a name has 1 to 64 letters"),
        (f"teams: [{{name: {'a' * 65}}}]", "found 65 characters; at most 64"),
        ("users: [{name: ada@example.com}, {name: 'ada lovelace'}]", "users[1].name"),
        (TEAM % "labels: {a b: c}", "a label's name has"),
        (TEAM % "description: [a]", "found a list; a text must stand here"),
        (TEAM % "tags: {App: x}", 'found the name "App"; a tag\'s name has'),
        (TEAM % f"tags: {{app: {'x' * 129}}}", "found 129 characters; at most 128"),
        (TEAM % "tags: {app: 'a\tb'}", "control character"),
        (TEAM % f"tags: {{{', '.join(f't{n}: x' for n in range(17))}}}", "found 17 entries; at most 16"),
        (TEAM % "required_tags: [App]", 'found "App"; a tag\'s name has'),
        (TEAM % "models: fast", "found a text; a list of"),
        (TEAM % "models: [a*b*]", "one star is allowed"),
        (TEAM % "models: [a, b, a]", "teams[0].models[2]: stands in this list twice; first in line 1"),
        (TEAM % "surfaces: [openai.caht]", 'no surface "openai.caht"; did you mean "openai.chat"?'),
        (TEAM % "members: [{user: u}, {user: u, role: team-admin}]", "is a member already (members[0])"),
        (
            TEAM % "members: [{user: u, role: owner}]",
            'found "owner", which is not a role in a team; it stands on the user',
        ),
        ("projects: [{name: p}]", "the field `team` is missing"),
        ("users: [{name: u, email: nobody}]", "an e-mail address must stand here"),
        (
            "users: [{name: u, role: team-admin}]",
            "a role in the organisation; it stands in the `members` of a team",
        ),
        ("users: [{name: u, role: admn}]", "(known: owner, admin, viewer, auditor, finance)"),
        (MODEL % ("fast", "[]"), "found a list of 0; 1 to 64 are allowed"),
        (MODEL % ("fast", "[{provider: p}]"), "models[0].targets[0]: the field `model` is missing"),
        (MODEL % ("fast", "[{provider: p, model: 'gpt-*'}]"), "only where the model's name has one"),
        (MODEL % ("a b", "[{provider: p, model: x}]"), "holds no white space"),
        (KEY % "revoked: 1, role: owner", "found the number 1; true or false must stand here"),
        (KEY % "team: t, user: u", "a key has one owner; found `team` and `user`"),
        (KEY % "labels: {}", "give one of `team`, `project`, `user`, or a `role`"),
        (KEY % "user: u, role: team-admin", "stands on a key of a `team`"),
        (KEY % "team: t, role: owner", "a key with a role in the organisation has none"),
        (KEY % "team: t, networks: [10.0.0.1/8]", 'did you mean "10.0.0.0/8"?'),
        (KEY % "team: t, networks: [office]", "a network must stand here"),
        (KEY % "team: t, expires_at: 2027-02-30T00:00:00Z", "the calendar has no such day"),
        (KEY % "team: t, expires_at: 2027-01-01", "a moment must stand here"),
        (KEY % "team: t, expires_at: '2027-01-01T00:00:00'", "with its offset from UTC"),
        (KEY % "team: t, acts_for: ['*@*']", "one star is allowed"),
        (KEY % "team: t, secret: ''", "found 0 characters"),
        (KEY % "team: t, secret: '${ENV}'", "no reference; write `${env:NAME}` or `${file:path}`"),
        (KEY % "team: t, secret: 12345678901234567890", "found a number"),
        ("providers: [{name: p, kind: openai-compatible}]", "the field `base_url` is missing"),
        ("providers: [{name: p, kind: openai}]", 'needs one, as "${env:OPENAI_API_KEY}"'),
        (PROVIDER % "retries: 1.5", "found the number 1.5; a whole number from 0 to 10"),
        (PROVIDER % "retries: true", "found true; a whole number"),
        (PROVIDER % "connect_timeout_seconds: 0", "a number from 0.01 to 300 must stand here"),
        (PROVIDER % "idle_timeout_seconds: .nan", "found the number nan"),
        (PROVIDER % "total_timeout_seconds: 1" + "0" * 400, ""),
        (
            PROVIDER % "idle_timeout_seconds: 9, total_timeout_seconds: 5",
            "more than total_timeout_seconds (5)",
        ),
        (PROVIDER % "discount_percent: 101", "a number from 0 to 100"),
        (PROVIDER % "credential: a, credentials: [b]", "give `credential` or `credentials`, not both"),
        (PROVIDER % "credentials: sk-hunter2", "found a text; a list of"),
        (PROVIDER % "headers: {Host: a}", "the gateway makes this header itself"),
        (PROVIDER % "headers: {Transfer-Encoding: a}", "the gateway makes this header itself"),
        (PROVIDER % "headers: {x-turnpike-tags: a}", "never travel to a provider"),
        (PROVIDER % "headers: {'a b': c}", "a header's name has"),
        (PROVIDER % 'headers: {a: "b\\r\\nc: d"}', "control character"),
        (PROVIDER % "headers: {a: 'é'}", "a header's value is ASCII"),
        (PROVIDER % "headers: {x-a: b, X-A: c}", 'is the same header as "x-a"'),
        (
            PROVIDER % "credential: x, headers: {Authorization: 'Bearer ${env:X}'}",
            "is made from `credential`",
        ),
        (PROVIDER % "tls: {ca: a}", "providers[0].tls.ca: no field"),
        (PROVIDER % "proxy: 'socks5://x'", "begins with http:// or https://"),
        (PROVIDER % "proxy: 'https://hunter2@x'", "its URL begins with http://"),
        (PROVIDER % "proxy: 'http://x/path'", "ends after its port"),
    ],
)
def test_a_broken_rule_is_one_fault(text: str, said: str) -> None:
    (fault,) = faults(text)
    assert said in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "x/v1",
        "http://",
        "http://u:hunter2@x/v1",
        "http://hunter2@x",
        "http://x/#hunter2",
        "http://x/?key=hunter2",
        "http://x:0/",
        "http://x:99999/",
        "http://[::1/",
        "http://bücher/",
        "http://x y/",
        "http://x\\\\y/",
        "${env:HUNTER}",
    ],
)
def test_a_bad_address_is_one_fault_that_does_not_show_it(url: str) -> None:
    (fault,) = faults(f'providers: [{{name: p, kind: openai-compatible, base_url: "{url}"}}]')
    assert "providers[0].base_url: " in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/v1", "https://x.example/a/", "http://[::1]:8000", "http://10.0.0.3"]
)
def test_an_address_may_be_private(url: str) -> None:
    assert faults(f'providers: [{{name: p, kind: openai-compatible, base_url: "{url}"}}]') == []


def test_a_provider_at_an_address_of_the_users_own_needs_no_credential() -> None:
    assert faults("providers: [{name: p, kind: openai, base_url: 'http://127.0.0.1:9000/v1'}]") == []


def test_an_empty_document_and_empty_lists_are_good() -> None:
    for text in ("", "# nothing\n", "teams:\nkeys: []\n"):
        assert read(text).faults == ()
        assert read(text).resources == ()


def test_a_document_in_json_has_its_faults_at_their_places() -> None:
    reading = read_document(
        Source("t.json", '{"teams": [\n  {"name": "a", "modles": []}\n]}', "json"), PROVIDERS
    )
    assert [str(fault).split(";")[0] for fault in reading.faults] == [
        't.json:2:17: teams[0].modles: no field "modles"'
    ]


def test_one_resource_is_read_under_the_name_of_its_address() -> None:
    reading = read_resource("teams", "a", Source("body", '{"models": ["fast"]}', "json"), PROVIDERS)
    assert reading.faults == ()
    assert [team.name for team in reading.resources] == ["a"]


def test_one_resource_keeps_the_name_of_its_address() -> None:
    reading = read_resource("teams", "a", Source("body", '{"name": "b"}', "json"), PROVIDERS)
    assert [str(fault) for fault in reading.faults] == [
        'body:1:1: name: found "b"; the address names "a", and a resource keeps its name'
    ]


def test_faults_of_one_resource_have_paths_without_a_list() -> None:
    text = '{"targets": [{"provider": "p"}]}'
    reading = read_resource("models", "m", Source("body", text, "json"), PROVIDERS)
    assert [fault.path for fault in reading.faults] == ["targets[0]"]


def test_the_file_of_a_fault_is_the_documents() -> None:
    assert {fault.file for fault in read("teams: [{}]").faults} == {FILE}


@pytest.mark.parametrize(
    "text",
    [
        "users: [{name: u, role: team-admin}]",
        "users: [{name: u, role: admn}]",
        "keys: [{name: k, role: ower}]",
        "teams: [{name: t, members: [{user: u, role: team-admn}]}]",
    ],
)
def test_no_role_is_suggested_since_it_might_give_more_than_was_meant(text: str) -> None:
    assert "did you mean" not in "".join(faults(text))
