"""The thread by which a role notices that its supervisor is gone, however that ended."""

from __future__ import annotations

import os
import signal
import threading


def hold_lifeline(descriptor: int, grace_seconds: float) -> None:
    """End this process when the other end of `descriptor` closes: SIGTERM, after the grace SIGKILL.

    A supervisor killed with SIGKILL tells nobody, but the kernel closes its end of the pipe; so no
    role is left behind that keeps a port.
    """
    watch = threading.Thread(target=_watch, args=(descriptor, grace_seconds), daemon=True, name="lifeline")
    watch.start()


def _watch(descriptor: int, grace_seconds: float) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except ConnectionResetError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(grace_seconds)
    os.kill(os.getpid(), signal.SIGKILL)
