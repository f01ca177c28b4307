"""Control's start: the first administrator, ready providers, the start's document, the master key."""

from __future__ import annotations

import pytest

from tests.control_api.bench import DOCUMENT, SECRETS, Bench, caller
from tests.control_api.conftest import Opening
from turnpike.control.document.reading import Source
from turnpike.control.document.reference import Hidden
from turnpike.control.services.documents import Document, given_secrets
from turnpike.control.services.identify import identify
from turnpike.control.services.start import Variables, WrongMasterKey
from turnpike.domain.errors import FaultyDocument, InvalidRequest
from turnpike.domain.snapshot import Snapshot, decode_snapshot

GIVEN = "given-by-the-environment-1"


def _variables(admin_key: str | None = None, **providers: str) -> Variables:
    return Variables(Hidden(admin_key) if admin_key else None, providers)


@pytest.mark.parametrize(
    "key", ["too-short", "canary-of-20-characters\nmore", "canary-of-20-characters-ä-\udc80"]
)
def test_an_administrators_key_that_no_client_can_send_ends_the_start(opened: Opening, key: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        opened(variables=_variables(key))
    assert "TURNPIKE_ADMIN_KEY" in refused.value.message
    assert key not in refused.value.message


def _document(text: str) -> Document:
    return Document(Source("turnpike.yaml", text), "turnpike.yaml", given_secrets(SECRETS, ()))


def _published(bench: Bench) -> Snapshot:
    return decode_snapshot(bench.plane.store.snapshots(1)[0].body)


def test_the_first_start_makes_an_administrator_and_shows_the_key_once(opened: Opening) -> None:
    first = opened()
    again = opened()
    assert identify(first.plane, first.administrator, None).role == "owner"
    assert again.started.minted == {}
    key = _published(first).keys[0]
    assert (key.name, key.access.models) == ("administrator", (("*",),))


def test_the_administrators_key_of_the_environment_is_taken_and_not_shown(opened: Opening) -> None:
    bench = opened(variables=_variables(GIVEN))
    assert identify(bench.plane, GIVEN, None).role == "owner"
    assert bench.started.minted == {}


def test_another_key_in_the_environment_replaces_the_one_from_there(opened: Opening) -> None:
    opened(variables=_variables(GIVEN))
    bench = opened(variables=_variables(GIVEN + "-next"))
    assert identify(bench.plane, GIVEN + "-next", None).role == "owner"


def test_the_environment_takes_nothing_from_an_administrator_that_was_made(opened: Opening) -> None:
    first = opened()
    bench = opened(variables=_variables(GIVEN))
    assert identify(bench.plane, first.administrator, None).role == "owner"
    assert len(bench.plane.store.state().keys) == 1


@pytest.mark.parametrize("key", ["short", "tpk_" + "0" * 38])
def test_an_administrators_key_of_a_wrong_form_is_refused_by_name(opened: Opening, key: str) -> None:
    with pytest.raises(InvalidRequest, match="TURNPIKE_ADMIN_KEY") as told:
        opened(variables=_variables(key))
    assert key not in str(told.value)


def test_variables_of_vendors_make_ready_providers_and_go_with_them(opened: Opening) -> None:
    ready = opened(variables=_variables(OPENAI_API_KEY="sk-1"))
    assert [provider.name for provider in _published(ready).providers] == ["openai"]
    gone = opened()
    assert _published(gone).providers == ()


def test_a_ready_provider_that_a_document_needs_stays_without_its_variable(opened: Opening) -> None:
    text = "models: [{name: fast, targets: [{provider: openai, model: gpt-4o-mini}]}]"
    opened(_document(text), variables=_variables(OPENAI_API_KEY="sk-1"))
    later = opened()
    assert [provider.name for provider in _published(later).providers] == ["openai"]


def test_a_provider_that_a_document_names_is_the_documents(opened: Opening) -> None:
    text = "providers: [{name: openai, kind: openai, credential: canary-of-the-document}]"
    bench = opened(_document(text), variables=_variables(OPENAI_API_KEY="sk-1"))
    stored = bench.plane.store.resource("providers", "openai")
    assert stored is not None
    assert stored.owner == "turnpike.yaml"
    sealed = _published(bench).providers[0].credentials[0]
    assert bench.plane.seal.open(sealed, "credential") == b"canary-of-the-document"


def test_a_document_is_applied_before_anything_is_served(opened: Opening) -> None:
    bench = opened(_document(DOCUMENT))
    assert [model.name for model in _published(bench).models] == ["fast", "local/*"]


def test_a_faulty_document_at_the_start_is_told_with_its_faults(opened: Opening) -> None:
    with pytest.raises(FaultyDocument, match=r"turnpike\.yaml:1"):
        opened(_document("teems: []"))


def test_the_same_content_keeps_its_version_over_starts(opened: Opening) -> None:
    versions = [opened(_document(DOCUMENT)).plane.store.snapshots(1)[0].version for _ in range(3)]
    assert len(set(versions)) == 1


def test_another_master_key_is_told_at_the_start(opened: Opening) -> None:
    opened()
    with pytest.raises(WrongMasterKey, match="another master key"):
        opened(master_key=b"x" * 32)


@pytest.mark.anyio
async def test_what_was_configured_is_there_after_a_start(opened: Opening) -> None:
    first = opened(_document(DOCUMENT))
    second = opened()
    async with second.serving() as app, caller(app, first.administrator) as client:
        names = [item["name"] for item in (await client.get("/api/v1/keys")).json()["items"]]
        assert (await client.get("/api/v1/audit/verify")).json()["intact"]
    assert names == ["administrator", "research-app"]
