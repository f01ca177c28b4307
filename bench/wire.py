"""The bytes that load and fake upstreams put on the wire: OpenAI chat, not streaming and streaming."""

import json
from collections.abc import Mapping

PLAIN_MODEL = "bench"
STREAM_MODEL = "bench-stream"
CHAT_PATH = "/v1/chat/completions"
PROMPT_BYTES = 600

# One byte that stands once in each event and nowhere else in an answer, so that counting it cannot be fooled by
# where TCP cuts the stream.
EVENT_MARK = b"~"
STAMP_DIGITS = 19
STREAM_TAG = "bench-stream="
STREAM_TAG_DIGITS = 6

_SENTENCE = "Explain to a new colleague how a toll road settles its accounts at the end of the day, and why it matters. "


def prompt(first_words: str = "") -> str:
    """A prompt of exactly PROMPT_BYTES bytes."""
    return (first_words + _SENTENCE * (PROMPT_BYTES // len(_SENTENCE) + 1))[:PROMPT_BYTES]


def chat_body(model: str) -> bytes:
    """The JSON body of a chat completion that does not stream."""
    return _body({"model": model, "messages": _messages(prompt()), "temperature": 0.2, "max_tokens": 256})


def stream_body(model: str, index: int) -> bytes:
    """The JSON body of a streaming chat completion; the fake upstream finds the stream's index in the prompt."""
    tag = f"{STREAM_TAG}{index:0{STREAM_TAG_DIGITS}d} "
    return _body({"model": model, "messages": _messages(prompt(tag)), "max_tokens": 256, "stream": True})


def post(path: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A whole HTTP/1.1 request that keeps its connection alive."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def reply_body() -> bytes:
    """A chat completion of about 700 bytes in the form that OpenAI answers with."""
    content = (
        "Each booth counts its own takings through the day. At midnight the sums are checked against the gates' "
        "counters, and whatever differs is written down before anyone goes home."
    )
    message: dict[str, object] = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    return _body(
        {
            "id": "chatcmpl-BnchTurnpikeFakeUpstream000001",
            "object": "chat.completion",
            "created": 1763700000,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": 128,
                "completion_tokens": 33,
                "total_tokens": 161,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
            "system_fingerprint": "fp_b3nch00001",
        }
    )


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache\r\n"
    b"X-Request-Id: req_bench0000000001\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def stamped_event(stamp_ns: int) -> bytes:
    """One HTTP chunk that holds one event, with the mark and a time of fixed width in its content."""
    return _STAMP_BEFORE + b"%0*d" % (STAMP_DIGITS, stamp_ns) + _STAMP_AFTER


def stream_end() -> bytes:
    """The chunks that end a stream as OpenAI does: finish reason, usage, [DONE], and HTTP's own last chunk."""
    last = _chunk_json({}, "stop")
    return _http_chunk(b"data: " + last + b"\n\n") + _http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def stamps_in(data: bytes) -> list[int]:
    """The times of all events that lie whole in these bytes; an event that TCP cut in two is left out."""
    stamps = []
    at = data.find(EVENT_MARK)
    while at >= 0:
        digits = data[at + 1 : at + 1 + STAMP_DIGITS]
        if len(digits) == STAMP_DIGITS:
            stamps.append(int(digits))
        at = data.find(EVENT_MARK, at + 1)
    return stamps


def _messages(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "You are a careful assistant."}, {"role": "user", "content": text}]


def _body(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _chunk_json(delta: Mapping[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _body(
        {
            "id": "chatcmpl-BnchTurnpikeFakeUpstream000002",
            "object": "chat.completion.chunk",
            "created": 1763700000,
            "model": "gpt-4o-mini-2024-07-18",
            "service_tier": "default",
            "system_fingerprint": "fp_b3nch00001",
            "choices": [choice],
            "usage": None,
        }
    )


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


_PLACE_FOR_STAMP = b"0" * STAMP_DIGITS
_EVENT_JSON = _chunk_json({"content": EVENT_MARK.decode() + _PLACE_FOR_STAMP.decode()}, None)
_STAMP_BEFORE, _STAMP_AFTER = _http_chunk(b"data: " + _EVENT_JSON + b"\n\n").split(_PLACE_FOR_STAMP)
