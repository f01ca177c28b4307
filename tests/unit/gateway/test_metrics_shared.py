"""Counts of several workers on one folder: those that run, those that were killed, those of before."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.gateway.outcomes import an_attempt, an_outcome, calls_shown, no_gauges, page_of, value
from turnpike.gateway.metrics.layout import CAPACITY_BYTES, HEADER, LAYOUT_DIGEST, MARK, SERIES_AT, Reading
from turnpike.gateway.metrics.shared import SharedMetrics


def file_of(folder: Path, worker: str) -> Path:
    return folder / f"metrics-{worker}.counts"


def test_what_is_not_in_use_of_a_file_takes_no_memory(tmp_path: Path) -> None:
    before_bytes = memory_bytes()
    workers = [SharedMetrics(tmp_path, slot, no_gauges) for slot in range(8)]
    for worker in workers:
        worker.observe(an_outcome(an_attempt()))
        worker.refresh()
        worker.flush()
    assert memory_bytes() - before_bytes < len(workers) * CAPACITY_BYTES / 4
    for worker in workers:
        worker.close()


def memory_bytes() -> int:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_any_worker_shows_the_sum_of_all(tmp_path: Path) -> None:
    workers = [
        SharedMetrics(tmp_path, slot, lambda: [Reading("turnpike_connections", (), 2)]) for slot in range(3)
    ]
    for number, worker in enumerate(workers):
        for _ in range(number + 1):
            worker.observe(an_outcome(an_attempt()))
        worker.refresh()
        worker.flush()
    for worker in workers:
        page = page_of(worker)
        assert calls_shown(page) == 6
        assert value(page, "turnpike_upstream_seconds_count", provider="openai") == 6
        assert value(page, "turnpike_connections") == 6
        assert value(page, "process_resident_memory_bytes", worker="2") is not None
    for worker in workers:
        worker.close()


def test_a_worker_counts_beside_one_of_its_slot_that_still_drains(tmp_path: Path) -> None:
    draining, successor = SharedMetrics(tmp_path, 0, no_gauges), SharedMetrics(tmp_path, 0, no_gauges)
    draining.observe(an_outcome(an_attempt()))
    successor.observe(an_outcome(an_attempt()))
    draining.refresh()
    draining.flush()
    page = page_of(successor)
    assert calls_shown(page) == 2
    assert value(page, "process_open_fds", worker="0") is not None
    assert value(page, "process_open_fds", worker="0-1") is not None
    draining.close()
    assert calls_shown(page_of(successor)) == 2
    successor.close()


def test_too_many_processes_of_one_slot_are_refused(tmp_path: Path) -> None:
    running = [SharedMetrics(tmp_path, 0, no_gauges) for _ in range(16)]
    with pytest.raises(OSError, match="16 running processes count for worker 0"):
        SharedMetrics(tmp_path, 0, no_gauges)
    for metrics in running:
        metrics.close()


@pytest.mark.parametrize(
    "header",
    [
        HEADER.pack(MARK, LAYOUT_DIGEST + 1, SERIES_AT),
        HEADER.pack(b"tpcount0", LAYOUT_DIGEST, SERIES_AT),
        HEADER.pack(MARK, LAYOUT_DIGEST, CAPACITY_BYTES + 8),
        HEADER.pack(MARK, LAYOUT_DIGEST, 0),
        b"\xff" * HEADER.size,
    ],
)
def test_a_file_of_another_form_is_set_aside(tmp_path: Path, header: bytes) -> None:
    strange = header.ljust(CAPACITY_BYTES, b"\x01")
    file_of(tmp_path, "0").write_bytes(strange)
    file_of(tmp_path, "1").write_bytes(strange)
    metrics = SharedMetrics(tmp_path, 0, no_gauges)
    metrics.observe(an_outcome(an_attempt()))
    assert calls_shown(page_of(metrics)) == 1
    assert (tmp_path / "metrics-0.aside").read_bytes() == strange
    metrics.close()


def test_a_file_that_was_being_made_when_its_worker_was_killed_is_used(tmp_path: Path) -> None:
    file_of(tmp_path, "0").write_bytes(b"")
    file_of(tmp_path, "1").write_bytes(bytes(CAPACITY_BYTES // 2))
    file_of(tmp_path, "2").write_bytes(bytes(CAPACITY_BYTES))
    first = SharedMetrics(tmp_path, 3, no_gauges)
    assert calls_shown(page_of(first)) is None
    rest = [SharedMetrics(tmp_path, slot, no_gauges) for slot in range(3)]
    for metrics in rest:
        metrics.observe(an_outcome(an_attempt()))
        metrics.flush()
    assert calls_shown(page_of(first)) == 3
    for metrics in [first, *rest]:
        metrics.close()


def test_a_damaged_series_costs_what_lies_behind_it_and_no_more(tmp_path: Path) -> None:
    metrics = SharedMetrics(tmp_path, 0, no_gauges)
    metrics.observe(an_outcome(an_attempt()))
    metrics.observe(an_outcome(an_attempt("damaged")))
    metrics.close()
    path = file_of(tmp_path, "0")
    data = path.read_bytes()
    at = data.index(b"damaged")
    path.write_bytes(data[:at] + b"DAMAGED" + data[at + 7 :])
    after = SharedMetrics(tmp_path, 0, no_gauges)
    assert calls_shown(page_of(after)) == 2
    after.observe(an_outcome(an_attempt("damaged")))
    page = page_of(after)
    assert calls_shown(page) == 3
    assert value(page, "turnpike_attempts_total", provider="openai", status="succeeded") == 1
    assert value(page, "turnpike_attempts_total", provider="damaged", status="succeeded") == 1
    after.close()


def test_readers_see_whole_numbers_that_never_fall_while_a_worker_counts(tmp_path: Path) -> None:
    writer, reader = SharedMetrics(tmp_path, 0, no_gauges), SharedMetrics(tmp_path, 1, no_gauges)

    def seen() -> list[float]:
        return [calls_shown(reader.expose("").body) or 0 for _ in range(10)]

    with ThreadPoolExecutor() as threads:
        reading = threads.submit(seen)
        written = 0
        while not reading.done():
            written += 1
            writer.observe(an_outcome(an_attempt(f"p{written % 20}")))
            writer.flush()
    assert reading.result() == sorted(reading.result())
    assert (calls_shown(page_of(reader)) or 0) == written
    writer.close()
    reader.close()


def test_asking_for_the_page_is_never_in_the_way_of_a_worker_that_starts(tmp_path: Path) -> None:
    SharedMetrics(tmp_path, 0, no_gauges).close()
    descriptor = os.open(file_of(tmp_path, "0"), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    metrics = SharedMetrics(tmp_path, 0, no_gauges)
    assert value(page_of(metrics), "process_open_fds", worker="0") is not None
    metrics.close()
    os.close(descriptor)


def test_only_the_owner_of_the_installation_can_read_the_files(tmp_path: Path) -> None:
    SharedMetrics(tmp_path, 0, no_gauges).close()
    assert file_of(tmp_path, "0").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("size", [0, 10, SERIES_AT - 1, SERIES_AT + 10])
def test_a_file_that_is_cut_short_under_its_workers_ends_neither_and_is_made_whole_again(
    tmp_path: Path, size: int
) -> None:
    writer, reader = SharedMetrics(tmp_path, 0, no_gauges), SharedMetrics(tmp_path, 1, no_gauges)
    writer.observe(an_outcome(an_attempt()))
    writer.flush()
    os.truncate(file_of(tmp_path, "0"), size)
    assert calls_shown(page_of(reader)) is None
    writer.observe(an_outcome(an_attempt()))
    writer.flush()
    assert calls_shown(page_of(reader)) == 2
    writer.close()
    reader.close()


def test_what_one_page_showed_no_other_page_falls_behind(tmp_path: Path) -> None:
    workers = [SharedMetrics(tmp_path, slot, no_gauges) for slot in range(2)]
    workers[0].observe(an_outcome(an_attempt()))
    assert calls_shown(workers[0].expose("").body) == 1
    assert calls_shown(workers[1].expose("").body) == 1
    for worker in workers:
        worker.close()
