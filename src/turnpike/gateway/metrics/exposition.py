"""The page that Prometheus reads, in its own text form or in OpenMetrics'."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from turnpike.gateway.metrics.folder import Totals
from turnpike.gateway.metrics.layout import Labels
from turnpike.gateway.metrics.table import METRICS, Metric, MetricKind
from turnpike.ports.metrics import Exposition

PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


def render_totals(totals: Totals, accept: str) -> Exposition:
    """The page in the form that `accept`, the request's header, asks for; Prometheus's own by default."""
    page = _Page(totals)
    if "application/openmetrics-text" in accept:
        body: bytes = generate_openmetrics(page)  # type: ignore[no-untyped-call]  # the library leaves it untyped
        return Exposition(OPENMETRICS, body)
    return Exposition(PROMETHEUS, generate_latest(page))


class _Page(Collector):
    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Family]:
        series: dict[str, list[tuple[Labels, list[int]]]] = defaultdict(list)
        for (name, labels), cells in sorted(self._totals.counts.items()):
            series[name].append((labels, cells))
        gauges: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
        for (name, labels), value in sorted(self._totals.gauges.items()):
            gauges[name].append((labels, value))
        for metric in METRICS:
            match metric.kind:
                case MetricKind.COUNTER:
                    yield _counter(metric, series[metric.name])
                case MetricKind.HISTOGRAM:
                    yield _histogram(metric, series[metric.name])
                case MetricKind.GAUGE:
                    yield _gauge(metric, gauges[metric.name])


def _counter(metric: Metric, series: list[tuple[Labels, list[int]]]) -> Family:
    family = CounterMetricFamily(metric.name, _help(metric), labels=metric.labels)
    for labels, cells in series:
        family.add_metric(labels, cells[0] / metric.divisor)
    return family


def _histogram(metric: Metric, series: list[tuple[Labels, list[int]]]) -> Family:
    family = HistogramMetricFamily(metric.name, _help(metric), labels=metric.labels)
    bounds = [*(_number(bound / metric.divisor) for bound in metric.bounds), "+Inf"]
    for labels, cells in series:
        buckets = list(zip(bounds, accumulate(cells[1:]), strict=True))
        family.add_metric(labels, buckets, cells[0] / metric.divisor)
    return family


def _gauge(metric: Metric, gauges: list[tuple[Labels, float]]) -> Family:
    family = GaugeMetricFamily(metric.name, _help(metric), labels=metric.labels)
    for labels, value in gauges:
        family.add_metric(labels, value)
    return family


def _number(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    return text


def _help(metric: Metric) -> str:
    return f"{metric.meaning[0].upper()}{metric.meaning[1:]}."
