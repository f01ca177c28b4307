"""Export of what was read is a document that reads back equal, whatever its texts look like."""

from __future__ import annotations

import pytest

from tests.unit.control.document.test_yaml_text import plain
from tests.unit.control.documents import SHAPE, read_well
from turnpike.control.document.kind import to_plain
from turnpike.control.document.text import parse_text
from turnpike.control.resources.table import KINDS, export_document, export_lists, id_of, restore

FULL = """\
providers:
  - name: openai
    description: |
      Two lines,
      with "quotes" and a # sign.
    labels: {owner: platform, "cost/centre": "0042"}
    kind: openai
    base_url: https://api.openai.com/v1
    credentials: ["${env:ONE}", "${file:/run/secrets/two}"]
    headers: {x-plain: yes, OpenAI-Organization: org-1, x-api-token: "Bearer ${env:THREE}"}
    connect_timeout_seconds: 2.5
    first_byte_timeout_seconds: 60
    idle_timeout_seconds: 30
    total_timeout_seconds: 300
    retries: 0
    tls: {ca_file: /etc/ca.pem, client_certificate: /etc/client.pem}
    proxy: http://proxy:3128
    region: eu-central-1
    discount_percent: 12.5
models:
  - {name: "gpt-*", targets: [{provider: openai, model: "gpt-*"}], retries: 1, total_timeout_seconds: 10}
teams:
  - {name: research, models: [], surfaces: ["openai.*"], tags: {app: "on"}, required_tags: [env], members: [{user: ada, role: team-admin}]}
projects:
  - {name: search, team: research, members: [ada], models: ["*"]}
users:
  - {name: ada, email: ada@example.com, team: research, role: auditor}
keys:
  - {name: a, user: ada, secret: "${env:A}", expires_at: 2027-01-01T00:00:00Z, networks: [10.0.0.0/8], acts_for: ["*@example.com"], revoked: false}
  - {name: b, role: owner, models: ["*"]}
"""


@pytest.mark.parametrize("text", [SHAPE, FULL])
def test_export_of_a_document_is_equal_to_it(text: str) -> None:
    exported = export_document(read_well(text).resources)
    before, _ = parse_text(text, "a.yaml")
    after, faults = parse_text(exported, "b.yaml")
    assert faults == ()
    assert plain(after) == plain(before)
    assert read_well(exported).resources == read_well(text).resources


@pytest.mark.parametrize(
    "text",
    ["on", "no", "~", "12", "1e3", "0x1F", "a: b", "- a", "# a", "'a'", '"a"', "a\nb", "a #b", " a", "é…", "*a", "&a", "!a", "{a", "%a", "@a", "=", "<<", "1:30", "2027-01-01", "a\\b", "x" * 1999],
)  # fmt: skip
def test_any_description_comes_back(text: str) -> None:
    team = restore("teams", {"name": "a", "description": text})
    (back,) = read_well(export_document([team])).resources
    assert back == team


def test_a_literal_secret_is_exported_as_its_mark() -> None:
    reading = read_well("keys: [{name: a, role: owner, secret: hunter2hunter2hunter2}]")
    assert export_lists(reading.resources) == {
        "keys": [{"name": "a", "role": "owner", "secret": "${sealed:keys/a/secret}"}]
    }


def test_a_header_whose_name_tells_of_a_secret_is_exported_as_its_mark() -> None:
    text = "providers: [{name: p, kind: openai, credential: '${env:X}', headers: {api-key: hunter2, x-org: plain}}]"
    (provider,) = export_lists(read_well(text).resources)["providers"]
    assert provider["headers"] == {"api-key": "${sealed:providers/p/headers.api-key}", "x-org": "plain"}


def test_a_proxy_with_a_password_is_exported_as_its_mark() -> None:
    text = (
        "providers: [{name: p, kind: openai, credential: '${env:X}', proxy: 'http://u:hunter2@proxy:3128'}]"
    )
    (provider,) = export_lists(read_well(text).resources)["providers"]
    assert provider["proxy"] == "${sealed:providers/p/proxy}"


def test_nothing_is_an_empty_document() -> None:
    assert read_well(export_document([])).resources == ()


def test_the_store_gives_every_resource_back() -> None:
    for resource in read_well(FULL).resources:
        assert restore(id_of(resource).kind, to_plain(resource)) == resource


def test_what_is_no_resource_of_its_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of the models"):
        restore("models", {"name": "a", "targets": "b"})


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_reads(kind: str) -> None:
    assert read_well(f"{kind}:\n  - {KINDS[kind].example}").resources
