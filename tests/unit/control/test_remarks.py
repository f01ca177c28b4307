"""Remarks on what is likely a mistake in a provider, whatever is in store."""

from __future__ import annotations

import pytest

from tests.unit.control.documents import read_well
from turnpike.bootstrap.vendor_variables import is_at
from turnpike.control.remarks import (
    circle_remarks,
    provider_remarks,
    shell_variable_remarks,
    written_out_remarks,
)
from turnpike.providers.table import PROVIDERS
from turnpike.settings import Address


def _said_of(kind: str, base_url: str) -> list[str]:
    text = f'providers: [{{name: p, kind: {kind}, base_url: "{base_url}", credential: "${{env:K}}"}}]'
    return [str(remark) for remark in provider_remarks(read_well(text), PROVIDERS)]


@pytest.mark.parametrize(
    ("kind", "base_url", "words"),
    [
        ("openai-compatible", "http://10.0.0.1:8000", "has no version in its path"),
        ("openai-compatible", "http://10.0.0.1:8000/v1/chat/completions", "ends in /chat/completions"),
        ("openai", "https://host.example/v1/responses/", "ends in /responses"),
        ("openai", "https://host.example/v1/models", "ends in /models"),
        ("anthropic", "https://host.example/v1", "ends in /v1"),
        ("anthropic-compatible", "https://host.example/v1/", "ends in /v1"),
        ("anthropic", "https://host.example/v1/messages", "ends in /v1/messages"),
    ],
)
def test_a_base_url_with_too_much_or_too_little_of_a_path_is_remarked_on(
    kind: str, base_url: str, words: str
) -> None:
    (said,) = _said_of(kind, base_url)
    assert said.startswith("turnpike.yaml:1:")
    assert ": providers/p: base_url " in said
    assert words in said
    assert "it goes up to" in said


@pytest.mark.parametrize(
    ("kind", "base_url"),
    [
        ("openai-compatible", "http://10.0.0.1:8000/v1"),
        ("openai-compatible", "http://10.0.0.1:8000/v1/"),
        ("openai-compatible", "https://host.example/api/paas/v4"),
        ("openai-compatible", "https://host.example/v1beta/openai"),
        ("anthropic", "https://host.example"),
        ("anthropic-compatible", "https://host.example/anthropic/"),
    ],
)
def test_a_usual_base_url_is_not_remarked_on(kind: str, base_url: str) -> None:
    assert _said_of(kind, base_url) == []


def _with_secrets(credential: str, header: str) -> str:
    return f'providers: [{{name: p, kind: openai, credential: "{credential}", headers: {{x-api-token: "{header}"}}}}]'


def test_a_secret_in_the_shells_spelling_is_remarked_on_without_being_repeated() -> None:
    reading = read_well(_with_secrets("$NORDWIND_KEY", "${env:TOKEN}"))
    (said,) = map(str, shell_variable_remarks(reading))
    assert "providers[0].credential: is written as a shell writes a variable" in said
    assert "${env:NAME}" in said
    assert "NORDWIND" not in said
    assert written_out_remarks(reading) == ()


def test_a_secret_that_stands_in_the_document_is_remarked_on_without_being_repeated() -> None:
    reading = read_well(_with_secrets("${file:/run/secrets/k}", "canary-0001"))
    (said,) = map(str, written_out_remarks(reading))
    assert "the secret itself stands in the document" in said
    assert "canary" not in said
    assert shell_variable_remarks(reading) == ()


def test_a_provider_at_this_gateways_own_address_is_remarked_on() -> None:
    text = """\
providers:
  - {name: back, kind: openai-compatible, base_url: "http://localhost:4000/v1"}
  - {name: beside, kind: openai-compatible, base_url: "http://localhost:4001/v1"}
"""
    listen = Address("0.0.0.0", 4000)
    (said,) = map(str, circle_remarks(read_well(text), lambda url: is_at(url, listen)))
    assert "providers/back: base_url is this gateway's own address" in said
