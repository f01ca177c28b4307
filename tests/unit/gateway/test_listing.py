"""Lists of models: fetched once for all who ask, kept a while, and never waited for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.unit.gateway.skipping_loop import run_skipping
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.snapshot import TimeLimits
from turnpike.gateway.headers import Sieve
from turnpike.gateway.listing import (
    FAILED_SECONDS,
    KEPT_SECONDS,
    LIST_MAX_BYTES,
    NAMES_MAX,
    Listings,
    names_in,
)
from turnpike.gateway.uplink import Uplink
from turnpike.ports.upstream import Answer, Patience, Unreached

HEAD = b"GET /v1/models HTTP/1.1\r\n"
WAIT_SECONDS = 0.05


class ListAnswer:
    """A provider's answer that is there at once."""

    def __init__(self, body: bytes, status: int = 200, **headers: bytes) -> None:
        self.status = status
        self.headers = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        self.left = False
        self._body = body

    @property
    def arrived(self) -> bytes | None:
        return None

    async def whole(self, limit_bytes: int) -> bytes:
        if len(self._body) > limit_bytes:
            raise UpstreamInvalid("too large")
        return self._body

    async def piece(self) -> bytes:
        return b""

    def expire_by(self, at: float) -> None:
        return

    def expire_in(self, seconds: float) -> None:
        return

    def leave(self) -> None:
        self.left = True


class Provider:
    """A channel on which each request is answered by the next of `answers`, the last one for ever."""

    def __init__(self, *answers: ListAnswer | Exception | None) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[bytes, bytes]] = []
        self.given: list[ListAnswer] = []

    async def send(self, head: bytes, body: bytes, patience: Patience) -> Answer:
        self.requests.append((head, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        self.given.append(answer)
        return answer

    def uplink(self, head: bytes = HEAD) -> dict[str, Uplink]:
        return {"p": Uplink("p", None, self, {}, (b"",), Sieve(frozenset()), TimeLimits(), 0, head)}


def a_list(*names: str) -> ListAnswer:
    return ListAnswer(msgspec.json.encode({"object": "list", "data": [{"id": name} for name in names]}))


class Moved(Listings):
    """Listings whose time a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.later = 0.0
        own = self._now
        self._now = lambda: own() + self.later


def run(test: Callable[[Moved], Awaitable[None]]) -> None:
    async def main() -> None:
        listings = Moved()
        keeping = asyncio.ensure_future(listings.keep())
        try:
            await test(listings)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    run_skipping(main())


def test_a_list_is_fetched_once_and_kept() -> None:
    provider = Provider(a_list("a", "b"))

    async def test(listings: Moved) -> None:
        many = [listings.names_at(provider.uplink()) for _ in range(20)]
        assert await asyncio.gather(*many) == [{"p": ("a", "b")}] * 20
        listings.later = KEPT_SECONDS - 1
        assert await listings.names_at(provider.uplink()) == {"p": ("a", "b")}
        assert provider.requests == [(HEAD, b"")]
        assert [answer.left for answer in provider.given] == [True]

    run(test)


def test_a_list_is_fetched_anew_when_it_is_old_or_the_credential_is_another() -> None:
    provider = Provider(a_list("a"), a_list("b"), a_list("c"))

    async def test(listings: Moved) -> None:
        await listings.names_at(provider.uplink())
        listings.later = KEPT_SECONDS
        assert await listings.names_at(provider.uplink()) == {"p": ("b",)}
        assert await listings.names_at(provider.uplink(HEAD + b"x-api-key: 2\r\n")) == {"p": ("c",)}

    run(test)


def test_a_provider_that_does_not_answer_is_waited_for_a_moment_only() -> None:
    provider = Provider(None)

    async def test(listings: Moved) -> None:
        async with asyncio.timeout(5):
            assert await listings.names_at(provider.uplink(), WAIT_SECONDS) == {}
            assert await listings.names_at(provider.uplink(), WAIT_SECONDS) == {}
        assert len(provider.requests) == 1

    run(test)


def test_an_old_list_stands_while_the_new_one_is_awaited() -> None:
    provider = Provider(a_list("a"), None)

    async def test(listings: Moved) -> None:
        await listings.names_at(provider.uplink())
        listings.later = KEPT_SECONDS
        assert await listings.names_at(provider.uplink(), WAIT_SECONDS) == {"p": ("a",)}

    run(test)


def test_a_kept_connection_that_was_closed_is_no_failure() -> None:
    provider = Provider(Unreached("closed"), a_list("a"))

    async def test(listings: Moved) -> None:
        assert await listings.names_at(provider.uplink()) == {"p": ("a",)}

    run(test)


@pytest.mark.parametrize(
    "answer",
    [
        Unreached("nobody there"),
        UpstreamInvalid("not HTTP"),
        ListAnswer(b"<html>", 200),
        ListAnswer(b'{"error": {"message": "no"}}', 401),
        ListAnswer(b'{"data": "many"}'),
        ListAnswer(b'{"data": [{"id": 1}]}'),
        ListAnswer(b'{"data": [{"id": "\xff"}]}'),
        ListAnswer(b"[" * 100_000),
        ListAnswer(b" " * (LIST_MAX_BYTES + 1)),
        ListAnswer(b"torn", content_encoding=b"gzip"),
        ListAnswer(b'{"data": []}'),
    ],
)
def test_what_is_no_list_leaves_the_provider_unknown_for_a_while(answer: ListAnswer | Exception) -> None:
    provider = Provider(answer, answer, a_list("a"))

    async def test(listings: Moved) -> None:
        assert await listings.names_at(provider.uplink()) == {}
        asked = len(provider.requests)
        assert await listings.names_at(provider.uplink()) == {}
        assert len(provider.requests) == asked
        provider.answers = [a_list("a")]
        listings.later = max(FAILED_SECONDS, KEPT_SECONDS)
        assert await listings.names_at(provider.uplink()) == {"p": ("a",)}

    run(test)


def test_names_that_nobody_could_ask_for_are_left_out() -> None:
    body = a_list("good", "", "with\nbreak", "x" * 257, "star*", "good", "also/good")._body
    assert names_in(body) == ("good", "also/good")


def test_a_list_without_end_is_cut() -> None:
    assert len(names_in(a_list(*(f"m{number}" for number in range(NAMES_MAX + 10)))._body)) == NAMES_MAX
