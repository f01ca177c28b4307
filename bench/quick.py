"""`python -m bench.quick`: Turnpike, or a gateway that is running, beside nginx in a minute, for work on the hot path."""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench import latency, streams, wrk
from bench.figures import median_of
from bench.gateways import Gateway
from bench.install import debian_packages
from bench.nginx import nginx, proxy_server, upstream_server
from bench.processes import (
    BenchError,
    Cores,
    cpu_seconds,
    free_port,
    is_open,
    listeners,
    pin,
    raise_descriptor_limit,
    unwind_on_signals,
)
from bench.rivals import Upstreams
from bench.stream_load import StreamResult
from bench.turnpike import turnpike
from bench.wire import CHAT_PATH, PLAIN_MODEL, STREAM_MODEL

USAGE = """\
Without --url, a Turnpike of its own is started for the measurement, on free ports and with a home that is removed.

With --url and --key, a gateway that is running is measured. It must route the model `bench` to
http://127.0.0.1:PORT/v1, where PORT is --upstream-port, and `bench-stream` to the same at --stream-upstream-port (both
OpenAI-compatible). The fake upstreams are started here, unless something listens on that port already.
"""


def main() -> None:
    """Measures as the command line says; exit status 1 with a reason where it could not."""
    options = read_options(sys.argv[1:])
    unwind_on_signals()
    raise_descriptor_limit()
    os.sched_setaffinity(0, {options.load_core})
    try:
        debian_packages()
        _measure(options)
    except BenchError as fault:
        sys.exit(f"bench.quick: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for; one that says half of what is needed ends here, with what is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.quick",
        description=__doc__,
        epilog=USAGE,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--url", help="base address of a running gateway (default: one is started)")
    parser.add_argument("--key", help="the running gateway's, sent as `Authorization: Bearer`")
    parser.add_argument("--model", default=PLAIN_MODEL, help="of a running gateway")
    parser.add_argument("--stream-model", default=STREAM_MODEL, help="of a running gateway")
    parser.add_argument("--upstream-port", type=int, help="of calls that do not stream (default: a free one)")
    parser.add_argument("--stream-upstream-port", type=int, help="of streams (default: a free one)")
    parser.add_argument("--gateway-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--stream", action="store_true", help="streams instead of calls that do not stream")
    parser.add_argument(
        "--pid", type=int, action="append", help="the gateway's worker (default: who listens there)"
    )
    parser.add_argument("--no-pin", action="store_true", help="leave the gateway on the cores that it has")
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """A running gateway is described whole, or one is started, which needs no description."""
    if (options.url is None) != (options.key is None):
        parser.error("--url and --key go together; without both, a Turnpike is started for the measurement")
    ports = (options.upstream_port, options.stream_upstream_port)
    if options.url is not None and None in ports:
        parser.error(
            "a running gateway has its routes: say to which ports, --upstream-port and --stream-upstream-port"
        )
    if options.url is None and (options.pid or options.no_pin):
        parser.error("--pid and --no-pin are for a running gateway: give --url and --key")


def _measure(options: argparse.Namespace) -> None:
    cores = Cores(options.gateway_core, options.load_core)
    upstreams = Upstreams(options.upstream_port or free_port(), options.stream_upstream_port or free_port())
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="turnpike-bench-")))
        if not is_open(upstreams.plain_port):
            server = upstream_server(upstreams.plain_port)
            running.enter_context(nginx(folder / "upstream", upstreams.plain_port, server, cores.load))
        port, stream_port = free_port(), free_port()
        servers = proxy_server(port, upstreams.plain_port, buffering=True)
        servers += proxy_server(stream_port, upstreams.stream_port, buffering=False)
        worker = running.enter_context(nginx(folder / "proxy", port, servers, cores.gateway))
        if options.url is None:
            own = running.enter_context(turnpike(folder / "turnpike", upstreams, cores))
            gateway = msgspec.structs.replace(own, name="gateway")
        else:
            gateway = _gateway(options)
        proxy = Gateway("nginx", port, stream_port, gateway.headers, gateway.stream_headers, [worker])
        if options.stream:
            _streams(options, upstreams.stream_port, cores, (proxy, gateway))
        else:
            direct = Gateway("direct", upstreams.plain_port, 0, gateway.headers, {}, [])
            _calls(options, direct, proxy, gateway)


