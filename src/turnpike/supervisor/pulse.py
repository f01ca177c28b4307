"""Whether a role's event loop still turns: the role beats, and its supervisor counts the silence.

A process can be alive and do nothing: stopped, or stuck in a call that never returns. Silence is
counted in the supervisor's own waking time, so that nobody is judged for what the machine did to
both: while it was suspended, or so busy that the supervisor came late itself, nothing was counted.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import Final

BEAT_SECONDS: Final = 1.0
SILENCE_MAX_SECONDS: Final = 10.0
"""A role that beat before and then not for so long hangs: it is killed and started again."""

LOOKS: Final = 10
"""How often within that time the supervisor looks."""

LATE: Final = 2.0
"""A look that comes after so many times its distance says that the supervisor itself was held up."""

BEAT: Final = b'{"type":"beat"}\n'


def beat(descriptor: int) -> None:
    """One beat; none where it is not read, for no role waits for who watches it."""
    with suppress(BrokenPipeError):
        if select.select((), (descriptor,), (), 0)[1]:
            os.write(descriptor, BEAT)


class Pulse:
    """One process's beats, by the monotonic clock. It is watched from its first beat on."""

    def __init__(self, silence_max_seconds: float, now_seconds: float) -> None:
        self.look_seconds = silence_max_seconds / LOOKS
        self.silent_seconds = 0.0
        self._silence_max_seconds = silence_max_seconds
        self._looked_at = now_seconds
        self._has_beaten = False

    def beats(self) -> None:
        """A beat was heard."""
        self._has_beaten = True
        self.silent_seconds = 0.0

    def is_gone(self, now_seconds: float) -> bool:
        """Whether the silence is too long by now; to be asked every `look_seconds`."""
        passed = now_seconds - self._looked_at
        self._looked_at = now_seconds
        if passed > LATE * self.look_seconds:
            self.silent_seconds = 0.0
        elif self._has_beaten:
            self.silent_seconds += passed
        return self.silent_seconds >= self._silence_max_seconds
