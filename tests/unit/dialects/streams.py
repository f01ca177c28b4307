"""A short whole stream of each dialect, with the id and the usage that it tells."""

from __future__ import annotations

from turnpike.dialects.anthropic_messages import MESSAGES
from turnpike.dialects.event_stream import EventStream
from turnpike.dialects.openai_chat import CHAT
from turnpike.dialects.openai_responses import RESPONSES
from turnpike.dialects.speech import Speech
from turnpike.domain.usage import Usage

STREAMS = {
    "chat": (
        CHAT,
        b'data: {"id":"chatcmpl-1","choices":[{"delta":{"content":"x"}}]}\n\n: ping\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5}}\n\ndata: [DONE]\n\n',
        ("chatcmpl-1", Usage(9, 5)),
    ),
    "responses": (
        RESPONSES,
        b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1"}}\n\n'
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"x"}\n\n'
        b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_1",'
        b'"usage":{"input_tokens":9,"output_tokens":5}}}\n\n',
        ("resp_1", Usage(9, 5)),
    ),
    "messages": (
        MESSAGES,
        b'event: message_start\r\ndata: {"type":"message_start","message":{"id":"msg_1","usage":'
        b'{"input_tokens":9,"output_tokens":1}}}\r\n\r\nevent: content_block_delta\r\n'
        b'data: {"type":"content_block_delta"}\r\n\r\nevent: message_delta\r\ndata: {"type":"message_delta",'
        b'"usage":{"output_tokens":5}}\r\n\r\nevent: message_stop\r\ndata: {"type":"message_stop"}\r\n\r\n',
        ("msg_1", Usage(9, 5)),
    ),
}  # fmt: skip


def opened(speech: Speech) -> EventStream:
    assert speech.open_stream is not None
    return speech.open_stream()
