"""Whatever is counted in whatever order by whomever, the page is the sum; whatever a file holds, it is read."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.outcomes import an_attempt, an_outcome, no_gauges
from turnpike.domain.usage import Usage
from turnpike.gateway.metrics.folder import read_totals
from turnpike.gateway.metrics.layout import CAPACITY_BYTES
from turnpike.gateway.metrics.shared import SharedMetrics
from turnpike.gateway.metrics.table import TOKEN_USAGE, TOKENS

NAMES = st.sampled_from(["openai", "local", "é", 'quote"', "", "\ud800", "x" * 300])
TOKEN_COUNTS = st.integers(0, 2**32)
CALLS = st.lists(st.tuples(st.integers(0, 2), NAMES, NAMES, TOKEN_COUNTS), max_size=30)


def shown(name: str) -> str:
    """A name as a label holds it."""
    return name.encode("utf-8", "replace")[:128].decode()


@settings(max_examples=40, deadline=None)
@given(CALLS, st.sets(st.integers(0, 29)))
def test_the_sum_over_workers_is_what_they_counted(
    calls: list[tuple[int, str, str, int]], restarts: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        workers = [SharedMetrics(folder, slot, no_gauges) for slot in range(3)]
        tokens: Counter[tuple[str, str]] = Counter()
        buckets: Counter[int] = Counter()
        for number, (slot, provider, model, count) in enumerate(calls):
            if number in restarts:
                workers[slot].close()
                workers[slot] = SharedMetrics(folder, slot, no_gauges)
            workers[slot].observe(
                an_outcome(an_attempt(provider), model=model, usage=Usage(input_tokens=count))
            )
            tokens[shown(provider), shown(model)] += count
            buckets[bisect_left(TOKEN_USAGE.bounds, count)] += 1
        for worker in workers:
            worker.close()
        counts = read_totals(folder).counts
    summed = {labels[:2]: cells[0] for (name, labels), cells in counts.items() if name == TOKENS.name}
    assert summed == {call: total for call, total in tokens.items() if total}
    sizes = [cells[1:] for (name, _), cells in counts.items() if name == TOKEN_USAGE.name]
    assert [sum(column) for column in zip(*sizes, strict=True)] == [
        buckets[place] for place in range(len(TOKEN_USAGE.bounds) + 1)
    ] * bool(sizes)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300_000), st.booleans())
def test_a_damaged_file_stops_neither_readers_nor_the_next_worker(
    damage: bytes, at: int, is_behind_the_header: bool
) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        before = SharedMetrics(folder, 0, no_gauges)
        for name in ("openai", "local"):
            before.observe(an_outcome(an_attempt(name), usage=Usage(1, 2)))
        before.refresh()
        before.flush()
        before.close()
        path = folder / "metrics-0.counts"
        start = at + 64 * is_behind_the_header
        with path.open("r+b") as file:
            file.seek(start)
            file.write(damage)
        assert path.stat().st_size == CAPACITY_BYTES
        reader = SharedMetrics(folder, 1, no_gauges)
        reader.expose("")
        after = SharedMetrics(folder, 0, no_gauges)
        calls_before = calls_of(folder)
        after.observe(an_outcome(an_attempt()))
        after.refresh()
        after.flush()
        reader.expose("application/openmetrics-text")
        assert calls_of(folder) == calls_before + 1
        assert min(cell for cells in read_totals(folder).counts.values() for cell in cells) >= 0
        after.close()
        reader.close()


def calls_of(folder: Path) -> int:
    """All calls that are counted."""
    counts = read_totals(folder).counts
    return sum(cells[0] for (name, _), cells in counts.items() if name == "turnpike_calls_total")
