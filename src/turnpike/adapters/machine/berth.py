"""A worker's place on this machine: its slot in the home, and the port that the home's workers share.

SO_REUSEPORT lets any process of this user listen beside another and take half of its calls. So a
port is joined only where a worker of the same home has it, which the kernel knows by their locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from turnpike.adapters.machine.ports import PortTaken, bind_shared, reserve

_SLOT_NAME = "gateway-{}.lock"
_TEXT_MAX_BYTES = 300


class SlotInUse(Exception):
    """Another worker of the home has the slot; `pid` is None where it did not say which."""

    def __init__(self, slot: int, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"slot {slot} of this home is in use by {who}")
        self.pid = pid


class Berth:
    """A slot and its port, held until `release` or the end of the process."""

    def __init__(self, descriptor: int, port: socket.socket | None) -> None:
        self._descriptor = descriptor
        self._port = port

    def release(self) -> None:
        """Give both free."""
        if self._port is not None:
            self._port.close()
        _note(self._descriptor, "")
        os.close(self._descriptor)


def take_berth(folder: Path, slot: int, address: tuple[str, int], *, is_shared: bool) -> Berth:
    """Take the slot, and keep the address for workers whose locks are in `folder`.

    `is_shared`: the home's supervisor has the port already. Port 0 is any, so that none is kept.
    Raises SlotInUse, PortTaken where another home's worker or anybody else has the port, OSError.
    """
    with _one_at_a_time(folder):
        descriptor = _locked_slot(folder, slot)
        try:
            _note(descriptor, f"{os.getpid()} {address[1]} {address[0]}\n")
            port = _port(address, is_shared or address in _addresses(folder, slot))
        except (OSError, PortTaken):
            os.close(descriptor)
            raise
        return Berth(descriptor, port)


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Held for no longer than it takes to look and bind: two that start at once see each other."""
    descriptor = os.open(folder / "gateway.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _locked_slot(folder: Path, slot: int) -> int:
    file = folder / _SLOT_NAME.format(slot)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _read(descriptor)[0]
        os.close(descriptor)
        raise SlotInUse(slot, pid) from None
    return descriptor


def _note(descriptor: int, text: str) -> None:
    """Write over what is there, in its length: a full disk has no room for a file that was cut to nothing.

    Where it has none at all, only a worker that is started apart misses the note, and is refused the port.
    """
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, text.ljust(_TEXT_MAX_BYTES).encode(), 0)


def _addresses(folder: Path, slot: int) -> set[tuple[str, int] | None]:
    """Where the home's other workers listen, or are about to."""
    own = folder / _SLOT_NAME.format(slot)
    return {_address_of(file) for file in folder.glob(_SLOT_NAME.format("*")) if file != own}


def _address_of(file: Path) -> tuple[str, int] | None:
    """The address in a lock's file; None where nobody holds the lock."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)[1]
    else:
        return None
    finally:
        os.close(descriptor)


def _port(address: tuple[str, int], is_shared: bool) -> socket.socket | None:
    if address[1] == 0:
        return None
    return bind_shared(*address) if is_shared else reserve(*address)


def _read(descriptor: int) -> tuple[int | None, tuple[str, int] | None]:
    """The process and its address, as it wrote them; None for what is not there."""
    pid, _, rest = os.pread(descriptor, _TEXT_MAX_BYTES, 0).decode(errors="replace").strip().partition(" ")
    port, _, host = rest.partition(" ")
    if not pid.isdigit() or not port.isdigit():
        return None, None
    return int(pid), (host, int(port))
