"""The measurements of `python -m bench`, each over roads that are already running."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

import msgspec

from bench import latency, streams, wrk
from bench.gateways import Gateway
from bench.processes import BenchError, Cores, core_seconds, cpu_seconds, rss_bytes
from bench.report import Crowd, Memory, Row
from bench.stream_load import StreamResult

CONNECTIONS = 64
WARM_UP_SECONDS = 1.0
EARLY_CALLS = 200_000
LATE_CALLS = 1_000_000
MEMORY_SLICE_SECONDS = 2.0
MEMORY_BOUND_SECONDS = 900.0


class Course(msgspec.Struct, frozen=True):
    """How long, how often and where the measurements run."""

    cores: Cores
    rounds: int
    seconds: float
    stream_upstream_port: int
    streams: int


class Load(msgspec.Struct, frozen=True):
    """One round of wrk on one road, with what the worker and everyone else used of the gateway's core."""

    result: wrk.WrkResult
    busy: float
    others: float


def say(words: str) -> None:
    """Tells what is going on, apart from the report."""
    print(words, file=sys.stderr, flush=True)


def rates(roads: Sequence[Gateway], course: Course) -> dict[str, list[Load]]:
    """Rounds of wrk, the roads taking turns so that what the machine does meanwhile hits them alike."""
    found: dict[str, list[Load]] = {road.name: [] for road in roads}
    for road in roads:
        latency.check(road)
        wrk.load(road.url, road.headers, road.body(), CONNECTIONS, WARM_UP_SECONDS, course.cores.load)
    for turn in range(course.rounds):
        for road in roads:
            one = _load(road, course)
            found[road.name].append(one)
            say(
                f"round {turn + 1}: {road.name}: {one.result.rate:,.0f} req/s, p99 {one.result.p99_us / 1e3:.2f} ms, "
                f"worker {one.busy:.0%}, others {one.others:.0%} of its core"
            )
    return found


def calls_row(road: Gateway, loads: Sequence[Load]) -> Row:
    """The medians of a road's rounds."""
    results = [load.result for load in loads]
    spent = [load.result.rate / load.busy for load in loads if load.busy]
    return Row(
        name=road.name,
        version=road.version,
        rate=median(one.rate for one in results),
        rate_per_cpu_second=median(spent) if spent else None,
        p50_ms=median(one.p50_us for one in results) / 1e3,
        p99_ms=median(one.p99_us for one in results) / 1e3,
        busy=median(load.busy for load in loads) if road.worker_pids else None,
        failed=sum(one.failures for one in results),
    )


def alone_us(roads: Sequence[Gateway], course: Course) -> dict[str, float]:
    """The median microseconds of a call at one connection, over rounds in which the roads take turns."""
    found: dict[str, list[float]] = {road.name: [] for road in roads}
    for _ in range(course.rounds):
        for road in roads:
            found[road.name].append(latency.one_by_one(road, course.seconds / 4).median)
    for name, values in found.items():
        say(f"one connection: {name}: {median(values):.0f} µs")
    return {name: median(values) for name, values in found.items()}


def steady_p99_ms(roads: Sequence[Gateway], rate: float, course: Course) -> dict[str, float]:
    """The p99 in milliseconds at one constant rate, the median over rounds in which the roads take turns."""
    found: dict[str, list[float]] = {road.name: [] for road in roads}
    for _ in range(course.rounds):
        for road in roads:
            one = latency.steady(road, rate, course.seconds)
            say(f"constant rate: {road.name}: {one.rate:,.0f} req/s, p99 {one.delay_us.p99 / 1e3:.2f} ms")
            found[road.name].append(one.delay_us.p99 / 1e3)
    return {name: median(values) for name, values in found.items()}


StreamMeasure = Callable[[Gateway, int, Cores, float], StreamResult]

STREAM_KINDS: Mapping[str, StreamMeasure] = {
    "first": streams.first,
    "relay": streams.relay,
    "bulk": streams.bulk,
}


