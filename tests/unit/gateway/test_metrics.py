"""What one worker counts of each call, and how the page shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from tests.unit.gateway.outcomes import (
    CALL,
    MS,
    an_attempt,
    an_outcome,
    families_of,
    no_gauges,
    page_of,
    samples_of,
    value,
)
from turnpike.domain.call_status import CallStatus
from turnpike.domain.usage import Usage
from turnpike.gateway.metrics.counts_file import LABEL_BYTES, SERIES_PER_METRIC, VALUES_PER_LABEL
from turnpike.gateway.metrics.folder import read_totals
from turnpike.gateway.metrics.layout import CAPACITY_BYTES, SERIES_AT, Reading, render_series
from turnpike.gateway.metrics.shared import SharedMetrics
from turnpike.gateway.metrics.table import COUNTED, METRICS, OPERATION_DURATION, MetricKind

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[SharedMetrics]:
    shared = SharedMetrics(tmp_path, 0, no_gauges)
    yield shared
    shared.close()


def test_a_call_and_its_attempts_are_counted_by_how_they_ended(metrics: SharedMetrics) -> None:
    failed = an_attempt("local", CallStatus.FAILED, "upstream_timeout")
    metrics.observe(an_outcome(failed, an_attempt()))
    metrics.observe(an_outcome(status=CallStatus.DENIED, error="invalid_key", model=None))
    page = page_of(metrics)
    assert value(page, "turnpike_calls_total", surface="openai.chat", status="succeeded") == 1
    denied = value(page, "turnpike_calls_total", surface="openai.chat", status="denied", code="invalid_key")
    assert denied == 1
    assert value(page, "turnpike_attempts_total", provider="openai", status="succeeded") == 1
    timed_out = {"provider": "local", "status": "failed", "code": "upstream_timeout"}
    assert value(page, "turnpike_attempts_total", **timed_out) == 1


def test_a_call_that_never_left_shows_in_no_time(metrics: SharedMetrics) -> None:
    metrics.observe(an_outcome(status=CallStatus.DENIED, error="invalid_key"))
    counted = {name for name, _ in samples_of(page_of(metrics)) if not name.startswith("process_")}
    assert counted == {"turnpike_calls_total"}


def test_times_are_told_apart_into_ours_and_the_providers(metrics: SharedMetrics) -> None:
    metrics.observe(an_outcome(an_attempt()))
    page = page_of(metrics)
    assert value(page, "turnpike_added_seconds_sum") == pytest.approx(0.004)
    assert value(page, "turnpike_upstream_seconds_sum", provider="openai") == pytest.approx(0.299)
    duration = "gen_ai_client_operation_duration_seconds"
    assert value(page, f"{duration}_sum", **CALL) == pytest.approx(0.303)
    assert value(page, f"{duration}_bucket", **CALL, le="0.16") == 0
    assert value(page, f"{duration}_bucket", **CALL, le="0.32") == 1
    assert value(page, f"{duration}_bucket", **CALL, le="+Inf") == 1
    assert value(page, f"{duration}_count", **CALL) == 1


def test_a_time_that_equals_a_bound_belongs_below_it(metrics: SharedMetrics) -> None:
    outcome = msgspec.structs.replace(an_outcome(an_attempt()), ended_ns=320 * MS)
    metrics.observe(outcome)
    metrics.observe(msgspec.structs.replace(outcome, ended_ns=320 * MS + 1))
    page = page_of(metrics)
    duration = "gen_ai_client_operation_duration_seconds_bucket"
    assert value(page, duration, **CALL, le="0.32") == 1
    assert value(page, duration, **CALL, le="0.64") == 2


def test_a_call_that_broke_off_counts_upstream_until_its_last_attempt_ended(metrics: SharedMetrics) -> None:
    cut = an_outcome(
        an_attempt(status=CallStatus.FAILED, error="upstream_timeout", ended_ms=200),
        status=CallStatus.FAILED,
        error="upstream_timeout",
    )
    metrics.observe(msgspec.structs.replace(cut, upstream_ended_ns=None))
    page = page_of(metrics)
    assert value(page, "turnpike_upstream_seconds_sum", provider="openai") == pytest.approx(0.199)
    assert value(page, "turnpike_added_seconds_sum") == pytest.approx(0.104)
    duration = "gen_ai_client_operation_duration_seconds_count"
    assert value(page, duration, **CALL, error_type="upstream_timeout") == 1


def test_time_to_first_token_is_that_of_streams(metrics: SharedMetrics) -> None:
    metrics.observe(an_outcome(an_attempt()))
    metrics.observe(an_outcome(an_attempt(), first_content_ms=42))
    page = page_of(metrics)
    first_token = "gen_ai_server_time_to_first_token_seconds"
    assert value(page, f"{first_token}_count", **CALL) == 1
    assert value(page, f"{first_token}_sum", **CALL) == pytest.approx(0.042)


def test_tokens_are_counted_by_type(metrics: SharedMetrics) -> None:
    metrics.observe(an_outcome(an_attempt(), usage=Usage(600, 200, 512, 0, 128)))
    metrics.observe(an_outcome(an_attempt(), usage=Usage(input_tokens=10)))
    page = page_of(metrics)
    by_type = {
        kind: value(page, "turnpike_tokens_total", provider="openai", model="fast", type=kind)
        for kind in ("input", "output", "cache_read", "cache_write", "reasoning")
    }
    expected = {"input": 610, "output": 200, "cache_read": 512, "cache_write": None, "reasoning": 128}
    assert by_type == expected
    usage = "gen_ai_client_token_usage_tokens"
    assert value(page, f"{usage}_count", **CALL, gen_ai_token_type="input") == 2
    assert value(page, f"{usage}_bucket", **CALL, gen_ai_token_type="input", le="16.0") == 1
    assert value(page, f"{usage}_count", **CALL, gen_ai_token_type="output") == 1


@pytest.mark.parametrize("mistake", [-1, 2**33, 10**40])
def test_a_count_of_tokens_that_cannot_be_is_left_out(metrics: SharedMetrics, mistake: int) -> None:
    metrics.observe(an_outcome(an_attempt(), usage=Usage(mistake, mistake, mistake, 7)))
    page = page_of(metrics)
    tokens = {
        dict(labels)["type"]: total
        for (name, labels), total in samples_of(page).items()
        if name == "turnpike_tokens_total"
    }
    assert tokens == {"cache_write": 7}


def test_names_that_callers_make_up_share_one_series(metrics: SharedMetrics) -> None:
    metrics.name_models(lambda asked: "local/*" if asked.startswith("local/") else asked)
    for number in range(50):
        metrics.observe(an_outcome(an_attempt("local"), model=f"local/{number}"))
    call = {**CALL, "gen_ai_provider_name": "local", "gen_ai_request_model": "local/*"}
    assert value(page_of(metrics), "gen_ai_client_operation_duration_seconds_count", **call) == 50


def test_values_of_a_label_are_bounded_and_the_rest_is_other(metrics: SharedMetrics) -> None:
    for number in range(VALUES_PER_LABEL + 50):
        metrics.observe(an_outcome(an_attempt(), model=f"model-{number}"))
    counts = {
        dict(labels)["gen_ai_request_model"]: count
        for (name, labels), count in samples_of(page_of(metrics)).items()
        if name == "gen_ai_client_operation_duration_seconds_count"
    }
    assert len(counts) <= VALUES_PER_LABEL
    assert counts["model-0"] == 1
    assert counts["other"] > 50 - 1
    assert sum(counts.values()) == VALUES_PER_LABEL + 50


def test_series_of_a_metric_are_bounded_and_the_rest_is_other(tmp_path: Path, metrics: SharedMetrics) -> None:
    calls = [(f"p{provider}", f"m{model}") for provider in range(20) for model in range(100)]
    for provider, model in calls:
        metrics.observe(an_outcome(an_attempt(provider), model=model))
    metrics.flush()
    counts = read_totals(tmp_path).counts
    durations = {labels: cells for (name, labels), cells in counts.items() if name == OPERATION_DURATION.name}
    assert len(durations) <= SERIES_PER_METRIC
    assert sum(sum(buckets) for _, *buckets in durations.values()) == len(calls)
    assert sum(durations[("other",) * 4][1:]) > 0
    assert counts["turnpike_attempts_total", ("p19", "succeeded", "")] == [100]


def test_every_series_that_the_limits_allow_fits_into_the_file() -> None:
    label = "x" * LABEL_BYTES
    most_bytes = sum(
        (SERIES_PER_METRIC + 1) * len(render_series(row, (label,) * len(metric.labels)))
        for row, metric in enumerate(COUNTED)
    )
    assert SERIES_AT + most_bytes <= CAPACITY_BYTES


@pytest.mark.parametrize("text", ['quote"', "back\\slash", "line\nbreak", "é" * 1000, "\ud800", "\0"])
def test_a_text_of_any_form_makes_a_page_that_can_be_read(metrics: SharedMetrics, text: str) -> None:
    metrics.observe(an_outcome(an_attempt(text, error=text), model=text, error=text))
    assert "turnpike_attempts" in families_of(page_of(metrics))


def test_openmetrics_is_spoken_to_who_asks_for_it(metrics: SharedMetrics) -> None:
    metrics.observe(an_outcome(an_attempt(), usage=Usage(600, 200), first_content_ms=42))
    metrics.refresh()
    metrics.flush()
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    exposition = metrics.expose(accept)
    assert exposition.content_type.startswith("application/openmetrics-text; version=1.0.0")
    text = exposition.body.decode()
    families = {family.name: family for family in read_openmetrics(text)}  # type: ignore[no-untyped-call]  # the library leaves it untyped
    assert families["turnpike_calls"].samples[0].value == 1
    assert metrics.expose("*/*").content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_every_metric_has_its_place_on_an_empty_page(metrics: SharedMetrics) -> None:
    assert families_of(page_of(metrics)) == {
        metric.name.removesuffix("_total"): metric.kind.value for metric in METRICS
    }


def test_gauges_show_what_the_worker_has_open(tmp_path: Path) -> None:
    open_calls = [3]
    metrics = SharedMetrics(tmp_path, 4, lambda: [Reading("turnpike_calls_in_flight", (), open_calls[0])])
    assert value(page_of(metrics), "turnpike_calls_in_flight") == 3
    open_calls[0] = 5
    page = page_of(metrics)
    assert value(page, "turnpike_calls_in_flight") == 5
    memory = value(page, "process_resident_memory_bytes", worker="4")
    assert memory is not None
    assert memory > 1_000_000
    descriptors = value(page, "process_open_fds", worker="4")
    assert descriptors is not None
    assert descriptors >= 3
    started = value(page, "process_start_time_seconds", worker="4")
    assert started is not None
    assert started > 1_600_000_000
    metrics.close()


def test_more_gauges_than_there_is_room_for_leave_the_rest_of_the_page_whole(tmp_path: Path) -> None:
    many = [
        Reading("turnpike_upstream_connections", (f"provider-{number:050}", "idle"), 1)
        for number in range(10_000)
    ]
    metrics = SharedMetrics(tmp_path, 0, lambda: many)
    metrics.observe(an_outcome())
    page = page_of(metrics)
    assert value(page, "turnpike_calls_total", surface="openai.chat", status="succeeded") == 1
    shown = [name for name, _ in samples_of(page) if name == "turnpike_upstream_connections"]
    assert len(shown) > 1000
    metrics.close()


def test_the_reference_page_names_every_metric_with_its_kind_labels_and_meaning() -> None:
    lines = (DOCS / "metrics.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    expected = [
        [
            f"`{metric.name}`",
            metric.kind.value,
            ", ".join(f"`{label}`" for label in metric.labels) or "none",
            metric.meaning,
        ]
        for metric in METRICS
    ]
    assert rows == expected


def test_counters_are_named_as_prometheus_names_them() -> None:
    totals = {metric.name for metric in METRICS if metric.name.endswith("_total")}
    assert totals == {metric.name for metric in METRICS if metric.kind is MetricKind.COUNTER}
