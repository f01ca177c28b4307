"""Load by wrk: as many POST requests as the other side answers over a fixed number of connections."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.processes import BenchError, run

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_SECONDS = 10
STARTUP_SECONDS = 30.0


class WrkResult(msgspec.Struct, frozen=True):
    """What one run of wrk measured; times in microseconds."""

    requests: int
    duration_us: int
    p50_us: float
    p99_us: float
    highest_us: float
    connect_errors: int
    read_errors: int
    write_errors: int
    timeouts: int
    status_errors: int

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / (self.duration_us / 1e6)

    @property
    def failures(self) -> int:
        """Requests that got no answer, or one with a status of 400 or more."""
        return self.connect_errors + self.read_errors + self.write_errors + self.timeouts + self.status_errors


def load(
    url: str, headers: Mapping[str, str], body: bytes, connections: int, seconds: float, core: int
) -> WrkResult:
    """Runs wrk with one thread on one core; raises BenchError where it failed."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(body)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", f"--timeout={TIMEOUT_SECONDS}s"]
        command += ["-s", str(SCRIPT), url, "--", file.name]
        command += [f"{name}: {value}" for name, value in headers.items()]
        return parse(run(command, seconds + STARTUP_SECONDS, core))


def parse(output: str) -> WrkResult:
    """The JSON line that wrk.lua wrote among wrk's own output."""
    for line in output.splitlines():
        if line.startswith('{"requests":'):
            return msgspec.json.decode(line, type=WrkResult)
    raise BenchError("wrk printed no result line: " + " / ".join(output.splitlines()[-3:]))
