"""Processes that count calls in a home's folder: killed ones, and one without a free descriptor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.gateway.outcomes import an_attempt, an_outcome, calls_shown, no_gauges, page_of, value
from turnpike.gateway.metrics.shared import SharedMetrics

COUNTING = """
import os, signal, sys
from pathlib import Path
from tests.unit.gateway.outcomes import an_attempt, an_outcome
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.shared import SharedMetrics

def gauges():
    return [Reading("turnpike_calls_in_flight", (), 9)]

metrics = SharedMetrics(Path(sys.argv[1]), int(sys.argv[2]), gauges)
for _ in range(int(sys.argv[3])):
    metrics.observe(an_outcome(an_attempt()))
metrics.refresh()
metrics.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
WITHOUT_DESCRIPTORS = """
import os, resource, sys
from contextlib import suppress
from pathlib import Path
from tests.unit.gateway.outcomes import an_attempt, an_outcome, page_of, value
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.shared import SharedMetrics

metrics = SharedMetrics(Path(sys.argv[1]), 0, lambda: [Reading("turnpike_calls_in_flight", (), 9)])
metrics.observe(an_outcome(an_attempt()))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
with suppress(OSError):
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
for _ in range(3):
    metrics.refresh()
    metrics.flush()
for descriptor in taken:
    os.close(descriptor)
page = page_of(metrics)
metrics.close()
assert value(page, "turnpike_calls_in_flight") == 9
assert value(page, "process_open_fds", worker="0") is not None
"""


def count_and_be_killed(folder: Path, slot: int, calls: int) -> None:
    command = [sys.executable, "-c", COUNTING, str(folder), str(slot), str(calls)]
    ended = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -9


def test_the_successor_of_a_killed_worker_goes_on_with_its_counts(tmp_path: Path) -> None:
    count_and_be_killed(tmp_path, 0, 1000)
    successor = SharedMetrics(tmp_path, 0, no_gauges)
    assert calls_shown(page_of(successor)) == 1000
    successor.observe(an_outcome(an_attempt()))
    assert calls_shown(page_of(successor)) == 1001
    successor.close()


def test_counts_of_a_slot_that_is_no_longer_used_stay_and_its_gauges_go(tmp_path: Path) -> None:
    count_and_be_killed(tmp_path, 7, 10)
    worker = SharedMetrics(tmp_path, 0, no_gauges)
    page = page_of(worker)
    assert calls_shown(page) == 10
    assert value(page, "turnpike_calls_in_flight") is None
    assert value(page, "process_open_fds", worker="7") is None
    worker.close()


def test_a_successor_shows_no_gauge_of_the_worker_before(tmp_path: Path) -> None:
    count_and_be_killed(tmp_path, 0, 1)
    successor, other = SharedMetrics(tmp_path, 0, no_gauges), SharedMetrics(tmp_path, 1, no_gauges)
    assert value(page_of(other), "turnpike_calls_in_flight") is None
    successor.close()
    other.close()


def test_a_worker_without_a_free_descriptor_counts_on_and_says_so_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(tmp_path)]
    ended = subprocess.run(
        command, check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("metrics.not_read") == 1
