"""The figures that Turnpike has to reach, held against what a run has shown."""

from collections.abc import Sequence

from bench.report import Crowd, Goal, Memory, Row

SHARE_OF_NGINX = 0.28
CALLS_PER_SECOND = 15_000
TIMES_LITELLM = 100
TIMES_PORTKEY = 10
ADDED_US = 200
HALF_PEAK_P99_MS = 2
EVENTS_PER_SECOND = 40_000
LONGEST_STALL_MS = 250
KIB_PER_STREAM = 40
FIRST_EVENT_US = 300
MEMORY_GROWTH = 0.05


def goals(
    own: Row, rivals: Sequence[Row], crowds: Sequence[Crowd], memory: Memory | None
) -> tuple[Goal, ...]:
    """One goal for every figure that this run has; what was not measured is left out."""
    found = [
        _at_least("share of nginx's rate", own.share_of_nginx, SHARE_OF_NGINX, ".3f"),
        _at_least("calls per second and worker", own.rate, CALLS_PER_SECOND, ",.0f"),
        *_times(own, rivals),
        _under("added at one connection, µs", own.added_us, ADDED_US, ".0f"),
        _under("p99 at half of its peak, ms", own.half_peak_p99_ms, HALF_PEAK_P99_MS, ".2f"),
        _at_least("events per second and worker", own.events_rate, EVENTS_PER_SECOND, ",.0f"),
        _under("first event added, µs", own.first_event_added_us, FIRST_EVENT_US, ".0f"),
    ]
    for crowd in crowds:
        if crowd.name == own.name:
            words = f"{crowd.streams:,} streams"
            found.append(_under(f"longest stall with {words}, ms", crowd.longest_ms, LONGEST_STALL_MS, ".1f"))
            found.append(_under(f"KiB a stream with {words}", crowd.kib_per_stream, KIB_PER_STREAM, ".1f"))
    if memory is not None:
        found.append(_under("memory's change over a million calls", abs(memory.growth), MEMORY_GROWTH, ".1%"))
    return tuple(goal for goal in found if goal is not None)


def _times(own: Row, rivals: Sequence[Row]) -> list[Goal | None]:
    wanted = {"LiteLLM proxy": TIMES_LITELLM, "Portkey gateway": TIMES_PORTKEY}
    return [
        _at_least(f"times the rate of {rival.name}", own.rate / rival.rate, wanted[rival.name], ".0f")
        for rival in rivals
        if rival.name in wanted and rival.rate and own.rate is not None
    ]


def _at_least(words: str, value: float | None, bound: float, form: str) -> Goal | None:
    if value is None:
        return None
    return Goal(f"{words}: at least {format(bound, form)}", format(value, form), value >= bound)


def _under(words: str, value: float | None, bound: float, form: str) -> Goal | None:
    if value is None:
        return None
    return Goal(f"{words}: under {format(bound, form)}", format(value, form), value < bound)
