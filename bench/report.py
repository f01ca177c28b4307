"""What a run has measured, and how it is told: as text, as Markdown, as JSON."""

from collections.abc import Callable, Sequence

import msgspec

from bench.machine import Facts


class Row(msgspec.Struct, frozen=True):
    """One road's figures; None where it was not measured."""

    name: str
    version: str = ""
    rate: float | None = None
    share_of_nginx: float | None = None
    rate_per_cpu_second: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    busy: float | None = None
    failed: int | None = None
    added_us: float | None = None
    half_peak_p99_ms: float | None = None
    events_rate: float | None = None
    events_per_cpu_second: float | None = None
    bulk_events_rate: float | None = None
    first_event_added_us: float | None = None
    notes: tuple[str, ...] = ()


class Crowd(msgspec.Struct, frozen=True):
    """Many paced streams at once through one road."""

    name: str
    streams: int
    events_rate: float
    median_ms: float
    p99_ms: float
    longest_ms: float
    busy: float | None
    kib_per_stream: float | None


class Memory(msgspec.Struct, frozen=True):
    """A worker's resident memory early and late in a long row of calls."""

    early_calls: int
    early_bytes: int
    late_calls: int
    late_bytes: int

    @property
    def growth(self) -> float:
        """How much larger the late figure is, as a share of the early one."""
        return self.late_bytes / self.early_bytes - 1.0


class Goal(msgspec.Struct, frozen=True):
    """A figure that Turnpike has to reach, and what this run has shown of it."""

    words: str
    found: str
    reached: bool


class Report(msgspec.Struct, frozen=True):
    """All of one run."""

    facts: Facts
    rows: tuple[Row, ...]
    crowds: tuple[Crowd, ...] = ()
    memory: Memory | None = None
    goals: tuple[Goal, ...] = ()
    others_share_of_gateway_core: float | None = None


Cell = Callable[[Row], str]

_CALLS: list[tuple[str, Cell]] = [
    ("not streaming", lambda row: f"{row.name} {row.version}".strip()),
    ("req/s", lambda row: _number(row.rate, ",.0f")),
    ("of nginx", lambda row: _number(row.share_of_nginx, ".4f")),
    ("per s of its processor time", lambda row: _number(row.rate_per_cpu_second, ",.0f")),
    ("p50 ms", lambda row: _number(row.p50_ms, ".2f")),
    ("p99 ms", lambda row: _number(row.p99_ms, ".2f")),
    ("core busy", lambda row: _number(row.busy, ".0%")),
    ("failed", lambda row: _number(row.failed, ",d")),
    ("added, 1 connection, µs", lambda row: _number(row.added_us, ",.0f")),
    ("p99 at half peak, ms", lambda row: _number(row.half_peak_p99_ms, ",.2f")),
]

_STREAMS: list[tuple[str, Cell]] = [
    ("streams", lambda row: f"{row.name} {row.version}".strip()),
    ("events/s, each alone", lambda row: _number(row.events_rate, ",.0f")),
    ("per s of its processor time", lambda row: _number(row.events_per_cpu_second, ",.0f")),
    ("events/s, in bulk", lambda row: _number(row.bulk_events_rate, ",.0f")),
    ("first event, added µs", lambda row: _number(row.first_event_added_us, ",.0f")),
]


def tables(report: Report) -> list[list[list[str]]]:
    """Every table of the report: a list of lines of cells, the heading first."""
    made = [
        _table(columns, report.rows) for columns in (_CALLS, _STREAMS) if _has_figures(columns, report.rows)
    ]
    if report.crowds:
        made.append(_crowd_table(report.crowds))
    if report.goals:
        lines = [[goal.words, goal.found, "yes" if goal.reached else "no"] for goal in report.goals]
        made.append([["goal", "found", "reached"], *lines])
    return made


def as_text(report: Report) -> str:
    """The report for a terminal."""
    parts = [_facts_line(report.facts)]
    parts += [_aligned(table) for table in tables(report)]
    parts.append(_listed(remarks(report)))
    return "\n\n".join(parts)


def as_markdown(report: Report) -> str:
    """The report for docs/performance.md."""
    parts = [_facts_line(report.facts)]
    parts += [_piped(table) for table in tables(report)]
    parts.append(_listed(remarks(report)))
    return "\n\n".join(parts) + "\n"


def remarks(report: Report) -> list[str]:
    """What a reader must know beside the tables."""
    said = [f"{row.name}: {note}" for row in report.rows for note in row.notes]
    if report.memory is not None:
        memory = report.memory
        said.append(
            f"Turnpike's worker held {memory.early_bytes / 2**20:.1f} MiB after {memory.early_calls:,} calls "
            f"and {memory.late_bytes / 2**20:.1f} MiB after {memory.late_calls:,} ({memory.growth:+.1%})"
        )
    if report.others_share_of_gateway_core is not None:
        said.append(
            f"other processes of the machine took {report.others_share_of_gateway_core:.0%} of the gateway's core "
            "in the worst measurement of rate"
        )
    return said


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {words}" for words in sentences)


def _has_figures(columns: list[tuple[str, Cell]], rows: Sequence[Row]) -> bool:
    return any(cell(row) for row in rows for _, cell in columns[1:])


def _table(columns: list[tuple[str, Cell]], rows: Sequence[Row]) -> list[list[str]]:
    heading = [title for title, _ in columns]
    return [heading, *([cell(row) for _, cell in columns] for row in rows)]


def _crowd_table(crowds: Sequence[Crowd]) -> list[list[str]]:
    heading = [
        "many streams",
        "streams",
        "events/s",
        "median ms",
        "p99 ms",
        "longest ms",
        "core busy",
        "KiB a stream",
    ]
    return [
        heading,
        *(
            [
                crowd.name,
                f"{crowd.streams:,}",
                f"{crowd.events_rate:,.0f}",
                f"{crowd.median_ms:.2f}",
                f"{crowd.p99_ms:.2f}",
                f"{crowd.longest_ms:.1f}",
                _number(crowd.busy, ".0%"),
                _number(crowd.kib_per_stream, ".1f"),
            ]
            for crowd in crowds
        ),
    ]


def _number(value: float | int | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _facts_line(facts: Facts) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return f"{facts.taken_on}: {facts.cpu}, {facts.cores} cores, {facts.memory_gib:.0f} GiB, Linux {facts.kernel}; {versions}"


def _aligned(table: list[list[str]]) -> str:
    widths = [max(len(line[place]) for line in table) for place in range(len(table[0]))]
    return "\n".join(_aligned_line(line, widths) for line in table)


def _aligned_line(line: list[str], widths: list[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def _piped(table: list[list[str]]) -> str:
    heading, *lines = table
    rule = ["---", *("--:" for _ in heading[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, rule, *lines])
