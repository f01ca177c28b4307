"""Turnpike as its users start it: `turnpike up` with a configuration, one worker, a home of its own."""

import contextlib
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import latency
from bench.gateways import Gateway
from bench.processes import BenchError, Cores, child, descendants, free_port, pin, wait_until
from bench.rivals import Upstreams
from bench.wire import PLAIN_MODEL, STREAM_MODEL
from turnpike import __version__

START_SECONDS = 60.0

_CONFIGURATION = """\
providers:
  - {{name: plain, kind: openai-compatible, base_url: "http://127.0.0.1:{plain_port}/v1"}}
  - {{name: streams, kind: openai-compatible, base_url: "http://127.0.0.1:{stream_port}/v1"}}
models:
  - {{name: {plain_model}, targets: [{{provider: plain, model: {plain_model}}}]}}
  - {{name: {stream_model}, targets: [{{provider: streams, model: {stream_model}}}]}}
teams:
  - {{name: bench, models: [{plain_model}, {stream_model}]}}
keys:
  - {{name: bench, team: bench, secret: "${{env:BENCH_KEY}}"}}
"""


@contextlib.contextmanager
def turnpike(folder: Path, upstreams: Upstreams, cores: Cores) -> Iterator[Gateway]:
    """Turnpike in front of the fake upstreams, once it has carried a call."""
    with started(folder / "turnpike", configuration(upstreams), cores) as gateway:
        try:
            latency.check(gateway)
        except BenchError as fault:
            raise BenchError(
                f"{fault}\nTurnpike's log ends: {_last_words(folder / 'turnpike' / 'out.log')}"
            ) from fault
        yield gateway


@contextlib.contextmanager
def started(folder: Path, document: str, cores: Cores) -> Iterator[Gateway]:
    """Turnpike with its worker on the gateway's core and all else on the load's."""
    folder.mkdir(parents=True)
    port, control_port, key = free_port(), free_port(), f"bench-{secrets.token_urlsafe(24)}"
    config = folder / "turnpike.yaml"
    config.write_text(document)
    settings = {
        "BENCH_KEY": key,
        "TURNPIKE_HOME": str(folder / "home"),
        "TURNPIKE_WORKERS": "1",
        "TURNPIKE_GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "TURNPIKE_CONTROL_LISTEN": f"127.0.0.1:{control_port}",
        "TURNPIKE_LOG_LEVEL": "warning",
        "TURNPIKE_DRAIN_SECONDS": "3",
    }
    command = [sys.executable, "-m", "turnpike", "up", "--config", str(config)]
    with child(command, folder / "out.log", cores.load, settings) as process:
        try:
            wait_until(lambda: is_ready(port), "Turnpike was not ready", START_SECONDS, process)
        except BenchError as fault:
            raise BenchError(f"{fault}: {_last_words(folder / 'out.log')}") from fault
        worker = worker_pid(process)
        pin(worker, cores.gateway)
        headers = {"Authorization": f"Bearer {key}"}
        yield Gateway("Turnpike", port, port, headers, headers, [worker], version=__version__)


def configuration(upstreams: Upstreams) -> str:
    """The turnpike.yaml of a bench."""
    return _CONFIGURATION.format(
        plain_port=upstreams.plain_port,
        stream_port=upstreams.stream_port,
        plain_model=PLAIN_MODEL,
        stream_model=STREAM_MODEL,
    )


def is_ready(port: int) -> bool:
    """Whether /readyz on a loopback port answers with a success."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def worker_pid(process: subprocess.Popen[bytes]) -> int:
    """The gateway worker among what the supervisor started."""
    for pid in descendants(process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"gateway" in words:
            return pid
    raise BenchError("no gateway worker was found below the supervisor")


def gauges(port: int, prefix: str) -> dict[str, float]:
    """The series in /metrics whose names start with the prefix, labels included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10.0) as answer:
        return series(answer.read().decode(), prefix)


def series(exposition: str, prefix: str) -> dict[str, float]:
    """The series of a Prometheus text exposition whose names start with the prefix."""
    found = {}
    for line in exposition.splitlines():
        if line.startswith(prefix):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