def stream_rounds(kind: str, roads: Sequence[Gateway], course: Course) -> dict[str, list[StreamResult]]:
    """Rounds of one kind of stream, the roads taking turns."""
    found: dict[str, list[StreamResult]] = {road.name: [] for road in roads}
    for _ in range(course.rounds):
        for road in roads:
            one = STREAM_KINDS[kind](road, course.stream_upstream_port, course.cores, course.seconds)
            found[road.name].append(one)
            say(f"streams, {kind}: {road.name}: {one.rate:,.0f} events/s{_delays(one)}")
    return found


def events_rate(results: Iterable[StreamResult]) -> float:
    """The median over rounds of the events that came through in a second."""
    return median(one.rate for one in results)


def events_per_cpu_second(results: Iterable[StreamResult]) -> float | None:
    """The median over rounds of events passed on in a second of the worker's time; None without a worker."""
    spent = [one.events / one.worker_cpu_seconds for one in results if one.worker_cpu_seconds]
    return median(spent) if spent else None


def first_event_us(results: Iterable[StreamResult]) -> float:
    """The median of the medians, in microseconds."""
    medians = [one.delay_ms.median for one in results if one.delay_ms is not None]
    if not medians:
        raise BenchError("no first event came through")
    return median(medians) * 1e3


def crowd(road: Gateway, course: Course) -> Crowd:
    """Many streams at once, each at the pace of a model that writes."""
    one = streams.paced(road, course.stream_upstream_port, course.cores, course.seconds * 3, course.streams)
    if one.delay_ms is None:
        raise BenchError(f"{road.name}: no event of {course.streams:,} streams came through")
    say(f"{one.streams:,} streams: {road.name}: {one.rate:,.0f} events/s{_delays(one)}")
    return Crowd(
        name=road.name,
        streams=one.answered,
        events_rate=one.rate,
        median_ms=one.delay_ms.median,
        p99_ms=one.delay_ms.p99,
        longest_ms=one.delay_ms.highest,
        busy=one.worker_cpu_seconds / one.seconds if road.worker_pids else None,
        kib_per_stream=one.worker_growth_bytes / one.streams / 1024 if road.worker_pids else None,
    )


def memory(road: Gateway, course: Course) -> Memory:
    """The worker's memory after the early and the late number of calls."""
    calls, early_calls, early_bytes, spent = 0, 0, 0, 0.0
    while calls < LATE_CALLS:
        one = wrk.load(
            road.url, road.headers, road.body(), CONNECTIONS, MEMORY_SLICE_SECONDS, course.cores.load
        )
        calls, spent = calls + one.requests, spent + MEMORY_SLICE_SECONDS
        if spent > MEMORY_BOUND_SECONDS:
            raise BenchError(f"memory: only {calls:,} calls in {spent:.0f} s")
        if not early_calls and calls >= EARLY_CALLS:
            early_calls, early_bytes = calls, _memory(road)
    say(f"memory: {calls:,} calls")
    return Memory(early_calls, early_bytes, calls, _memory(road))


def _load(road: Gateway, course: Course) -> Load:
    worker_before, core_before = _cpu(road), core_seconds(course.cores.gateway)
    result = wrk.load(road.url, road.headers, road.body(), CONNECTIONS, course.seconds, course.cores.load)
    seconds = result.duration_us / 1e6
    used = _cpu(road) - worker_before
    others = core_seconds(course.cores.gateway) - core_before - used
    return Load(result, busy=used / seconds, others=max(others, 0.0) / seconds)


def _cpu(road: Gateway) -> float:
    return sum(cpu_seconds(pid) for pid in road.worker_pids)


def _memory(road: Gateway) -> int:
    return sum(rss_bytes(pid) for pid in road.worker_pids)


def _delays(one: StreamResult) -> str:
    if one.delay_ms is None:
        return ""
    return f", ms median {one.delay_ms.median:.3f}, p99 {one.delay_ms.p99:.3f}, longest {one.delay_ms.highest:.1f}"
