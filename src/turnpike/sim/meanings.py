"""What every wish means, in one line each: the text of `turnpike sim --help` and of its page."""

from __future__ import annotations

STEERING_MEANINGS = {
    "latency_ms": "Wait so long before the status line.",
    "first_event_ms": "In a stream, wait so long between the headers and the first event.",
    "tokens_per_second": "Pace of the output; 0 is as fast as it goes.",
    "background_ms": "How long a response in the background is in progress.",
    "answer": "Answer with this text.",
    "answer_tokens": "Make the answer exactly so many tokens long.",
    "tool": "Call this tool of the request, whatever was said; `none` calls none.",
    "tool_arguments": "JSON text of the arguments with which tools are called.",
    "finish": "Say that the answer ended for this reason: stop, length, content_filter, refusal.",
    "usage": "`none` leaves the usage out.",
    "input_tokens": "Say that the input was so many tokens, cached ones included.",
    "output_tokens": "Say that the output was so many tokens, reasoning included.",
    "cached_tokens": "Say that so many tokens of the input were read from a cache.",
    "cache_write_tokens": "Say that so many tokens of the input were written to a cache.",
    "reasoning_tokens": "Reason for so many tokens, also where the request did not ask for it.",
    "error": "Answer with this error status, in the dialect's form.",
    "error_code": "The code (OpenAI) or type (Anthropic) of that error.",
    "error_after_events": "In a stream, send the dialect's error event after so many events.",
    "retry_after_seconds": "Send `retry-after` with the error.",
    "should_retry": "Send `x-should-retry` with the error: true or false.",
    "cut": "Stop at this place: headers, body (after the headers), middle, terminator (before the last event or byte).",
    "cut_after_events": "Stop after so many events of a stream.",
    "cut_after_bytes": "Stop after so many bytes of the body, which may be inside an event or a character.",
    "cut_how": "How to stop: end (good HTTP, no terminator), reset (TCP), hang.",
    "hang": "Send nothing more from this place on, and keep the connection open.",
    "reset": "Reset the connection at this place.",
    "body": "Another body in place of the answer: html, empty, broken-json.",
    "extras": "true adds a field and an event type that no SDK knows.",
    "comment_every_events": "Send a comment before every so many events.",
    "write_bytes": "Send a stream in pieces of so many bytes, whatever its events.",
    "encoding": "Pack the body: gzip or zstd.",
    "fault_share": "The error or fault meets this share of the calls, 0 to 1.",
    "fault_times": "The error or fault meets only the first so many calls of the `case`.",
    "case": "Any name; calls of one case are counted together for `fault_times`.",
}

SETTING_MEANINGS = {
    "seed": "Every id and text follows from the request and this.",
    "fresh_ids": "Give every answer its own id and time, as a real provider does.",
    "keys": "A key that is accepted; may be given more than once. Without one, any key is, but not one that holds `refused`.",
    "models": "A model that is known beside the catalogue; may be given more than once; `*` is any name.",
    "requests_per_minute": "Requests a minute that a key may make; 0 is no limit.",
    "tokens_per_minute": "Tokens a minute that a key may use; 0 is no limit.",
}
