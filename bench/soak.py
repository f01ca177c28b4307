"""`python -m bench.soak`: hours of mixed traffic with faults through one worker; fails where something leaks."""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import uvloop

from bench.install import debian_packages
from bench.processes import (
    BenchError,
    Cores,
    child,
    descriptor_count,
    free_port,
    is_open,
    raise_descriptor_limit,
    rss_bytes,
    unwind_on_signals,
    wait_until,
)
from bench.soak_traffic import Client, Tally
from bench.turnpike import gauges, started
from bench.wire import PLAIN_MODEL

SOAK_SECONDS = 7200
CLIENTS = 64
WARM_UP_SHARE = 0.1
WARM_UP_MOST_SECONDS = 120.0
SAMPLES = 24
CALM_SECONDS = 30.0
CALM_STEP_SECONDS = 1.0
START_SECONDS = 30.0
# Pooled connections to the provider may differ by a few between two moments of calm; a leak per fault goes far beyond.
DESCRIPTOR_SLACK = CLIENTS
MEMORY_GROWTH = 0.05
MEMORY_SLACK_BYTES = 8 * 2**20

_CONFIGURATION = """\
providers:
  - name: sim
    kind: openai-compatible
    base_url: "http://127.0.0.1:{port}/v1"
    credential: sim-credential-of-the-soak
    first_byte_timeout_seconds: 3
    idle_timeout_seconds: 3
models:
  - {{name: {model}, targets: [{{provider: sim, model: gpt-4o-mini}}]}}
teams:
  - {{name: bench, models: [{model}]}}
keys:
  - {{name: bench, team: bench, secret: "${{env:BENCH_KEY}}"}}
"""


class Sample(msgspec.Struct, frozen=True):
    """A worker at one moment."""

    seconds: float
    calls: int
    descriptors: int
    rss_bytes: int
    in_flight: float


class Soaked(msgspec.Struct, frozen=True):
    """All of one soak: the worker calm after a warm-up, under way, and calm at the end."""

    before: Sample
    under_way: list[Sample]
    after: Sample
    calls: dict[str, int]
    surprises: dict[str, int]
    faults: list[str]


def main() -> None:
    """Soaks as the command line says; exit status 1 where something leaked or an answer was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    default_seconds = float(os.environ.get("SOAK_SECONDS") or SOAK_SECONDS)
    parser.add_argument(
        "--seconds", type=float, default=default_seconds, help="default: SOAK_SECONDS, else two hours"
    )
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample and count as JSON")
    options = parser.parse_args()
    unwind_on_signals()
    raise_descriptor_limit()
    try:
        debian_packages()
        soaked = _soaked(options.seconds, options.clients)
    except BenchError as fault:
        sys.exit(f"bench.soak: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(soaked)))
    _tell(soaked)
    sys.exit(1 if soaked.faults else 0)


def _soaked(seconds: float, clients: int) -> Soaked:
    cores = Cores()
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="turnpike-soak-")))
        port = running.enter_context(_simulated_provider(folder, cores.load))
        configuration = _CONFIGURATION.format(port=port, model=PLAIN_MODEL)
        gateway = running.enter_context(started(folder / "turnpike", configuration, cores))
        os.sched_setaffinity(0, {cores.load})
        key = gateway.headers["Authorization"].removeprefix("Bearer ")
        soak = _Soak(gateway.port, key, gateway.worker_pids[0], clients)
        return uvloop.run(soak.run(seconds))


@contextlib.contextmanager
def _simulated_provider(folder: Path, core: int) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "turnpike", "sim", "--listen", f"127.0.0.1:{port}"]
    with child(command, folder / "sim.log", core) as process:
        wait_until(lambda: is_open(port), "the simulated provider did not start", START_SECONDS, process)
        yield port


class _Soak:
    """The clients and what is watched meanwhile."""

    def __init__(self, port: int, key: str, worker_pid: int, clients: int) -> None:
        self._port = port
        self._worker_pid = worker_pid
        self._tally = Tally()
        self._clients = [Client(port, key, seed, self._tally) for seed in range(clients)]
        self._under_way: list[Sample] = []
        self._began = time.monotonic()

    async def run(self, seconds: float) -> Soaked:
        """A warm-up, a calm, the soak, a calm; what differs between the two calms has leaked."""
        await self._drive(min(seconds * WARM_UP_SHARE, WARM_UP_MOST_SECONDS), watched=False)
        before = await self._calm(None)
        await self._drive(seconds, watched=True)
        after = await self._calm(before)
        surprises = dict(self._tally.surprises)
        return Soaked(
            before=before,
            under_way=self._under_way,
            after=after,
            calls=dict(self._tally.calls),
            surprises=surprises,
            faults=leaks(before, after) + [f"{count:,} × {words}" for words, count in surprises.items()],
        )

    async def _drive(self, seconds: float, watched: bool) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as tasks:
            for client in self._clients:
                tasks.create_task(client.run_until(deadline))
            if watched:
                tasks.create_task(self._watch(deadline, seconds / SAMPLES))

    async def _watch(self, deadline: float, step_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() + step_seconds < deadline:
            await asyncio.sleep(step_seconds)
            sample = await self._sample()
            self._under_way.append(sample)
            print(_line("under way", sample), flush=True)

    async def _calm(self, wanted: Sample | None) -> Sample:
        """The worker when its calls have ended, or as it is after CALM_SECONDS."""
        sample = await self._sample()
        for _ in range(int(CALM_SECONDS / CALM_STEP_SECONDS)):
            await asyncio.sleep(CALM_STEP_SECONDS)
            sample = await self._sample()
            if sample.in_flight == 0 and wanted is not None and not leaks(wanted, sample):
                break
        print(_line("calm", sample), flush=True)
        return sample

    async def _sample(self) -> Sample:
        found = await asyncio.to_thread(gauges, self._port, "turnpike_")
        in_flight = sum(value for name, value in found.items() if "in_flight" in name)
        return Sample(
            seconds=time.monotonic() - self._began,
            calls=self._tally.calls.total(),
            descriptors=descriptor_count(self._worker_pid),
            rss_bytes=rss_bytes(self._worker_pid),
            in_flight=in_flight,
        )


def leaks(before: Sample, after: Sample) -> list[str]:
    """What the worker holds after the soak and did not hold before it."""
    found = []
    if after.in_flight:
        found.append(f"{after.in_flight:.0f} calls are still in flight")
    if after.descriptors > before.descriptors + DESCRIPTOR_SLACK:
        found.append(f"descriptors grew from {before.descriptors} to {after.descriptors}")
    if after.rss_bytes > before.rss_bytes * (1 + MEMORY_GROWTH) + MEMORY_SLACK_BYTES:
        found.append(f"memory grew from {_mib(before)} to {_mib(after)}")
    return found


def _tell(soaked: Soaked) -> None:
    for name, count in sorted(soaked.calls.items()):
        print(f"{count:12,}  {name}")
    print(_line("before", soaked.before))
    print(_line("after", soaked.after))
    print(_verdict(soaked.faults))


def _verdict(faults: Sequence[str]) -> str:
    return "\n".join(f"FAULT: {words}" for words in faults) or "no leak, and every answer as it must be"


def _line(words: str, sample: Sample) -> str:
    return (
        f"{words}: {sample.seconds:,.0f} s, {sample.calls:,} calls, {sample.descriptors} descriptors, "
        f"{_mib(sample)}, {sample.in_flight:.0f} in flight"
    )


def _mib(sample: Sample) -> str:
    return f"{sample.rss_bytes / 2**20:.1f} MiB"


if __name__ == "__main__":
    main()
