"""The gateway's Metrics: each worker counts in its own file, each worker shows the sum of all."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

import structlog

from turnpike.domain.outcome import Attempt, Outcome
from turnpike.domain.usage import UNKNOWN, Usage
from turnpike.gateway.metrics.counts_file import CountsFile
from turnpike.gateway.metrics.exposition import render_totals
from turnpike.gateway.metrics.folder import read_totals
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.process import ProcessGauges
from turnpike.gateway.metrics.table import (
    ADDED,
    ATTEMPTS,
    CALLS,
    OPERATION_DURATION,
    TIME_TO_FIRST_TOKEN,
    TOKEN_USAGE,
    TOKENS,
    UPSTREAM,
)
from turnpike.ports.metrics import Exposition

REMEMBERED_MAX: Final = 8192
"""Series that are at hand by what an outcome says; texts made up elsewhere cannot fill the memory."""
COUNTED_AT_ONCE: Final = 64
TOKENS_MAX: Final = 2**32
"""A count beyond this, or below 0, is a provider's mistake and not counted."""
TOKEN_TYPES: Final = ("input", "output", "cache_read", "cache_write", "reasoning")

_DURATION_BOUNDS: Final = OPERATION_DURATION.bounds
_FIRST_TOKEN_BOUNDS: Final = TIME_TO_FIRST_TOKEN.bounds
_TOKEN_BOUNDS: Final = TOKEN_USAGE.bounds
_ADDED_BOUNDS: Final = ADDED.bounds
_UPSTREAM_BOUNDS: Final = UPSTREAM.bounds

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")
_CallKey = tuple[str, str, str | None]
_RoadKey = tuple[str, str, str | None, str | None]
_RoadCells = tuple[int, int, int, tuple[int, int], tuple[int, ...]]


