"""What system tests share: one running product for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.road import Road, a_road


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """The whole product between callers and a provider that plays parts."""
    with a_road(tmp_path_factory.mktemp("road")) as road:
        yield road
