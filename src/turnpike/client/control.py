"""The control API: requests of commands, and answers that hold what control promises."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

import msgspec

from turnpike import __version__
from turnpike.client.answers import Page, Problem
from turnpike.client.exchange import Answer, Place, Sent, exchange
from turnpike.client.faults import (
    ControlFault,
    ControlUnreachable,
    Refused,
    Unexpected,
    Unfinished,
    Untrusted,
)

TIMEOUT_SECONDS: Final = 30.0
PAGE_ITEMS: Final = 500
PAGES_MAX: Final = 2_000
"""A million resources: what goes on beyond that never ends."""

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
YAML: Final = "application/yaml"
START_IT: Final = "start it with `turnpike up`, or say where it is with TURNPIKE_CONTROL_URL"
ASK_AGAIN: Final = "ask again"
LOOK_FIRST: Final = "whether the change was made is not known: look before you ask again"

LAST_CONTROL: Final = "\x9f"
"""Of the control characters; YAML holds none of them as it is."""

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True):
    """What is asked of control: `value` goes as JSON (None: no body); `only_new` leaves what exists as it is."""

    method: str
    path: str
    value: object = None
    media_type: str = JSON
    only_new: bool = False


class Told(msgspec.Struct, Generic[T], frozen=True):
    """An answer: `value` as control wrote it, for programs; `said` is what was promised of it."""

    value: Any
    said: T
    answer: Answer


class ControlClient:
    """Speaks to the control API at `url` as the bearer of `token`; `mend` says what to do where nobody is there."""

    def __init__(
        self, url: str, token: str | None, timeout_seconds: float = TIMEOUT_SECONDS, mend: str = START_IT
    ) -> None:
        self.url = url
        self._token = token
        self._place = Place(url, timeout_seconds, mend)

    def get(self, path: str, promised: type[T], **query: str | int | None) -> Told[T]:
        """What is at the path. Raises ControlFault."""
        return self.ask(Request("GET", _asked(path, query)), promised)

    def ask(self, request: Request, promised: type[T]) -> Told[T]:
        """What control says to a question, which changes nothing. Raises ControlUnreachable, Refused, ControlFault."""
        with _reading():
            return self._told(self._send(request), promised)

    def change(self, request: Request, promised: type[T]) -> Told[T]:
        """What control says of a change that it has made. Raises as `ask`; says where it may have been made."""
        with _changing():
            return self._told(self._send(request), promised)

    def remove(self, path: str) -> None:
        """Remove what is at the path. Raises as `change`."""
        with _changing():
            answer = self._send(Request("DELETE", path))
            if answer.status != 204:
                raise Unexpected(self.url, answer.came)

    def document(self, path: str, **query: str | int | None) -> str:
        """The text of a document in YAML, all of it. Raises as `ask`."""
        with _reading():
            answer = self._send(Request("GET", _asked(path, query)))
        if answer.status != 200 or answer.media_type != YAML or not answer.body:
            raise Unexpected(self.url, answer.came)
        try:
            text = answer.body.decode()
        except UnicodeDecodeError:
            raise Unexpected(self.url, answer.came) from None
        if not all(sign.isprintable() or sign in "\n\t" or sign > LAST_CONTROL for sign in text):
            raise Unexpected(self.url, f"a document with control characters ({answer.came})")
        return text

    def all_of(self, kind: str, promised: type[T]) -> Told[tuple[T, ...]]:
        """Every resource of the kind, over as many pages as it takes. Raises ControlFault."""
        values: list[dict[str, object]] = []
        after: str | None = None
        for _ in range(PAGES_MAX):
            page = self.get(f"/api/v1/{kind}", Page, limit=PAGE_ITEMS, after=after)
            values += page.said.items
            if page.said.next is None:
                answer = page.answer
                said = tuple(self._converted(value, promised, answer) for value in values)
                return Told(values, said, answer)
            if page.said.next == after or not page.said.items:
                break
            after = page.said.next
        raise Unexpected(self.url, f"a list of {kind} that never ends")

    def look(self, path: str) -> Answer | None:
        """What is at a path that needs no key, whatever its status; None where nobody answers. Raises Untrusted."""
        try:
            return exchange(self._place, Sent("GET", path, None, {"accept": "*/*"}))
        except Untrusted:
            raise
        except (ControlUnreachable, Unexpected):
            return None

    def _send(self, request: Request) -> Answer:
        headers = {"accept": "*/*", "user-agent": f"turnpike/{__version__}"}
        body = None
        if request.value is not None:
            body = msgspec.json.encode(request.value)
            headers["content-type"] = request.media_type
        if request.only_new:
            headers["if-none-match"] = "*"
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        answer = exchange(self._place, Sent(request.method, request.path, body, headers))
        if answer.status >= 300:
            raise self._refusal(answer)
        return answer

    def _told(self, answer: Answer, promised: type[T]) -> Told[T]:
        if answer.media_type != JSON:
            raise Unexpected(self.url, answer.came)
        try:
            value = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unexpected(self.url, answer.came) from None
        return Told(value, self._converted(value, promised, answer), answer)

    def _converted(self, value: object, promised: type[T], answer: Answer) -> T:
        try:
            return msgspec.convert(value, promised)
        except msgspec.ValidationError as fault:
            raise Unexpected(self.url, f"{answer.came} ({fault})") from None

    def _refusal(self, answer: Answer) -> Refused | Unexpected:
        problem = read_problem(answer)
        if problem is None:
            return Unexpected(self.url, answer.came)
        message = f"{problem.detail} ({problem.code})"
        if answer.status == 401:
            message += (
                ": check TURNPIKE_ADMIN_KEY"
                if self._token is not None
                else ": set TURNPIKE_ADMIN_KEY, or run this on control's machine with its home at hand (TURNPIKE_HOME)"
            )
        return Refused(answer.status, problem, message)


def read_problem(answer: Answer) -> Problem | None:
    """The problem that an answer holds; None where it holds none."""
    if answer.media_type != PROBLEM:
        return None
    try:
        return msgspec.json.decode(answer.body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


@contextmanager
def _reading() -> Iterator[None]:
    """What reads can be asked again."""
    try:
        yield
    except Unfinished as fault:
        raise Unfinished(f"{fault}: {ASK_AGAIN}") from None


@contextmanager
def _changing() -> Iterator[None]:
    """What changes may have been done, though no answer says so."""
    try:
        yield
    except (Unfinished, Unexpected) as fault:
        raise ControlFault(f"{fault}; {LOOK_FIRST}") from None


def quoted(name: str) -> str:
    """A name as one step of a path."""
    return urllib.parse.quote(name, safe="")


def _asked(path: str, query: dict[str, str | int | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return path + ("?" + urllib.parse.urlencode(given) if given else "")
