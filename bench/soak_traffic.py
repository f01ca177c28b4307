"""Mixed traffic with faults: what a soak's clients do, and what must come back."""

import asyncio
import random
from collections import Counter
from typing import Literal

import msgspec

from bench.latency import answer_is_whole
from bench.wire import CHAT_PATH, PLAIN_MODEL, post, prompt

CALL_SECONDS = 30.0
CONNECT_SECONDS = 10.0
CHUNK_BYTES = 65_536
DONE = b"data: [DONE]"
Ending = Literal["answer", "leave before the answer", "leave in the middle"]


class Case(msgspec.Struct, frozen=True):
    """One kind of call: how often it comes, what the simulated provider is told, and the statuses that may answer it."""

    name: str
    weight: int
    statuses: tuple[int, ...]
    streams: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    model: str = PLAIN_MODEL
    ending: Ending = "answer"
    whole: bool = True
    right_key: bool = True


def _sim(**wishes: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"x-sim-{name.replace('_', '-')}", value) for name, value in wishes.items())


_PACED = _sim(tokens_per_second="40", answer_tokens="40")

# A cut or hung stream has begun with 200 and must not look whole; before its first byte the caller gets an error.
CASES: tuple[Case, ...] = (
    Case("answer", 400, (200,)),
    Case("stream", 200, (200,), streams=True),
    Case("slow stream", 20, (200,), streams=True, headers=_PACED),
    Case(
        "client leaves in the middle of a stream",
        20,
        (200,),
        streams=True,
        headers=_PACED,
        ending="leave in the middle",
    ),
    Case(
        "client leaves before the answer",
        20,
        (),
        headers=_sim(latency_ms="500"),
        ending="leave before the answer",
    ),
    Case("provider's 500", 10, (500, 502, 503), headers=_sim(error="500")),
    Case("provider's 429", 10, (429,), headers=_sim(error="429")),
    Case("provider's 401", 5, (502,), headers=_sim(error="401")),
    Case("stream ends without its end", 20, (200,), streams=True, headers=_sim(cut="middle"), whole=False),
    Case("stream is reset", 20, (200,), streams=True, headers=_sim(reset="middle"), whole=False),
    Case("stream hangs", 5, (200,), streams=True, headers=_sim(hang="middle"), whole=False),
    Case("answer is reset", 10, (502,), headers=_sim(reset="headers")),
    Case("answer hangs", 5, (504,), headers=_sim(hang="headers")),
    Case("answer is cut", 10, (502,), headers=_sim(cut="body")),
    Case("answer is a web page", 10, (502,), headers=_sim(body="html")),
    Case("answer is broken JSON", 10, (502,), headers=_sim(body="broken-json")),
    Case("unknown key", 10, (401,), right_key=False),
    Case("unknown model", 10, (403, 404), model="no-such-model"),
)


class Tally:
    """What came of the calls so far."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.surprises: Counter[str] = Counter()

    def note(self, case: Case, surprise: str | None) -> None:
        """Counts one call, and what was not as it must be."""
        self.calls[case.name] += 1
        if surprise is not None:
            self.surprises[f"{case.name}: {surprise}"] += 1


class Client:
    """One client that makes one call after another, over one connection as long as it lasts."""

    def __init__(self, port: int, key: str, seed: int, tally: Tally) -> None:
        self._port = port
        self._key = key
        self._random = random.Random(seed)
        self._tally = tally
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def run_until(self, deadline: float) -> None:
        """Makes calls until the loop's time has reached the deadline, and closes its connection."""
        loop = asyncio.get_running_loop()
        weights = [case.weight for case in CASES]
        while loop.time() < deadline:
            case = self._random.choices(CASES, weights)[0]
            self._tally.note(case, await self._surprise_of(case))
        self._close()

    async def _surprise_of(self, case: Case) -> str | None:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._call(case)
        except TimeoutError:
            self._close()
            return f"no answer within {CALL_SECONDS:.0f} s"
        except OSError as fault:
            self._close()
            return f"the connection failed: {type(fault).__name__}"

    async def _call(self, case: Case) -> str | None:
        reader, writer = await self._connection()
        writer.write(self._request(case))
        await writer.drain()
        if case.ending == "leave before the answer":
            await asyncio.sleep(self._random.uniform(0.0, 0.1))
            self._close()
            return None
        answer = await self._read(reader, until_event=case.ending == "leave in the middle")
        if case.ending == "leave in the middle" or not answer_is_whole(answer):
            self._close()
        return judged(case, answer)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self._close()
            async with asyncio.timeout(CONNECT_SECONDS):
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    def _request(self, case: Case) -> bytes:
        key = self._key if case.right_key else "not-" + self._key
        headers = {"Authorization": f"Bearer {key}", **dict(case.headers)}
        messages = [{"role": "user", "content": prompt(f"{self._random.random()} ")}]
        body = {"model": case.model, "messages": messages, "stream": case.streams}
        return post(CHAT_PATH, f"127.0.0.1:{self._port}", headers, msgspec.json.encode(body))

    async def _read(self, reader: asyncio.StreamReader, until_event: bool) -> bytes:
        answer = b""
        while not answer_is_whole(answer):
            data = await reader.read(CHUNK_BYTES)
            answer += data
            if not data or (until_event and b"data: " in answer):
                break
        return answer


def judged(case: Case, answer: bytes) -> str | None:
    """What is not as the case demands, None where all is."""
    if not answer:
        return "the connection was closed without an answer"
    if not answer.startswith(b"HTTP/1.1 ") or not answer[9:12].isdigit():
        return "the answer is not HTTP"
    status = int(answer[9:12])
    if status not in case.statuses:
        return f"status {status}"
    if case.streams and status == 200 and case.ending == "answer":
        ended = DONE in answer
        if ended and not case.whole:
            return "a cut stream looks whole"
        if case.whole and not ended:
            return "the stream has no end"
    return None
