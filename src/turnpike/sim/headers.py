"""The headers of an answer as the two providers send them, with the mark of the simulation."""

from __future__ import annotations

from turnpike.sim.seeded import Source

MARK = ("x-sim", "simulated")
JSON = ("content-type", "application/json")
EVENTS = ("content-type", "text/event-stream; charset=utf-8")

Headers = tuple[tuple[str, str], ...]


def usual_headers(surface: str, source: Source, content_type: tuple[str, str]) -> Headers:
    """What every answer of the dialect carries: its type, its request id, the mark."""
    if surface.startswith("anthropic"):
        return (
            content_type,
            ("request-id", anthropic_request_id(source)),
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            MARK,
        )
    return (
        content_type,
        ("x-request-id", f"req_{source.hexadecimal('request', 32)}"),
        ("openai-version", "2020-10-01"),
        ("openai-organization", "turnpike-sim"),
        ("openai-processing-ms", "1"),
        MARK,
    )


def anthropic_request_id(source: Source) -> str:
    """The request's id in Anthropic's form."""
    return f"req_011C{source.alphanumeric('request', 20)}"
