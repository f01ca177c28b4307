"""Strangers at control's port: what a connection may take of it, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from tests.system.test_control_api import BOUND_SECONDS, a_client, served
from turnpike.control.connections import BOUNDS, Bounds
from turnpike.control.shares import REQUESTS_AT_ONCE
from turnpike.ports.sealing import local_token

pytestmark = pytest.mark.anyio

SHORT_SECONDS = 0.2
HURRIED = Bounds(head_seconds=SHORT_SECONDS, rest_seconds=SHORT_SECONDS, taking_seconds=SHORT_SECONDS)
LIVEZ = b"GET /livez HTTP/1.1\r\nhost: x\r\n"
PIECE = b"a" * 65536

Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def anyio_backend() -> str:
    """The control plane runs on asyncio alone."""
    return "asyncio"


class Port(msgspec.Struct, frozen=True):
    """Control's port, and a key that it takes."""

    number: int
    token: str

    async def call(self, sent: bytes) -> Caller:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        writer.write(sent)
        return reader, writer

    async def is_alive(self) -> bool:
        caller = await self.call(LIVEZ + b"connection: close\r\n\r\n")
        return b" 200 " in await all_read(caller)


@asynccontextmanager
async def a_port(folder: Path, bounds: Bounds = BOUNDS) -> AsyncIterator[Port]:
    async with served(folder, bounds) as (plane, url, _):
        yield Port(int(url.rpartition(":")[2]), local_token(plane.seal))


async def all_read(caller: Caller) -> bytes:
    """What comes until control ends the connection, which it does within the test's bound."""
    reader, writer = caller
    got = b""
    try:
        while piece := await reader.read(65536):
            got += piece
    except ConnectionError:
        pass
    writer.close()
    return got


async def taken(caller: Caller, most: int) -> int:
    """How many bytes of an endless head control takes before it ends the connection, up to `most`."""
    sent = 0
    try:
        while sent < most:
            caller[1].write(PIECE)
            await caller[1].drain()
            sent += len(PIECE)
    except ConnectionError:
        pass
    return sent


async def ask_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 100)
        await writer.drain()


