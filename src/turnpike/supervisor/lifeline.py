"""How a role notices that its supervisor is gone, however that ended, and although it is stopped itself."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""Of prctl(2): the signal that the kernel sends to this process when its parent dies."""


def hold_lifeline(descriptor: int, grace_seconds: float) -> None:
    """End this process when the other end of `descriptor` closes: SIGTERM, after the grace SIGKILL.

    A supervisor killed with SIGKILL tells nobody, but the kernel closes its end of the pipe; so no
    role is left behind that keeps a port, one that was stopped (SIGSTOP) neither.
    """
    _go_on_when_the_parent_dies()
    watch = threading.Thread(target=_watch, args=(descriptor, grace_seconds), daemon=True, name="lifeline")
    watch.start()


def _go_on_when_the_parent_dies() -> None:
    """A stopped process reads no pipe: the kernel wakes it, and changes nothing where it runs.

    Where a sandbox forbids it, a role that is stopped ends once it goes on.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGCONT))


def _watch(descriptor: int, grace_seconds: float) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except ConnectionResetError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(grace_seconds)
    os.kill(os.getpid(), signal.SIGKILL)
