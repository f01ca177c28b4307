"""Counts go to their file beside the calls: what comes meanwhile, the end among it, leaves the file whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.gateway.outcomes import an_attempt, an_outcome, no_gauges, page_of, value
from turnpike.gateway.metrics.counts_file import SERIES_PER_METRIC, CountsFile
from turnpike.gateway.metrics.layout import CELL_BYTES, HEADER, walk_series
from turnpike.gateway.metrics.shared import SharedMetrics
from turnpike.gateway.metrics.table import ATTEMPTS, COUNTED


def test_the_end_waits_for_whoever_writes_and_nothing_is_written_after_it(tmp_path: Path) -> None:
    for slot in range(40):
        metrics = SharedMetrics(tmp_path, slot, no_gauges)
        metrics.observe(an_outcome(an_attempt()))
        ended: list[bool] = []
        with ThreadPoolExecutor() as threads:
            writing = threads.submit(flush_until, metrics, ended)
            metrics.close()
            ended.append(True)
        assert writing.exception() is None
    after = SharedMetrics(tmp_path, 99, no_gauges)
    assert value(page_of(after), "turnpike_calls_total", surface="openai.chat", status="succeeded") == 40
    after.close()


def flush_until(metrics: SharedMetrics, ended: list[bool]) -> None:
    """Flush over and over, and once more at the end."""
    while not ended:
        metrics.flush()
    metrics.flush()
    metrics.expose("")


@pytest.fixture
def often_switching() -> Iterator[None]:
    """Threads take turns within microseconds, so that they meet in every state."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("often_switching")
def test_the_file_names_no_series_that_it_does_not_hold(tmp_path: Path) -> None:
    for slot in range(5):
        counts = CountsFile(tmp_path, slot)
        path = tmp_path / f"metrics-{slot}.counts"
        with ThreadPoolExecutor() as threads:
            adding = threads.submit(add_series, counts)
            while not adding.done():
                counts.flush()
                data = path.read_bytes()
                *_, last = walk_series(data)
                end_cell = last.first_cell + COUNTED[last.row].cells
                assert HEADER.unpack_from(data)[2] == end_cell * CELL_BYTES
        counts.close()


def add_series(counts: CountsFile) -> None:
    for number in range(SERIES_PER_METRIC):
        provider, code = divmod(number, 40)
        counts.first_cell(ATTEMPTS, (str(provider), "failed", str(code)))
