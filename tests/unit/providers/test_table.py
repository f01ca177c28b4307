"""What holds for every kind of provider: a new row is checked by being there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.architecture.tree import REPOSITORY
from turnpike.domain.pattern import is_pattern, matches
from turnpike.domain.provider import ProviderKind
from turnpike.domain.surface import SURFACES
from turnpike.providers.table import PROVIDERS

KINDS = tuple(PROVIDERS.values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_keeps_to_the_rules(kind: ProviderKind) -> None:
    assert PROVIDERS[kind.name] is kind
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,63}", kind.name)
    assert kind.title
    assert set(kind.paths) <= set(SURFACES)
    assert kind.paths
    assert all(path.startswith("/") for path in (*kind.paths.values(), kind.models_path))
    assert all(is_pattern(pattern) for pattern in kind.model_patterns)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_credential_travels_in_headers(kind: ProviderKind) -> None:
    lines = kind.credentialed("sk-canary")
    assert any("sk-canary" in value for _, value in lines)
    for name, value in lines:
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert value.isascii()
        assert name not in ("host", "content-length", "accept-encoding", "connection")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.base_url], ids=lambda kind: kind.name)
def test_a_vendor_has_a_secure_address_a_variable_and_names_of_its_own(kind: ProviderKind) -> None:
    parts = urlsplit(kind.base_url or "")
    assert (parts.scheme, parts.path.endswith("/")) == ("https", False)
    assert kind.credential_variable
    others = [p for other in KINDS if other is not kind for p in other.model_patterns]
    assert not any(
        matches(other, pattern.replace("*", "x")) for other in others for pattern in kind.model_patterns
    )


def test_every_kind_stands_in_the_docs() -> None:
    page = (REPOSITORY / "docs" / "providers.md").read_text()
    assert [kind.name for kind in KINDS if f"| `{kind.name}` |" not in page] == []
