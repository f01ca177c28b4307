"""Of any document: it reads or has faults; what was read is exported, and reads back equal."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.control.document.test_yaml_text import plain
from turnpike.control.document.kind import Resource
from turnpike.control.document.reading import Reading, Source
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Fresh, Given, settle_secrets
from turnpike.control.document.text import Syntax, parse_text
from turnpike.control.document.writing import write_yaml
from turnpike.control.plan import Held, make_plan, outcome, relation_faults, remarks
from turnpike.control.resources.table import (
    KINDS,
    export_document,
    id_of,
    order_of,
    read_document,
    read_resource,
)
from turnpike.providers.table import PROVIDERS

SCRAPS = st.sampled_from(
    [
        "providers:", "models:", "teams:", "keys:", "\n", "\n  ", "\n- ", "- ", ": ", "{", "}", "[", "]", ", ", "name",
        "kind", "openai", "targets", "provider", "secret", "${env:X}", "${", "'", '"', "&a ", "*a", "!!str ", "!x ", "|",
        ">", "? ", "<<", "#", "---", "...", "%YAML 1.2", "\\U", "\\x4", "\t", "0x", "1e9", "~", "é", "\u2028", "\ud800",
        "\x00", "@", "`", "true", "2027-01-01T00:00:00Z", "10.0.0.0/8", "http://[", "http://x:y@z:999999/",
    ]
)  # fmt: skip
TEXTS = st.lists(SCRAPS | st.text(max_size=5), max_size=40).map("".join)

UNSEEN = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
MODEL_NAMES = st.from_regex(r"[a-z0-9/:@._-]{1,12}(\*[a-z0-9/:@._-]{0,5})?", fullmatch=True)
PROSE = st.text(
    st.characters(
        exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=UNSEEN, include_characters="\n\t"
    ),
    min_size=1,
    max_size=60,
)
LINES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=UNSEEN),
    min_size=1,
    max_size=60,
)
TAG_NAMES = st.from_regex(r"[a-z0-9_.-]{1,16}", fullmatch=True)

COMMON = {
    "description": PROSE.filter(str.strip),
    "labels": st.dictionaries(NAMES, LINES.filter(str.strip), max_size=3),
}
LEVEL = {
    **COMMON,
    "models": st.lists(MODEL_NAMES, max_size=4, unique=True),
    "surfaces": st.lists(
        st.sampled_from(["openai.*", "openai.chat", "*", "anthropic.messages"]), unique=True
    ),
    "tags": st.dictionaries(TAG_NAMES, LINES.filter(str.strip), max_size=4),
    "required_tags": st.lists(TAG_NAMES, max_size=4, unique=True),
}
REFERENCES = st.from_regex(r"\$\{(env:[A-Z]{1,4}|file:/[a-z/. ]{1,8})\}", fullmatch=True)
TIMES = {
    "connect_timeout_seconds": st.integers(1, 5),
    "idle_timeout_seconds": st.floats(0.01, 5),
    "total_timeout_seconds": st.floats(5, 86_400),
    "retries": st.integers(0, 10),
}


def named(
    names: st.SearchStrategy[str], required: dict[str, Any], optional: dict[str, Any]
) -> st.SearchStrategy[Any]:
    item = st.fixed_dictionaries({"name": names, **required}, optional=optional)
    return st.lists(item, max_size=4, unique_by=lambda resource: resource["name"])


TARGETS = st.lists(
    st.fixed_dictionaries({"provider": NAMES, "model": st.from_regex(r"[a-z0-9./-]{1,9}", fullmatch=True)}),
    min_size=1,
    max_size=3,
    unique_by=lambda target: (target["provider"], target["model"]),
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "providers": named(
            NAMES,
            {"kind": st.sampled_from(sorted(PROVIDERS)), "base_url": st.just("http://127.0.0.1:1/v1")},
            {**COMMON, **TIMES, "credential": REFERENCES, "headers": st.dictionaries(NAMES.map("x-a-".__add__), REFERENCES, max_size=1)},
        ),
        "models": named(MODEL_NAMES, {"targets": TARGETS}, {**COMMON, **TIMES}),
        "teams": named(NAMES, {}, LEVEL),
        "projects": named(NAMES, {"team": NAMES}, LEVEL),
        "users": named(NAMES, {}, {**LEVEL, "role": st.sampled_from(["owner", "finance"]), "team": NAMES}),
        "keys": named(NAMES, {"team": NAMES}, {**LEVEL, "secret": REFERENCES, "revoked": st.booleans()}),
    },
)  # fmt: skip


def read(text: str, syntax: Syntax) -> Reading:
    return read_document(Source("f", text, syntax), PROVIDERS)


def in_table_order(reading: Reading) -> list[Resource]:
    return sorted(reading.resources, key=lambda resource: order_of(id_of(resource)))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(["yaml", "json"]))
def test_any_text_reads_or_has_faults(text: str, syntax: Syntax) -> None:
    reading = read(text, syntax)
    assert reading.whole or reading.faults
    relation_faults(reading, {}, "f")
    remarks(reading, {})
    settle_secrets(reading.secrets, Given(), {})
    for kind in KINDS:
        read_resource(kind, "a", Source("f", text, syntax), PROVIDERS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | SCRAPS,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["name", "kind", "targets", "models", "headers", "tls"]) | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KINDS)), JSON, max_size=4))
def test_any_values_read_or_have_faults_alike_in_both_syntaxes(values: dict[str, Any]) -> None:
    text = json.dumps(values, ensure_ascii=True)
    reading = read(text, "json")
    if reading.whole:
        assert bool(reading.faults) or len(reading.named) == len(reading.resources)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS)
def test_a_good_document_reads_and_its_export_is_equal_to_it(document: dict[str, Any]) -> None:
    reading = read(json.dumps(document), "json")
    assert reading.faults == ()
    exported = export_document(reading.resources)
    assert plain(parse_text(exported, "f.yaml")[0]) == ({k: v for k, v in document.items() if v} or {})
    again = read(exported, "yaml")
    assert again.faults == ()
    assert in_table_order(again) == in_table_order(reading)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS)
def test_yaml_and_json_of_one_document_read_alike(document: dict[str, Any]) -> None:
    from_yaml, from_json = read(write_yaml(document), "yaml"), read(json.dumps(document), "json")
    assert in_table_order(from_yaml) == in_table_order(from_json)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_after_a_plan_is_carried_out_the_same_document_changes_nothing(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    before = read(json.dumps(first), "json")
    standing = {id_of(resource): Held(resource, "f") for resource in before.resources}
    reading = read(json.dumps(second), "json")
    plan = make_plan(reading, standing, "f", set())
    after = outcome(plan, reading, standing)
    assert {id_: held.resource for id_, held in after.items()} == {id_of(r): r for r in reading.resources}
    assert make_plan(reading, after, "f", set()).changes == ()


@given(
    st.text(min_size=8, max_size=40),
    st.sampled_from(["credential", "proxy", "kind", "base_url", "tls", "credentials"]),
)
def test_a_secret_put_anywhere_it_may_stand_shows_in_no_fault(noise: str, field: str) -> None:
    secret = f"hunter2{noise}"
    document = {"providers": [{"name": "p", "kind": "openai", "credential": "${env:X}", field: secret}]}
    reading = read(json.dumps(document), "json")
    settled = settle_secrets(reading.secrets, Given({"env:X": Hidden(secret)}), {})
    if field != "kind":
        assert "hunter2" not in repr((reading, settled, *map(str, (*reading.faults, *settled.faults))))
    assert all(isinstance(one, Fresh) for one in settled.settled)
