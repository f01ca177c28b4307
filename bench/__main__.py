"""`python -m bench`: Turnpike beside nginx and other gateways in one run, as one report."""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from bench import measures, report, rivals
from bench.gateways import Gateway
from bench.goals import goals
from bench.install import debian_packages
from bench.machine import facts
from bench.measures import Course, Load, say
from bench.nginx import nginx, proxy_server, upstream_server
from bench.processes import BenchError, Cores, free_port, raise_descriptor_limit, unwind_on_signals
from bench.report import Crowd, Memory, Report, Row
from bench.rivals import Upstreams
from bench.streams import PACED_STREAMS
from bench.turnpike import turnpike

PARTS = ("calls", "latency", "streams", "crowd", "memory", "rivals")
QUICK_PARTS = ("calls", "latency", "streams")


def main() -> None:
    """Measures as the command line says; exit status 1 with a reason where it could not."""
    options = _options()
    unwind_on_signals()
    raise_descriptor_limit()
    os.sched_setaffinity(0, {options.load_core})
    try:
        debian_packages()
        made = _measured(options)
    except BenchError as fault:
        sys.exit(f"bench: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(made)))
    print(report.as_markdown(made) if options.markdown else report.as_text(made))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}; default all")
    parser.add_argument("--quick", action="store_true", help="no other gateways, short rounds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement in a round")
    parser.add_argument("--streams", type=int, default=PACED_STREAMS, help="at once, in the part `crowd`")
    parser.add_argument("--gateway-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument(
        "--markdown", action="store_true", help="print the report as docs/performance.md keeps it"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")
    options = parser.parse_args()
    if options.quick:
        options.parts, options.rounds, options.seconds = ",".join(QUICK_PARTS), 2, 2.0
    options.parts = tuple(options.parts.split(","))
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"--parts: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return options


def _measured(options: argparse.Namespace) -> Report:
    cores = Cores(options.gateway_core, options.load_core)
    upstreams = Upstreams(free_port(), free_port())
    course = Course(
        cores=cores,
        rounds=options.rounds,
        seconds=options.seconds,
        stream_upstream_port=upstreams.stream_port,
        streams=options.streams,
    )
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="turnpike-bench-")))
        server = upstream_server(upstreams.plain_port)
        running.enter_context(nginx(folder / "upstream", upstreams.plain_port, server, cores.load))
        with _own_roads(folder, upstreams, cores) as roads:
            measured = _Measured(roads, course, options.parts)
            measured.own_roads()
        if "rivals" in options.parts:
            measured.rival("LiteLLM proxy", rivals.litellm(folder / "litellm", upstreams, cores.gateway))
            measured.rival("Portkey gateway", rivals.portkey(folder / "portkey", upstreams, cores.gateway))
    return measured.report()


@contextlib.contextmanager
def _own_roads(folder: Path, upstreams: Upstreams, cores: Cores) -> Iterator[list[Gateway]]:
    """Direct, nginx and Turnpike; the latter two idle while another one is measured."""
    port, stream_port = free_port(), free_port()
    servers = proxy_server(port, upstreams.plain_port, buffering=True)
    servers += proxy_server(stream_port, upstreams.stream_port, buffering=False)
    with (
        nginx(folder / "proxy", port, servers, cores.gateway) as worker,
        turnpike(folder / "turnpike", upstreams, cores) as own,
    ):
        headers = {"Authorization": own.headers["Authorization"]}
        yield [
            Gateway("direct", upstreams.plain_port, upstreams.stream_port, headers, headers, []),
            Gateway("nginx", port, stream_port, headers, headers, [worker]),
            own,
        ]


