"""Why a role or command could not start."""

from __future__ import annotations


class CannotStart(Exception):
    """The message says what is in the way and how to mend it."""
