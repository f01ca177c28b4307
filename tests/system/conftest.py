"""What system tests share: one running product for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ports.conftest import postgres_url  # noqa: F401 (a fixture is used by its name alone)
from tests.system.road import Road, a_road, a_simulated_provider, simulated_document


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """The whole product between callers and a provider that plays parts."""
    with a_road(tmp_path_factory.mktemp("road")) as road:
        yield road


@pytest.fixture(scope="session")
def simulated(road: Road) -> Iterator[Road]:
    """The same, with the simulated provider's models beside the others."""
    with a_simulated_provider() as address:
        road.apply("simulated", simulated_document(address))
        yield road
        road.apply("simulated", {})
