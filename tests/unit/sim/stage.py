"""A simulated provider without a socket: a clock and a sleep that obey, and a reply that remembers."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from turnpike.ports.http import Request
from turnpike.sim.application import Simulation
from turnpike.sim.settings import SimSettings

GPT = "gpt-4o-mini"
CLAUDE = "claude-sonnet-4-6"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}


class HeldClock:
    """Time that goes forward only where it is told to."""

    def __init__(self) -> None:
        self.ns = 1_800_000_000_000_000_000

    def now_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns


class CountedRandomness:
    """Bytes that are never the same twice and always the same again."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, count: int) -> bytes:
        self._taken += 1
        return self._taken.to_bytes(count, "big")


class Recorded:
    """A reply that keeps what it is given."""

    def __init__(self) -> None:
        self.status = 0
        self.head = b""
        self.pieces: list[bytes] = []
        self.ending = ""
        self.congested = False

    @property
    def begun(self) -> bool:
        return self.status != 0

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        self.begin(status, head)
        self.pieces = [body]
        self.ending = "whole"

    def begin(self, status: int, head: bytes) -> None:
        self.status, self.head = status, head

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    async def drained(self) -> None:
        self.congested = False

    def end(self) -> None:
        self.ending = "end"

    def abort(self) -> None:
        self.ending = "reset"

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[:-1]
        return dict(line.split(": ", 1) for line in lines)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Name and JSON value of every event; the value of `[DONE]` is that text."""
        events = []
        for block in self.body.decode().split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "data" in lines:
                data = lines["data"]
                value = data if data == "[DONE]" else msgspec.json.decode(data)
                events.append((lines.get("event", ""), value))
        return events


class Stage:
    """A simulated provider; `slept` are the seconds that it asked to wait."""

    def __init__(self, settings: SimSettings | None = None) -> None:
        self.clock = HeldClock()
        self.slept: list[float] = []
        self.simulation = Simulation(settings or SimSettings(), self.clock, CountedRandomness(), self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def call(self, path: str, body: Any = None, method: str = "POST", **headers: str) -> Recorded:
        """Send one request with a key; `x_sim_cut="end"` is the header `x-sim-cut: end`."""
        reply = Recorded()
        asyncio.run(self.simulation(a_request(path, body, method, **headers), reply))
        return reply

    def chat(self, text: str = "Hello", more: Any = None, **headers: str) -> Recorded:
        body = {"model": GPT, "messages": [{"role": "user", "content": text}], **(more or {})}
        return self.call("/v1/chat/completions", body, **headers)

    def respond(self, text: str = "Hello", more: Any = None, **headers: str) -> Recorded:
        return self.call("/v1/responses", {"model": GPT, "input": text, **(more or {})}, **headers)

    def message(self, text: str = "Hello", more: Any = None, **headers: str) -> Recorded:
        messages = [{"role": "user", "content": text}]
        body = {"model": CLAUDE, "max_tokens": 1000, "messages": messages, **(more or {})}
        return self.call("/v1/messages", body, **headers)

    def ledger(self) -> Any:
        return self.call("/sim/ledger", method="GET").json


def a_request(path: str, body: Any = None, method: str = "POST", **headers: str) -> Request:
    """A request with a key in each vendor's header; a header given as "" is left out."""
    path, _, query = path.partition("?")
    given = {"authorization": "Bearer sk-sim"}
    if path.startswith("/v1/messages"):
        given = {"x-api-key": "sk-sim", "anthropic-version": "2023-06-01"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {name.encode(): value.encode() for name, value in given.items() if value}
    raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    return Request(method, path, query.encode(), lines, raw, "127.0.0.1", 0)
