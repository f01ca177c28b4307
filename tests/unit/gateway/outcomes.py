"""Outcomes of calls, and gauges, as tests of the metrics give them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families as read_page

from turnpike.domain.call_status import CallStatus
from turnpike.domain.ids import CallId
from turnpike.domain.outcome import Attempt, Outcome
from turnpike.domain.usage import UNKNOWN, Usage
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.shared import SharedMetrics

MS = 1_000_000
CALL = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "fast",
}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def no_gauges() -> Iterable[Reading]:
    """A worker with nothing open."""
    return ()


def an_attempt(
    provider: str = "openai",
    status: CallStatus = CallStatus.SUCCEEDED,
    error: str | None = None,
    ended_ms: float = 300,
) -> Attempt:
    """One try, which begins 1 ms after the call."""
    return Attempt(provider, "gpt-4o-mini", None, status, None, error, 1 * MS, round(ended_ms * MS))


def an_outcome(
    *attempts: Attempt,
    model: str | None = "fast",
    status: CallStatus = CallStatus.SUCCEEDED,
    error: str | None = None,
    usage: Usage = UNKNOWN,
    first_content_ms: float | None = None,
) -> Outcome:
    """A call that came at 0, was dispatched after 1 ms, had its answer at 300 ms and ended at 303 ms."""
    return Outcome(
        id=CallId("0193a1f0-0000-7000-8000-000000000000"),
        surface="openai.chat",
        operation="chat",
        stream=first_content_ms is not None,
        status=status,
        http_status=200,
        error=error,
        principal=None,
        tags=(),
        model=model,
        attempts=attempts,
        received_ns=0,
        ended_ns=303 * MS,
        dispatched_ns=1 * MS if attempts else None,
        first_content_ns=None if first_content_ms is None else round(first_content_ms * MS),
        upstream_ended_ns=300 * MS if attempts else None,
        usage=usage,
    )


def page_of(metrics: SharedMetrics) -> bytes:
    """What the worker shows, its own gauges fresh."""
    metrics.refresh()
    metrics.flush()
    return metrics.expose("").body


def families_of(page: bytes) -> dict[str, str]:
    """The kinds of the page's metrics, by name."""
    return {family.name: family.type for family in read_page(page.decode())}


def samples_of(page: bytes) -> Samples:
    """What a page says, by name and labels; labels that are empty are left out, as Prometheus does."""
    return {
        (sample.name, frozenset((k, v) for k, v in sample.labels.items() if v)): sample.value
        for family in read_page(page.decode())
        for sample in family.samples
    }


def value(page: bytes, name: str, **labels: str) -> float | None:
    """One sample of the page; None where it is not there."""
    lines = [line for line in page.splitlines(keepends=True) if line.startswith(name.encode())]
    return samples_of(b"".join(lines)).get((name, frozenset(labels.items())))


def calls_shown(page: bytes) -> float | None:
    """The calls of a page that succeeded; None where it shows none."""
    return value(page, "turnpike_calls_total", surface="openai.chat", status="succeeded")
