"""Why a role or command could not start."""

from __future__ import annotations


class CannotStart(Exception):
    """The message says what is in the way and how to mend it."""


class CannotStartYet(CannotStart):
    """What is in the way is outside and may pass: another start may succeed."""
