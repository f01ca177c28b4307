"""TCP ports of this machine: taken for ourselves, or who has them."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import msgspec


class PortHolder(msgspec.Struct, frozen=True):
    """A process that listens on a port."""

    pid: int
    command: str


class PortTaken(Exception):
    """Somebody else listens on the address; `holder` is None where it cannot be seen who."""

    def __init__(self, address: tuple[str, int], holder: PortHolder | None) -> None:
        by = f" by process {holder.pid} ({holder.command})" if holder else ""
        super().__init__(f"port {address[1]} on {address[0]} is taken{by}")
        self.holder = holder


def check_free(host: str, port: int) -> None:
    """Return where we could listen. Raises PortTaken, or OSError where the address is not ours."""
    family, address = _resolved(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
            raise PortTaken((host, port), holder_of_port(port)) from None


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that keeps the port for processes of this user, over their deaths and restarts.

    It never listens, so no connection reaches it; the processes bind with SO_REUSEPORT beside it.
    Port 0 becomes a free one. Raises PortTaken, OSError.
    """
    if port:
        check_free(host, port)
    bound = bind_shared(host, port)
    # Otherwise Linux lets others who set SO_REUSEADDR bind too, as long as nobody listens.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return bound


def bind_shared(host: str, port: int) -> socket.socket:
    """A socket bound with SO_REUSEPORT, not yet listening. Raises OSError."""
    family, address = _resolved(host, port)
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def holder_of_port(port: int) -> PortHolder | None:
    """Who listens on the port, as far as this user may see (Linux; None elsewhere)."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if _has_open(process, inodes):
            return PortHolder(int(process.name), _command_of(process))
    return None


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return family, (str(address[0]), int(address[1]))


def _listening_inodes(port: int) -> set[int]:
    """Sockets in state LISTEN (0A) on the port, from the kernel's tables (proc(5))."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and _port_of(fields[1]) == port:
                inodes.add(int(fields[9]))
    return inodes


def _port_of(hexadecimal: str) -> int:
    (port,) = struct.unpack(">H", bytes.fromhex(hexadecimal.rpartition(":")[2]))
    return int(port)


def _has_open(process: Path, links: set[str]) -> bool:
    try:
        with os.scandir(process / "fd") as entries:
            return any(_link(entry) in links for entry in entries)
    except OSError:
        return False


def _link(entry: os.DirEntry[str]) -> str:
    try:
        return str(Path(entry.path).readlink())
    except OSError:
        return ""


def _command_of(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "unknown"
    return b" ".join(words[:6]).decode(errors="replace").strip() or "unknown"
