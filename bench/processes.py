"""Child processes of a bench: started on a core, watched in /proc, and ended however the bench ends."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

STOP_SECONDS = 10.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
TCP_LISTEN = "0A"


class BenchError(Exception):
    """A bench could not measure; the message says why and what would mend it."""


class Cores(msgspec.Struct, frozen=True):
    """The core of the gateway under test, and the core of load and upstream."""

    gateway: int = 0
    load: int = 1


@contextlib.contextmanager
def child(
    command: Sequence[str], log: Path, core: int | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session that is stopped on leaving, and by the kernel if this process is killed."""
    words = ["setpriv", "--pdeathsig", "TERM"]
    if core is not None:
        words += ["taskset", "-c", str(core)]
    words += ["env", *(f"{name}={value}" for name, value in (settings or {}).items()), *command]
    with log.open("ab") as out:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    for pid in [process.pid, *family]:
        _kill_group(pid)
    process.wait(STOP_SECONDS)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) != os.getpgrp():
            os.killpg(os.getpgid(pid), signal.SIGKILL)


def run(command: Sequence[str], timeout_seconds: float, core: int | None = None) -> str:
    """What a command printed; raises BenchError with its last lines where it failed or took too long."""
    pinned = ["taskset", "-c", str(core), *command] if core is not None else list(command)
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "TERM", *pinned],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as late:
        raise BenchError(f"`{command[0]}` took longer than {timeout_seconds:.0f} s") from late
    except FileNotFoundError as missing:
        raise BenchError(f"`{missing.filename}` is not installed") from missing
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise BenchError(f"`{Path(command[0]).name} …` failed ({done.returncode}): {' / '.join(said)}")
    return done.stdout


def free_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(
    met: Callable[[], bool], what: str, bound_seconds: float, process: subprocess.Popen[bytes]
) -> None:
    """Returns once the condition is met; raises BenchError when the process died or the bound has passed."""
    deadline = time.monotonic() + bound_seconds
    while not met():
        if process.poll() is not None:
            raise BenchError(f"{what}: the process ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {bound_seconds:.0f} s")
        time.sleep(0.05)


def pin(pid: int, core: int) -> None:
    """Puts all threads of a process on one core."""
    run(["taskset", "-a", "-c", "-p", str(core), str(pid)], timeout_seconds=10.0)


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, in user and kernel mode, over all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def core_seconds(core: int) -> float:
    """Time that a core has spent at work for anyone, since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{core}":
            # user, nice, system, then idle and iowait, irq, softirq
            return sum(int(fields[place]) for place in (1, 2, 3, 6, 7)) / TICKS_PER_SECOND
    raise BenchError(f"this machine has no core {core}: name others with --gateway-core and --load-core")


def descriptor_count(pid: int) -> int:
    """Open descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def descendants(pid: int) -> list[int]:
    """All processes below a process, nearest first."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                below.setdefault(parent, []).append(int(entry.name))
    found = list(below.get(pid, []))
    for at in found:
        found.extend(below.get(at, []))
    return found


def listeners(port: int) -> list[int]:
    """The processes that hold a listening socket on this port; the deepest descendants (workers) last."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return sorted(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _holds(entry, sockets)
    )


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == TCP_LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(entry: Path, sockets: set[str]) -> bool:
    with contextlib.suppress(OSError):
        return any(str(link.readlink()) in sockets for link in (entry / "fd").iterdir())
    return False


def raise_descriptor_limit() -> None:
    """As many descriptors as this user may have, for this process and its children."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def unwind_on_signals() -> None:
    """Makes SIGTERM and Ctrl-C end the bench with all its children, also where a shell had made it deaf to Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt
