"""A time of day that nobody sets: for how long something is kept."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from turnpike.ports.boot import Boot
from turnpike.ports.clock import Clock

PREFIX: Final = "clock-"


class SteadyClock:
    """The time of day when a folder's first clock since the machine's start was made, and what has passed since.

    A machine's clock that is set a day forward would end at once what is to be kept for a day. All that
    use one folder go by the same time, whenever they began: a file there holds by how much it is ahead of
    the machine's start. Raises OSError where the folder cannot be read or written.
    """

    def __init__(self, folder: Path, clock: Clock, boot: Boot) -> None:
        self._clock = clock
        self._boot = boot
        self._ahead_ns = _agree(folder, boot.id, clock.now_ns() - boot.elapsed_ns())

    def now_ns(self) -> int:
        """Nanoseconds since 1970, as far as the clock was right in the beginning."""
        return self._ahead_ns + self._boot.elapsed_ns()

    def monotonic_ns(self) -> int:
        """As the clock's own."""
        return self._clock.monotonic_ns()


def _agree(folder: Path, boot_id: str, proposed_ns: int) -> int:
    """What the first one of this boot proposed."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{PREFIX}{boot_id}"
    with suppress(FileNotFoundError):  # Read before anything is written: the disk may be full by now.
        return int(file.read_text())
    # It gets its name when it is whole, and only one can have it.
    with NamedTemporaryFile("w", prefix=f"{file.name}.", dir=folder) as fresh:
        fresh.write(str(proposed_ns))
        fresh.flush()
        with suppress(FileExistsError):
            file.hardlink_to(fresh.name)
    for other in folder.glob(f"{PREFIX}*"):
        if not other.name.startswith(file.name):
            other.unlink(missing_ok=True)
    return int(file.read_text())
