"""The log: one event per decision on standard error, as JSON or for a person's eyes."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up_logs(form: str, level: str, **fields: Any) -> None:
    """Make `structlog.get_logger()` write to standard error; every event carries `fields`.

    `form` is auto, console or json: auto is console on a terminal. Events of libraries that use
    the standard library's logging come out the same way, from "warning" up.
    """
    as_console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _what_happened_first,
    ]
    last: list[Any] = [_console_renderer()] if as_console else _json_renderers()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**fields)
    _take_over_standard_logging(shared, last)


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