class _Measured:
    """What the run has gathered so far."""

    def __init__(self, roads: Sequence[Gateway], course: Course, parts: Sequence[str]) -> None:
        self._direct, self._nginx, self._own = roads
        self._roads = roads
        self._course = course
        self._parts = parts
        self._rows = {road.name: Row(road.name, road.version) for road in roads}
        self._versions: dict[str, str] = {}
        self._crowds: tuple[Crowd, ...] = ()
        self._memory: Memory | None = None
        self._others: float | None = None
        self._first_event_us = 0.0
        self._alone_us = 0.0

    def own_roads(self) -> None:
        """Every part over direct, nginx and Turnpike."""
        self._in_turns(self._roads)
        if "crowd" in self._parts:
            self._crowds = tuple(measures.crowd(road, self._course) for road in self._roads)
        if "memory" in self._parts:
            self._memory = measures.memory(self._own, self._course)

    def rival(self, name: str, start: AbstractContextManager[Gateway]) -> None:
        """The parts of calls, latency and streams over another gateway; where it cannot run, its row says why."""
        self._rows[name] = Row(name)
        try:
            with start as road:
                self._rows[name] = Row(name, road.version)
                self._versions[name] = road.version
                self._in_turns([road])
        except (BenchError, OSError) as fault:
            say(f"{name}: {fault}")
            self._note(name, str(fault))

    def report(self) -> Report:
        """All that was gathered."""
        own = self._rows[self._own.name]
        others = [row for name, row in self._rows.items() if name not in {road.name for road in self._roads}]
        return Report(
            facts=facts(self._versions),
            rows=tuple(self._rows.values()),
            crowds=self._crowds,
            memory=self._memory,
            goals=goals(own, others, self._crowds, self._memory),
            others_share_of_gateway_core=self._others,
        )

    def _in_turns(self, roads: Sequence[Gateway]) -> None:
        if "calls" in self._parts:
            self._calls(roads)
        if "latency" in self._parts:
            self._latency(roads)
        if "streams" in self._parts:
            self._streams(roads)

    def _calls(self, roads: Sequence[Gateway]) -> None:
        found: dict[str, list[Load]] = measures.rates(roads, self._course)
        for road in roads:
            self._rows[road.name] = measures.calls_row(road, found[road.name])
            if road.worker_pids:
                self._others = max(self._others or 0.0, *(load.others for load in found[road.name]))
        floor = self._rows[self._nginx.name].rate
        for road in roads:
            rate = self._rows[road.name].rate
            if floor and rate and road.worker_pids:
                self._change(road.name, share_of_nginx=rate / floor)

    def _latency(self, roads: Sequence[Gateway]) -> None:
        found = measures.alone_us(roads, self._course)
        self._alone_us = found.get(self._direct.name, self._alone_us)
        for road in roads:
            if road.worker_pids:
                self._change(road.name, added_us=found[road.name] - self._alone_us)
        # Direct and nginx are held at half of what Turnpike can do, so that their p99 says what load and machine add.
        peak = self._rows[roads[-1].name].rate
        if peak:
            for name, p99_ms in measures.steady_p99_ms(roads, peak / 2, self._course).items():
                self._change(name, half_peak_p99_ms=p99_ms)

    def _streams(self, roads: Sequence[Gateway]) -> None:
        first = measures.stream_rounds("first", roads, self._course)
        if self._direct in roads:
            self._first_event_us = measures.first_event_us(first[self._direct.name])
        for road in roads:
            if road.worker_pids:
                taken_us = measures.first_event_us(first[road.name])
                self._change(road.name, first_event_added_us=taken_us - self._first_event_us)
        for name, results in measures.stream_rounds("relay", roads, self._course).items():
            self._change(
                name,
                events_rate=measures.events_rate(results),
                events_per_cpu_second=measures.events_per_cpu_second(results),
            )
        for name, results in measures.stream_rounds("bulk", roads, self._course).items():
            self._change(name, bulk_events_rate=measures.events_rate(results))

    def _change(self, name: str, **fields: float | None) -> None:
        self._rows[name] = msgspec.structs.replace(self._rows[name], **fields)

    def _note(self, name: str, words: str) -> None:
        row = self._rows[name]
        self._rows[name] = msgspec.structs.replace(row, notes=(*row.notes, words))


if __name__ == "__main__":
    main()