def _gateway(options: argparse.Namespace) -> Gateway:
    port = urlsplit(options.url).port or 80
    if not is_open(port):
        raise BenchError(f"nothing listens at {options.url}: start the gateway first")
    pids = options.pid or listeners(port)
    if not options.no_pin:
        for pid in pids:
            pin(pid, options.gateway_core)
    headers = {"Authorization": f"Bearer {options.key}"}
    return Gateway(
        name="gateway",
        port=port,
        stream_port=port,
        headers=headers,
        stream_headers=headers,
        worker_pids=pids,
        plain_model=options.model,
        stream_model=options.stream_model,
        path=urlsplit(options.url).path.rstrip("/") + CHAT_PATH,
    )


def _calls(options: argparse.Namespace, direct: Gateway, proxy: Gateway, gateway: Gateway) -> None:
    latency.check(gateway)
    rates: dict[str, list[float]] = {"nginx": [], "gateway": []}
    print(
        f"{'':8} {'req/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'busy':>6} {'failed':>7}   one connection: µs median / p99"
    )
    for _ in range(options.rounds):
        for road in (proxy, gateway):
            cpu_before = _cpu(road)
            one = wrk.load(
                road.url, road.headers, road.body(), options.connections, options.seconds, options.load_core
            )
            busy = (_cpu(road) - cpu_before) / (one.duration_us / 1e6)
            alone = latency.one_by_one(road, 1.0)
            rates[road.name].append(one.rate)
            print(
                f"{road.name:8} {one.rate:9,.0f} {one.p50_us / 1e3:8.2f} {one.p99_us / 1e3:8.2f} {busy:6.0%} "
                f"{one.failures:7}   {alone.median:.0f} / {alone.p99:.0f}",
                flush=True,
            )
    alone_direct, alone_gateway = latency.one_by_one(direct, 1.0), latency.one_by_one(gateway, 1.0)
    print(f"added at one connection: {alone_gateway.median - alone_direct.median:.0f} µs median over direct")
    _print_share("rate", rates)


def _streams(
    options: argparse.Namespace, upstream_port: int, cores: Cores, roads: tuple[Gateway, Gateway]
) -> None:
    measures: list[tuple[str, Callable[..., StreamResult]]] = [
        ("each event alone", streams.relay),
        ("in bulk", streams.bulk),
        ("first event", streams.first),
    ]
    for words, measure in measures:
        rates: dict[str, list[float]] = {"nginx": [], "gateway": []}
        for _ in range(options.rounds):
            for road in roads:
                one = measure(road, upstream_port, cores, options.seconds)
                rates[road.name].append(one.rate)
                print(f"{words:17} {road.name:8} {stream_line(one)}", flush=True)
        if measure is not streams.first:
            _print_share(words, rates)


def stream_line(one: StreamResult) -> str:
    """One run of streams in words."""
    said = f"{one.rate:11,.0f} events/s"
    if one.worker_cpu_seconds:
        said += f", {one.worker_cpu_seconds / one.seconds:4.0%} busy, {one.events / one.worker_cpu_seconds:,.0f} per CPU s"
    if one.delay_ms is not None:
        delay = one.delay_ms
        said += f", ms median {delay.median:.3f}, p99 {delay.p99:.3f}, longest {delay.highest:.3f}"
    return said


def _print_share(words: str, rates: dict[str, list[float]]) -> None:
    share = median_of(rates["gateway"]) / median_of(rates["nginx"])
    print(f"{words}: {share:.3f} of nginx (medians of {len(rates['nginx'])} rounds)", flush=True)


def _cpu(road: Gateway) -> float:
    return sum(cpu_seconds(pid) for pid in road.worker_pids)


if __name__ == "__main__":
    main()
