"""The log: one event per decision on standard error, as JSON or for a person's eyes."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Final

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_TO_THE_SECOND: Final = "%Y-%m-%dT%H:%M:%SZ"


def set_up_logs(form: str, level: str, **fields: Any) -> None:
    """Make `structlog.get_logger()` write to standard error; every event carries `fields`.

    `form` is auto, console or json: auto is console on a terminal. Events of libraries that use
    the standard library's logging come out the same way, from "warning" up. A terminal, which keeps
    nothing, is spared the `details` that a person there is told in words.
    """
    at_terminal = sys.stderr.isatty()
    as_console = form == "console" or (form == "auto" and at_terminal)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(
            fmt=_TO_THE_SECOND if as_console and at_terminal else "iso", utc=True
        ),
        _what_happened_first,
    ]
    last: list[Any] = [_console_renderer()] if as_console else _json_renderers()
    told_otherwise = [_without_what_is_told] if as_console and at_terminal else []
    structlog.configure(
        processors=[*shared, *told_otherwise, *last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**fields)
    _take_over_standard_logging(shared, last)


def details(of: str) -> AbstractContextManager[None]:
    """What is logged within are details of something that a person at the terminal is told in words."""
    return structlog.contextvars.bound_contextvars(details_of=of)


def _without_what_is_told(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if "details_of" in event and event["level"] in ("debug", "info"):
        raise structlog.DropEvent
    return event


def _what_happened_first(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how grave and what, then the details: so a line is read from its beginning."""
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _json_renderers() -> list[Any]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _console_renderer() -> structlog.dev.ConsoleRenderer:
    """Tracebacks in their plain form: others show local variables, which may hold a prompt or a key."""
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _take_over_standard_logging(shared: list[Any], last: list[Any]) -> None:
    destination = logging.StreamHandler(sys.stderr)
    destination.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [destination]
    root.setLevel(logging.WARNING)
