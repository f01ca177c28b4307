"""Where each secret comes from: given, stored, or a fault that names no value."""

from __future__ import annotations

import pytest

from tests.unit.control.documents import SHAPE, read_well
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Fresh, Given, Kept, SecretAddress, Settlement, settle_secrets
from turnpike.domain.key import mint_key

CREDENTIAL = SecretAddress("providers", "openai", "credential")
KEY = SecretAddress("keys", "research-app", "secret")
PROVIDER = "providers: [{name: openai, kind: openai, %s}]"


def settle(
    text: str, stored: dict[SecretAddress, str] | None = None, *missing: str, **variables: str
) -> Settlement:
    values = {f"env:{name}": Hidden(value) for name, value in variables.items()}
    return settle_secrets(read_well(text).secrets, Given(values, frozenset(missing)), stored or {})


def said(settlement: Settlement) -> list[str]:
    assert len(settlement.faults) == 1
    return [str(settlement.faults[0])]


def test_given_values_are_fresh() -> None:
    settlement = settle(SHAPE, OPENAI_API_KEY="sk-1234567890", RESEARCH_KEY="a-key-of-20-characters")
    assert settlement.faults == ()
    fresh = [one for one in settlement.settled if isinstance(one, Fresh)]
    assert {one.slot.address: one.value.reveal() for one in fresh} == {
        CREDENTIAL: "sk-1234567890",
        KEY: "a-key-of-20-characters",
    }
    assert [one.slot.purpose for one in fresh] == ["credential", "key"]


def test_a_variable_that_is_not_set_is_a_fault_at_its_place() -> None:
    settlement = settle(SHAPE, None, "env:OPENAI_API_KEY", RESEARCH_KEY="a-key-of-20-characters")
    assert said(settlement) == [
        "turnpike.yaml:2:46: providers[0].credential: ${env:OPENAI_API_KEY} has no value where the document "
        "was sent from; set the variable OPENAI_API_KEY"
    ]


def test_without_values_what_is_stored_under_the_same_reference_is_kept() -> None:
    stored = {CREDENTIAL: "${env:OPENAI_API_KEY}", KEY: "${env:RESEARCH_KEY}"}
    settlement = settle(SHAPE, stored)
    assert settlement.faults == ()
    assert [one.source for one in settlement.settled if isinstance(one, Kept)] == [CREDENTIAL, KEY]


def test_without_values_another_reference_than_the_stored_one_is_a_fault() -> None:
    stored = {CREDENTIAL: "${env:OTHER}", KEY: "${env:RESEARCH_KEY}"}
    assert "no value came with the document for ${env:OPENAI_API_KEY}" in said(settle(SHAPE, stored))[0]


def test_a_reference_that_another_resource_keeps_is_not_borrowed() -> None:
    stored = {
        SecretAddress("providers", "other", "credential"): "${env:OPENAI_API_KEY}",
        KEY: "${env:RESEARCH_KEY}",
    }
    assert "none is stored" in said(settle(SHAPE, stored))[0]


def test_a_mark_keeps_what_is_stored_at_its_address() -> None:
    text = PROVIDER % 'credentials: ["${sealed:providers/openai/credentials[1]}"]'
    source = SecretAddress("providers", "openai", "credentials[1]")
    settlement = settle(text, {source: "${sealed:providers/openai/credentials[1]}"})
    (kept,) = settlement.settled
    assert isinstance(kept, Kept)
    assert (kept.source, kept.slot.address.field) == (source, "credentials[0]")
    assert kept.slot.written == "${sealed:providers/openai/credentials[0]}"


def test_a_mark_of_another_resource_is_a_fault() -> None:
    text = PROVIDER % 'credential: "${sealed:providers/other/credential}"'
    stored = {SecretAddress("providers", "other", "credential"): "x"}
    assert "sealed secret of another resource" in said(settle(text, stored))[0]


def test_a_mark_with_nothing_behind_it_is_a_fault() -> None:
    text = PROVIDER % 'credential: "${sealed:providers/openai/credential}"'
    assert "nothing is stored at ${sealed:providers/openai/credential}" in said(settle(text))[0]


def test_a_file_loses_the_line_break_at_its_end() -> None:
    text = PROVIDER % 'credential: "${file:/run/secret}"'
    given = Given({"file:/run/secret": Hidden("sk-1234\r\n")})
    (fresh,) = settle_secrets(read_well(text).secrets, given, {}).settled
    assert isinstance(fresh, Fresh)
    assert fresh.value.reveal() == "sk-1234"


def test_a_header_may_hold_text_beside_its_reference() -> None:
    text = PROVIDER % 'credential: "literal-secret", headers: {X-Proxy-Auth: "Bearer ${env:X}"}'
    settlement = settle(text, X="abc")
    values = {
        one.slot.address.field: one.value.reveal() for one in settlement.settled if isinstance(one, Fresh)
    }
    assert values == {"credential": "literal-secret", "headers.X-Proxy-Auth": "Bearer abc"}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("", "the secret is empty"),
        ("hunter2\r\nx-evil: 1", "which no header can carry"),
        ("hunter2-ünïcode-longer-than-that", "which no header can carry"),
        ("hunter2", "at least 20 are needed"),
        ("hunter2 hunter2 hunter2 hunter2", "holds a blank"),
        ("tpk_hunter2hunter2hunter2hunter2", "checksum is wrong"),
    ],
)
def test_a_key_that_cannot_serve_is_a_fault_without_its_value(value: str, complaint: str) -> None:
    settlement = settle("keys: [{name: a, role: owner, secret: '${env:X}'}]", X=value)
    assert complaint in said(settlement)[0]
    assert "hunter2" not in said(settlement)[0]


def test_a_key_of_turnpikes_own_form_is_taken() -> None:
    assert settle("keys: [{name: a, role: owner, secret: '${env:X}'}]", X=mint_key(bytes(32))).faults == ()


def test_two_keys_with_one_secret_are_a_fault() -> None:
    text = "keys:\n- {name: a, role: owner, secret: hunter2hunter2hunter2}\n- {name: b, role: owner, secret: hunter2hunter2hunter2}"
    (line,) = said(settle(text))
    assert "keys[1].secret: is the same secret as that of keys/a (line 2)" in line
    assert "hunter2" not in line


def test_no_form_of_a_reading_shows_a_literal_secret() -> None:
    reading = read_well("keys: [{name: a, role: owner, secret: hunter2hunter2hunter2}]")
    assert "hunter2" not in repr(reading)
    assert "hunter2" not in repr(settle_secrets(reading.secrets, Given(), {}))


@pytest.mark.parametrize("url", ["ftp://x", "http://u:p@proxy:99999", "http://proxy/path"])
def test_a_proxy_behind_a_reference_must_be_one(url: str) -> None:
    assert len(settle(PROVIDER % 'credential: abc, proxy: "${env:P}"', P=url).faults) == 1
