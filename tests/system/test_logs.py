"""What the log of a running product holds, and what it never does."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.system.parts import good, raw
from tests.system.road import CREDENTIAL, KEY, MESSAGES, a_road, chat_body, message_body

PROMPT, ANSWERED, TAG = "canary-of-a-prompt", b'{"said":"canary-of-an-answer', "canary-of-a-tag"
UNKNOWN_KEY = "canary-of-a-key-that-nobody-has"


def test_no_log_line_holds_a_prompt_an_answer_a_key_or_a_headers_value(tmp_path: Path) -> None:
    with a_road(tmp_path, TURNPIKE_LOG_LEVEL="debug") as road:
        tags = {"x_turnpike_tags": f"app={TAG}"}
        said = [{"role": "user", "content": PROMPT}]
        chat, message = {**chat_body(), "messages": said}, {**message_body(), "messages": said}
        broken = raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n", ANSWERED
        )
        for part in (good, broken, raw(b"HTTP/1.1 canary-of-a-status\r\n\r\n")):
            road.post("/v1/chat/completions", chat, road.case(part), **tags)
            road.post(MESSAGES, message, road.case(part), **tags)
        road.post("/v1/chat/completions", chat, key=UNKNOWN_KEY)
        road.post("/v1/chat/completions", f'{{"model": "{PROMPT}'.encode())
        road.post("/v1/chat/completions", {**chat, "model": PROMPT})
        process = road.process
        process.send(signal.SIGTERM)
        process.ended()
    log = "".join(process.logged)
    events = {json.loads(line)["event"] for line in process.logged if line.startswith("{")}
    assert "worker.stopped" in events
    assert [word for word in ("canary", KEY, CREDENTIAL) if word in log] == []


def test_a_line_in_json_begins_with_when_how_grave_and_what(tmp_path: Path) -> None:
    with a_road(tmp_path) as road:
        road.process.send(signal.SIGTERM)
        road.process.ended()
        lines = [json.loads(line) for line in road.process.logged if line.startswith("{")]
    assert lines
    assert {tuple(line)[:3] for line in lines} == {("timestamp", "level", "event")}
