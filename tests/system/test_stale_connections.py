"""A connection that a provider closes behind its answer takes the next call with it unseen: another one carries it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from tests.system.authority import Authority
from tests.system.parts import ANSWER
from tests.system.upstream import CASE, WITHIN_SECONDS, Exchange, an_upstream
from turnpike.domain.errors import UpstreamFailed
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.upstream.dial import Dialler
from turnpike.gateway.upstream.origin import read_origin
from turnpike.gateway.upstream.pool import Pool
from turnpike.gateway.upstream.resolver import Resolver
from turnpike.ports.upstream import Patience

HEAD = f"POST / HTTP/1.1\r\nhost: localhost\r\n{CASE}: stale\r\n".encode()
BODIES = {"a body of one record": b"x", "a body of many records": b"x" * 200_000}


def close_plainly(exchange: Exchange) -> None:
    exchange.close()


def close_with_notice(exchange: Exchange) -> None:
    """As TLS wants it: close_notify first."""
    assert isinstance(exchange.connection, ssl.SSLSocket)
    exchange.connection.settimeout(0)
    with pytest.raises(ssl.SSLWantReadError):
        exchange.connection.unwrap()
    exchange.close()


async def answer_twice(
    url: str, trusted: ssl.SSLContext, body: bytes, closed: threading.Event
) -> list[bytes]:
    """Two calls, one behind the other; the second goes out before the event loop has looked at its connection."""
    loop = asyncio.get_running_loop()
    pool = Pool(Dialler(read_origin(url), trusted, None, Resolver(loop.time)), Deadlines())
    answers = []
    for _ in range(2):
        until = loop.time() + WITHIN_SECONDS
        answer = await pool.send(
            HEAD, body, Patience(WITHIN_SECONDS, WITHIN_SECONDS, WITHIN_SECONDS, until, until)
        )
        answers.append(await answer.whole(len(ANSWER)))
        answer.leave()
        assert closed.wait(WITHIN_SECONDS)  # blocks the event loop, as a busy moment does
        closed.clear()
    pool.close()
    while pool.connections[0]:
        await asyncio.sleep(0)
    return answers


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    ("scheme", "close"),
    [("http", close_plainly), ("https", close_plainly), ("https", close_with_notice)],
    ids=["plain", "TLS", "TLS with close_notify"],
)
def test_a_call_behind_the_close_is_answered_on_another_connection(
    tmp_path: Path, scheme: str, close: Callable[[Exchange], None], body: bytes
) -> None:
    authority = Authority(tmp_path)
    trusted = ssl.create_default_context(cafile=str(authority.file))
    closed = threading.Event()

    def part(exchange: Exchange) -> None:
        exchange.answer(200, ANSWER)
        close(exchange)
        closed.set()

    with an_upstream(*([authority.wrap] if scheme == "https" else [])) as upstream:
        upstream.plays("stale", part)
        url = f"{scheme}://localhost:{upstream.url.rpartition(':')[2]}"
        answers = uvloop.run(answer_twice(url, trusted, body, closed))
        assert answers == [ANSWER, ANSWER]
        assert len(upstream.received["stale"]) == 2


def test_a_call_that_was_read_is_not_sent_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    trusted = ssl.create_default_context(cafile=str(authority.file))
    closed = threading.Event()
    closed.set()
    with an_upstream(authority.wrap) as upstream:
        upstream.plays("stale", close_plainly)
        url = f"https://localhost:{upstream.url.rpartition(':')[2]}"
        with pytest.raises(UpstreamFailed):
            uvloop.run(answer_twice(url, trusted, b"x", closed))
        assert len(upstream.received["stale"]) == 1
