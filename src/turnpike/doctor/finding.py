"""What the doctor says about one thing."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["fine", "wrong", "unknown"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    says: what was found. mend: what to do about it; empty where nothing is wrong.
    "unknown" is what could not be looked at now: no fault, but no proof of health either.
    """

    check: str
    state: State
    says: str
    mend: str = ""


def fine(check: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "fine", says)


def wrong(check: str, says: str, mend: str) -> Finding:
    """Something to mend."""
    return Finding(check, "wrong", says, mend)


def unknown(check: str, says: str, mend: str = "") -> Finding:
    """Something that could not be looked at."""
    return Finding(check, "unknown", says, mend)
