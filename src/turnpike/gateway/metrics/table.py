"""Every metric of the gateway: its name, kind, labels and meaning.

The names that begin with `gen_ai_` are those of OpenTelemetry's semantic conventions for
generative AI, spelled as Prometheus spells them, with the buckets that the conventions advise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from turnpike.ports.clock import SECOND_NS


class MetricKind(StrEnum):
    """How a metric's values add up: counts and distributions over all time, gauges over the living."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Metric(msgspec.Struct, frozen=True):
    """One metric. Counts are kept as integers; `divisor` turns them into the unit of the name.

    bounds: upper bounds of a histogram's buckets, inclusive, in the integers that are kept.
    """

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    meaning: str
    bounds: tuple[int, ...] = ()
    divisor: int = 1

    @property
    def cells(self) -> int:
        """How many integers one series takes: a histogram's sum, then its buckets with the last open."""
        return len(self.bounds) + 2 if self.kind is MetricKind.HISTOGRAM else 1


def _nanos(*bounds_seconds: float) -> tuple[int, ...]:
    return tuple(round(bound * SECOND_NS) for bound in bounds_seconds)


CALL: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

OPERATION_DURATION: Final = Metric(
    "gen_ai_client_operation_duration_seconds",
    MetricKind.HISTOGRAM,
    (*CALL, "error_type"),
    "time from a call's whole request to the end of its answer; `error_type` is empty where it succeeded",
    _nanos(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    SECOND_NS,
)
TOKEN_USAGE: Final = Metric(
    "gen_ai_client_token_usage_tokens",
    MetricKind.HISTOGRAM,
    (*CALL, "gen_ai_token_type"),
    "tokens of a call as its provider counted them, by type `input` and `output`",
    tuple(4**power for power in range(14)),
)
TIME_TO_FIRST_TOKEN: Final = Metric(
    "gen_ai_server_time_to_first_token_seconds",
    MetricKind.HISTOGRAM,
    CALL,
    "time from a call's whole request to its stream's first event of content",
    _nanos(
        *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    ),
    SECOND_NS,
)
CALLS: Final = Metric(
    "turnpike_calls_total",
    MetricKind.COUNTER,
    ("surface", "status", "code"),
    "calls that have ended; `code` is the error's, empty where there was none",
)
ATTEMPTS: Final = Metric(
    "turnpike_attempts_total",
    MetricKind.COUNTER,
    ("provider", "status", "code"),
    "tries at a provider; a call has one or more",
)
TOKENS: Final = Metric(
    "turnpike_tokens_total",
    MetricKind.COUNTER,
    ("provider", "model", "type"),
    "tokens by type: `input` and `output`, and the parts of them that are known: `cache_read`, "
    "`cache_write`, `reasoning`",
)
ADDED: Final = Metric(
    "turnpike_added_seconds",
    MetricKind.HISTOGRAM,
    (),
    "time that a call which went to a provider spent inside the gateway: from its whole request to "
    "its first dispatch, and from the provider's last byte to the end",
    _nanos(
        *(0.00005, 0.000075, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.00075),
        *(0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
    ),
    SECOND_NS,
)
UPSTREAM: Final = Metric(
    "turnpike_upstream_seconds",
    MetricKind.HISTOGRAM,
    ("provider",),
    "time from a call's first dispatch to the last byte of the provider that answered, retries included",
    _nanos(
        *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
        *(1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 600.0),
    ),
    SECOND_NS,
)
CALLS_IN_FLIGHT: Final = Metric(
    "turnpike_calls_in_flight", MetricKind.GAUGE, (), "calls that have not ended yet"
)
CONNECTIONS: Final = Metric("turnpike_connections", MetricKind.GAUGE, (), "open connections of callers")
UPSTREAM_CONNECTIONS: Final = Metric(
    "turnpike_upstream_connections",
    MetricKind.GAUGE,
    ("provider", "state"),
    "open connections to a provider, `busy` or `idle`",
)
BUFFERED_BYTES: Final = Metric(
    "turnpike_buffered_bytes", MetricKind.GAUGE, (), "bytes of bodies that wait to be taken or sent"
)
SNAPSHOT_INFO: Final = Metric(
    "turnpike_snapshot_info",
    MetricKind.GAUGE,
    ("version",),
    "how many workers run this version of the configuration",
)
RESIDENT_MEMORY: Final = Metric(
    "process_resident_memory_bytes", MetricKind.GAUGE, ("worker",), "memory of a worker that is in RAM"
)
OPEN_DESCRIPTORS: Final = Metric(
    "process_open_fds", MetricKind.GAUGE, ("worker",), "open file descriptors of a worker"
)
START_TIME: Final = Metric(
    "process_start_time_seconds",
    MetricKind.GAUGE,
    ("worker",),
    "when a worker was started, in seconds since 1970-01-01 UTC",
)

METRICS: Final = (
    OPERATION_DURATION,
    TOKEN_USAGE,
    TIME_TO_FIRST_TOKEN,
    CALLS,
    ATTEMPTS,
    TOKENS,
    ADDED,
    UPSTREAM,
    CALLS_IN_FLIGHT,
    CONNECTIONS,
    UPSTREAM_CONNECTIONS,
    BUFFERED_BYTES,
    SNAPSHOT_INFO,
    RESIDENT_MEMORY,
    OPEN_DESCRIPTORS,
    START_TIME,
)
"""What /metrics shows, in its order."""

COUNTED: Final = tuple(metric for metric in METRICS if metric.kind is not MetricKind.GAUGE)
GAUGES: Final = {metric.name: metric for metric in METRICS if metric.kind is MetricKind.GAUGE}
