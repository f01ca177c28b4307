"""Parts that a provider plays in more than one test."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx

from tests.system.road import KEY, Road, chat_body
from tests.system.upstream import CASE, Exchange, head

ANSWER = b'{"id":"chatcmpl-1","object":"chat.completion","choices":[],"unknown":1}'
JSON_HEAD = head(200, {"content-type": "application/json", "content-length": "100"})
Part = Callable[[Exchange], None]


def good(exchange: Exchange) -> None:
    """A whole chat completion."""
    exchange.answer(200, ANSWER)


def answering(status: int, body: bytes, **headers: str) -> Part:
    """This answer, whole; underscores in names stand for dashes."""
    return lambda exchange: exchange.answer(status, body, **headers)


def quiet(exchange: Exchange) -> None:
    """Nothing, until the other side hangs up."""
    exchange.left(5)


def raw(*data: bytes, then: Part = Exchange.close) -> Part:
    """These bytes, and then something else."""

    def part(exchange: Exchange) -> None:
        exchange.send(*data)
        then(exchange)

    return part


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def cancelled(road: Road, model: str) -> float:
    """How many calls of the model the metrics count as left by their caller."""
    found = [
        float(line.rpartition(" ")[2])
        for line in road.metrics().splitlines()
        if line.startswith("gen_ai_client_operation_duration_seconds_count")
        and f'gen_ai_request_model="{model}"' in line
        and 'error_type="client_closed"' in line
    ]
    return sum(found)


def a_request(case: str, stream: bool, model: str = "gpt") -> bytes:
    body = json.dumps(chat_body(model, stream=stream)).encode()
    lines = f"host: x\r\nx-api-key: {KEY}\r\n{CASE}: {case}\r\ncontent-length: {len(body)}"
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + lines.encode() + b"\r\n\r\n" + body
