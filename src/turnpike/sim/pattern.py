"""A text that matches a regular expression, for the expressions that schemas really carry."""

from __future__ import annotations

import re
import string

COMMON = ("simulated", "Simulated", "sim", "SIM", "a", "A", "1", "10", "2026-01-01", "1.5", "")
"""Tried before anything is built."""

CLASSES = {
    "d": "0123456789",
    "w": string.ascii_lowercase + string.digits + "_",
    "s": " ",
    "D": string.ascii_lowercase,
    "W": "-",
    "S": string.ascii_lowercase,
}

LONGEST_REPEAT = 1000


def matching_text(pattern: str, at_least: int, first_try: str) -> str:
    """A text of `at_least` characters or more that the pattern finds; else `first_try`.

    Look-around, back-references and named classes are not built for: with those the answer
    is `first_try`, which may then not match.
    """
    try:
        matcher = re.compile(pattern)
    except re.error:
        return first_try
    built = (_built(pattern, repeats) for repeats in (1, max(1, at_least), 2))
    for candidate in (first_try, *COMMON, *built):
        if candidate is not None and len(candidate) >= at_least and matcher.search(candidate):
            return candidate
    return first_try


def _built(pattern: str, repeats: int) -> str | None:
    reader = _Reader(pattern, repeats)
    try:
        return reader.alternatives()
    except (IndexError, ValueError):
        return None


class _Reader:
    """Walks the pattern from left to right and writes the shortest thing that it allows."""

    def __init__(self, pattern: str, repeats: int) -> None:
        self._pattern = pattern
        self._repeats = repeats
        self._at = 0

    def alternatives(self) -> str:
        """The first branch of `a|b|c`; the others are read and left out."""
        first = self._sequence()
        while self._peek() == "|":
            self._at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        written = []
        while self._peek() not in ("", "|", ")"):
            atom = self._atom()
            written.append(atom * self._times())
        return "".join(written)

    def _atom(self) -> str:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._one_of()
        if sign == "\\":
            return self._escaped(self._take())
        if sign in "^$":
            return ""
        return "a" if sign == "." else sign

    def _group(self) -> str:
        if self._peek() == "?":
            self._at += 1
            if self._take() != ":":
                raise ValueError("only plain groups are built for")
        inside = self.alternatives()
        self._at += 1
        return inside

    def _one_of(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        allowed = ""
        while self._peek() != "]" or not allowed:
            sign = self._take()
            allowed += CLASSES.get(self._peek(), self._peek()) if sign == "\\" else sign
            if sign == "\\":
                self._at += 1
            elif self._peek() == "-" and self._pattern[self._at + 1] != "]":
                self._at += 2
        self._at += 1
        if not negated:
            return allowed[0]
        return next(sign for sign in string.ascii_lowercase + string.digits if sign not in allowed)

    def _escaped(self, sign: str) -> str:
        if sign in "bBAZ":
            return ""
        if sign in CLASSES:
            return CLASSES[sign][0]
        if sign.isdigit():
            raise ValueError("back-references are not built for")
        return {"n": "\n", "t": "\t"}.get(sign, sign)

    def _times(self) -> int:
        sign = self._peek()
        if sign not in ("*", "+", "?", "{"):
            return 1
        self._at += 1
        times = self._repeats if sign in "*+" else 1
        if sign == "{":
            end = self._pattern.index("}", self._at)
            least = self._pattern[self._at : end].split(",")[0]
            self._at = end + 1
            times = int(least or 0)
        if self._peek() in ("?", "+"):
            self._at += 1
        return min(times, LONGEST_REPEAT)

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _take(self) -> str:
        sign = self._pattern[self._at]
        self._at += 1
        return sign