class SharedMetrics:
    """Counts of one worker that survive it, and the sum over all workers.

    read_gauges: asked at each `refresh` for what this worker has open and under way.
    `observe` keeps what it is given until there is a handful: counting them one after the other costs a third of counting
    each between two calls. Everything it does is memory, and nothing it is given can fail it.
    """

    def __init__(self, folder: Path, slot: int, read_gauges: Callable[[], Iterable[Reading]]) -> None:
        self._folder = folder
        self._file = CountsFile(folder, slot)
        self._read_gauges = read_gauges
        self._process = ProcessGauges(self._file.worker)
        self._label_of_model: Callable[[str], str] = str
        self._is_told = self._is_unread_told = False
        self._ended: deque[Outcome] = deque()
        self._counting = Lock()
        self._cells = self._file.cells
        self._added = self._file.first_cell(ADDED, ())
        self._calls: dict[_CallKey, int] = {}
        self._attempts: dict[_CallKey, int] = {}
        self._roads: dict[_RoadKey, _RoadCells] = {}

    def name_models(self, label_of: Callable[[str], str]) -> None:
        """From now on a model is counted under `label_of` what was asked for.

        Give the configured name or pattern that means it, with each configuration anew, so that
        what callers write into a pattern's star makes no series.
        """
        with self._counting:
            self._count_ended()
            self._label_of_model = label_of
            self._roads.clear()

    def observe(self, outcome: Outcome) -> None:
        """Count a call that has ended, soon."""
        self._ended.append(outcome)
        if len(self._ended) >= COUNTED_AT_ONCE and self._counting.acquire(blocking=False):
            try:
                self._count_ended()
            finally:
                self._counting.release()

    def _count_ended(self) -> None:
        """Count what has been observed; the lock is to be held."""
        ended = self._ended
        for _ in range(len(ended)):
            self._count(ended.popleft())

    def _count(self, outcome: Outcome) -> None:
        key = (outcome.surface, outcome.status, outcome.error)
        cell = self._calls.get(key)
        self._cells[self._open_call(key) if cell is None else cell] += 1
        if outcome.attempts:
            self._observe_road(outcome, outcome.attempts)

    def refresh(self) -> None:
        """Have this worker's gauges shown by whichever worker is asked; `flush` must follow.

        What the kernel does not tell, as where no descriptor is free to ask it by, is left out and logged.
        """
        process: tuple[Reading, ...] = ()
        try:
            process = self._process.read()
            self._is_unread_told = False
        except OSError as fault:
            if not self._is_unread_told:
                structlog.get_logger().error("metrics.not_read", reason=str(fault))
            self._is_unread_told = True
        self._file.write_gauges((*self._read_gauges(), *process))

    def flush(self) -> None:
        """Put counts and gauges where all workers see them; every second or so, from any thread but one at a time.

        What a worker that is killed had counted since is lost. A disk that refuses is logged.
        """
        with self._counting:
            self._count_ended()
        try:
            self._file.flush_gauges()
            self._file.flush()
            self._is_told = False
        except OSError as fault:
            if not self._is_told:
                structlog.get_logger().error("metrics.not_kept", reason=str(fault))
            self._is_told = True

    def expose(self, accept: str) -> Exposition:
        """All workers' counts and last gauges, for a request's `accept`. Safe in any thread.

        This worker's counts are those of now, and in the file before they are shown: no page of another shows fewer.
        """
        with self._counting:
            self._count_ended()
        with suppress(OSError):  # Told by the next `flush`.
            self._file.flush()
        return render_totals(read_totals(self._folder), accept)

    def close(self) -> None:
        """Stop counting; what was counted stays, and this worker's gauges are shown no more."""
        with self._counting:
            self._count_ended()
        self._file.close()

    def _observe_road(self, outcome: Outcome, attempts: tuple[Attempt, ...]) -> None:
        """Count a call that went to a provider, under the provider of its last attempt."""
        cells = self._cells
        for attempt in attempts:
            tried = (attempt.provider, attempt.status, attempt.error)
            cell = self._attempts.get(tried)
            cells[self._open_attempt(tried) if cell is None else cell] += 1
        last = attempts[-1]
        key = (outcome.operation, last.provider, outcome.model, outcome.error)
        duration, first_token, upstream, sizes, totals = self._roads.get(key) or self._open_road(key)

        received_ns, ended_ns = outcome.received_ns, outcome.ended_ns
        elapsed_ns = ended_ns - received_ns
        cells[duration] += elapsed_ns
        cells[duration + 1 + bisect_left(_DURATION_BOUNDS, elapsed_ns)] += 1

        dispatched_ns = outcome.dispatched_ns
        if dispatched_ns is not None:
            # A call that broke off has no last byte: its last attempt's end stands for it.
            upstream_ns = (outcome.upstream_ended_ns or last.ended_ns) - dispatched_ns
            added_ns = elapsed_ns - upstream_ns
            added = self._added
            cells[upstream] += upstream_ns
            cells[upstream + 1 + bisect_left(_UPSTREAM_BOUNDS, upstream_ns)] += 1
            cells[added] += added_ns
            cells[added + 1 + bisect_left(_ADDED_BOUNDS, added_ns)] += 1

        if outcome.first_content_ns is not None:
            waited_ns = outcome.first_content_ns - received_ns
            cells[first_token] += waited_ns
            cells[first_token + 1 + bisect_left(_FIRST_TOKEN_BOUNDS, waited_ns)] += 1

        usage = outcome.usage
        if usage is not UNKNOWN:
            self._observe_usage(usage, sizes, totals)

    def _observe_usage(self, usage: Usage, sizes: tuple[int, int], totals: tuple[int, ...]) -> None:
        cells = self._cells
        count = usage.input_tokens
        if count is not None and 0 <= count <= TOKENS_MAX:
            size = sizes[0]
            cells[totals[0]] += count
            cells[size] += count
            cells[size + 1 + bisect_left(_TOKEN_BOUNDS, count)] += 1
        count = usage.output_tokens
        if count is not None and 0 <= count <= TOKENS_MAX:
            size = sizes[1]
            cells[totals[1]] += count
            cells[size] += count
            cells[size + 1 + bisect_left(_TOKEN_BOUNDS, count)] += 1
        if usage.cache_read_tokens or usage.cache_write_tokens or usage.reasoning_tokens:
            self._observe_parts(usage, totals[2:])

    def _observe_parts(self, usage: Usage, totals: tuple[int, ...]) -> None:
        parts = (usage.cache_read_tokens, usage.cache_write_tokens, usage.reasoning_tokens)
        for count, total in zip(parts, totals, strict=True):
            if count is not None and 0 <= count <= TOKENS_MAX:
                self._cells[total] += count

    def _open_call(self, key: _CallKey) -> int:
        surface, status, code = key
        cell = self._file.first_cell(CALLS, (surface, status, code or ""))
        return _remember(self._calls, key, cell)

    def _open_attempt(self, key: _CallKey) -> int:
        provider, status, code = key
        cell = self._file.first_cell(ATTEMPTS, (provider, status, code or ""))
        return _remember(self._attempts, key, cell)

    def _open_road(self, key: _RoadKey) -> _RoadCells:
        operation, provider, asked, error = key
        model = "" if asked is None else self._label_of_model(asked)
        call = (operation, provider, model)
        first_cell = self._file.first_cell
        cells = (
            first_cell(OPERATION_DURATION, (*call, error or "")),
            first_cell(TIME_TO_FIRST_TOKEN, call),
            first_cell(UPSTREAM, (provider,)),
            (first_cell(TOKEN_USAGE, (*call, "input")), first_cell(TOKEN_USAGE, (*call, "output"))),
            tuple(first_cell(TOKENS, (provider, model, kind)) for kind in TOKEN_TYPES),
        )
        return _remember(self._roads, key, cells)


def _remember(remembered: dict[_Key, _Found], key: _Key, value: _Found) -> _Found:
    if len(remembered) >= REMEMBERED_MAX:
        remembered.clear()
    remembered[key] = value
    return value