async def test_an_endless_header_is_refused_and_cut_off(tmp_path: Path) -> None:
    most = 64 * 1024 * 1024
    async with a_port(tmp_path) as port:
        caller = await port.call(LIVEZ + b"x: ")
        assert await taken(caller, most) < most
        assert await port.is_alive()
        caller[1].close()


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(b"x: " + b"a" * BOUNDS.head_bytes + b"\r\n", id="too long"),
        pytest.param(b"x: a\r\n" * BOUNDS.header_lines, id="too many lines"),
    ],
)
async def test_a_head_beyond_its_bounds_is_refused_with_a_code(tmp_path: Path, more: bytes) -> None:
    async with a_port(tmp_path) as port:
        answer = await all_read(await port.call(LIVEZ + more + b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"headers_too_large"' in answer
    assert b"application/problem+json" in answer


async def test_what_is_not_http_is_refused_with_a_code_and_fills_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_port(tmp_path) as port:
        answer = await all_read(await port.call(b"hello\r\n\r\n"))
        await all_read(await port.call(LIVEZ + b"connection: upgrade, close\r\nupgrade: websocket\r\n\r\n"))
    assert caplog.records == []
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"invalid_request"' in answer


async def test_a_body_that_breaks_its_framing_is_refused_with_a_code(tmp_path: Path) -> None:
    async with a_port(tmp_path) as port:
        head = f"POST /api/v1/plan HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {port.token}\r\n"
        framing = "content-type: application/yaml\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = await all_read(await port.call((head + framing + "no chunk\r\n").encode()))
        assert await port.is_alive()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"invalid_request"' in answer


async def test_a_head_that_does_not_come_whole_in_time_is_refused(tmp_path: Path) -> None:
    async with a_port(tmp_path, HURRIED) as port:
        answer = await all_read(await port.call(LIVEZ))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer


async def test_a_head_after_an_answer_has_the_same_time(tmp_path: Path) -> None:
    async with a_port(tmp_path, HURRIED) as port:
        for second in (LIVEZ + b"\r\n" + LIVEZ, LIVEZ + b"\r\n"):
            reader, writer = await port.call(second)
            assert b" 200 " in await reader.readline()
            writer.write(b"GET /")
            assert b'"code":"request_timeout"' in await all_read((reader, writer))


async def test_a_connection_that_says_nothing_is_ended(tmp_path: Path) -> None:
    async with a_port(tmp_path, HURRIED) as port:
        assert await all_read(await port.call(b"")) == b""


async def test_the_rest_of_an_answered_body_is_not_waited_for(tmp_path: Path) -> None:
    async with a_port(tmp_path, HURRIED) as port:
        answer = await all_read(await port.call(LIVEZ + b"content-length: 9999\r\n\r\nsome"))
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_caller_that_does_not_read_its_answers_is_ended(tmp_path: Path) -> None:
    async with a_port(tmp_path, HURRIED) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number, limit=1024)
        with pytest.raises(ConnectionError):
            await ask_for_ever(writer)
        writer.close()
        del reader


async def test_a_slow_answer_is_not_bound_by_the_time_of_a_head(tmp_path: Path) -> None:
    async with a_port(tmp_path, HURRIED) as port:
        head = f"POST /api/v1/plan HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {port.token}\r\n"
        body = b"teams: []"
        framing = (
            f"content-type: application/yaml\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        caller = await port.call((head + framing).encode())
        await asyncio.sleep(SHORT_SECONDS * 2)
        caller[1].write(body)
        assert b" 200 " in await all_read(caller)


async def test_strangers_who_wait_make_room_for_who_comes(tmp_path: Path) -> None:
    """As many connections as there may be, each with half a head: the one that waited longest goes."""
    few = msgspec.structs.replace(BOUNDS, connections=8)
    async with a_port(tmp_path, few) as port:
        strangers = [await port.call(LIVEZ) for _ in range(few.connections)]
        for _ in range(3):
            assert await port.is_alive()
        assert await all_read(strangers[0]) == b""
        strangers[-1][1].write(b"connection: close\r\n\r\n")
        assert b" 200 " in await all_read(strangers[-1])
        for _, writer in strangers:
            writer.close()


async def test_a_revocation_goes_through_a_flood_of_heads(tmp_path: Path) -> None:
    async with a_port(tmp_path) as port:
        ends = asyncio.Event()

        async def stranger() -> None:
            while not ends.is_set():
                caller = await port.call(LIVEZ + b"x: ")
                await taken(caller, 1024 * 1024)
                caller[1].close()

        async with asyncio.TaskGroup() as tasks, asyncio.timeout(BOUND_SECONDS):
            for _ in range(12):
                tasks.create_task(stranger())
            head = (
                f"POST /api/v1/keys/administrator/revoke HTTP/1.1\r\nauthorization: Bearer {port.token}\r\n"
            )
            rest = "host: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            answer = await all_read(await port.call((head + rest).encode()))
            alive = await port.is_alive()
            ends.set()
        assert b'"revoked_at":"' in answer
        assert alive


def a_body_begun(token: str) -> bytes:
    """Two bytes of a body of a thousand, with a key that may ask."""
    head = f"POST /api/v1/explain HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{ ".encode()


async def test_bodies_that_do_not_come_make_room_for_who_comes(tmp_path: Path) -> None:
    few = msgspec.structs.replace(BOUNDS, connections=8)
    async with a_port(tmp_path, few) as port:
        callers = [await port.call(a_body_begun(port.token)) for _ in range(few.connections)]
        for _ in range(3):
            assert await port.is_alive()
        assert await all_read(callers[0]) == b""
        for _, writer in callers:
            writer.close()


async def test_whoever_sends_a_head_gives_way_before_whoever_sends_a_body(tmp_path: Path) -> None:
    few = msgspec.structs.replace(BOUNDS, connections=4)
    async with a_port(tmp_path, few) as port:
        sender = await port.call(a_body_begun(port.token))
        assert await port.is_alive()
        strangers = [await port.call(LIVEZ) for _ in range(few.connections * 2)]
        assert await all_read(strangers[0]) == b""
        assert await port.is_alive()
        sender[1].write(b"}".ljust(998))
        assert (await sender[0].readline()).startswith(b"HTTP/1.1 400 ")
        for _, writer in (sender, *strangers):
            writer.close()


async def test_one_caller_has_no_more_than_its_share_of_requests_under_way(tmp_path: Path) -> None:
    async with served(tmp_path) as (plane, url, _):
        port = Port(int(url.rpartition(":")[2]), local_token(plane.seal))
        async with a_client(url, port.token) as admin:
            made = await admin.put("/api/v1/keys/greedy", json={"role": "viewer"})
            held = [await port.call(a_body_begun(made.json()["secret"])) for _ in range(REQUESTS_AT_ONCE)]
            one_more = await port.call(a_body_begun(made.json()["secret"]))
            # One of them all is beyond the share, whichever control took in last.
            first = await first_line_of_any([*held, one_more])
            assert first.startswith(b"HTTP/1.1 503 ")
            revoked = await admin.post("/api/v1/keys/greedy/revoke")
            assert revoked.status_code == 200
            for _, writer in (*held, one_more):
                writer.close()


async def first_line_of_any(callers: list[Caller]) -> bytes:
    reading = [asyncio.ensure_future(reader.readline()) for reader, _ in callers]
    done, others = await asyncio.wait(reading, timeout=BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    return next(iter(done)).result()


async def test_a_caller_that_leaves_amid_its_body_is_no_fault_of_control(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path) as (plane, url, _):
        port = Port(int(url.rpartition(":")[2]), local_token(plane.seal))
        with capture_logs() as logged:
            for _ in range(REQUESTS_AT_ONCE * 2):
                _, writer = await port.call(a_body_begun(port.token))
                await writer.drain()
                writer.transport.abort()
            async with a_client(url, port.token) as admin:
                await eventually_answers(admin)
    assert [line for line in logged if line["event"] == "control.failed"] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def eventually_answers(admin: httpx.AsyncClient) -> None:
    """The share of those who left is given back."""
    async with asyncio.timeout(BOUND_SECONDS):
        while (await admin.get("/api/v1/whoami")).status_code != 200:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        pytest.param(
            b"POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n",
            b"not both",
            id="two framings",
        ),
        pytest.param(
            b"POST /livez HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n", b"of HTTP/1.1", id="1.0"
        ),
        pytest.param(b"GET /livez HTTP/1.2\r\nhost: x\r\n", b"control speaks HTTP/1.1", id="1.2"),
        pytest.param(b"GET /livez HTTP/2.0\r\nhost: x\r\n", b"control speaks HTTP/1.1", id="2.0"),
    ],
)
async def test_what_others_may_frame_otherwise_is_refused(tmp_path: Path, head: bytes, said: bytes) -> None:
    async with a_port(tmp_path) as port:
        answer = await all_read(await port.call(head + b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"code":"invalid_request"' in answer
    assert said in answer


async def test_a_whole_address_is_a_target_too(tmp_path: Path) -> None:
    async with a_port(tmp_path) as port:
        for target in (b"http://x/livez", b"HTTPS://x:1/livez?a=b"):
            head = b"GET " + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            assert (await all_read(await port.call(head))).startswith(b"HTTP/1.1 200 OK\r\n")
        unknown = b"GET http://x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        assert b'"code":"not_found"' in await all_read(await port.call(unknown))
