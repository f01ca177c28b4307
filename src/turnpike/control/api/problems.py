"""Errors as problem documents (RFC 9457), with the codes of domain.errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from turnpike.control.permissions import Actor, Permission
from turnpike.domain.errors import (
    FaultyDocument,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    ProvisionRefused,
    StoreUnavailable,
    TurnpikeError,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:turnpike:problem:"
RETRY_AFTER_SECONDS = 1

_STATUSES = frozenset(HTTPStatus)

_log = structlog.get_logger()

Answering = Callable[[Request, Exception], Coroutine[Any, Any, Response]]


def answer_errors(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Give every error of the app its problem document; a fault of our own shows nothing of itself."""
    app.state.routes = routes
    rows: Mapping[type[Exception], Answering] = {
        TurnpikeError: _answer_turnpike_error,
        RequestValidationError: _answer_bad_parameter,
        HTTPException: _answer_http_error,
        Exception: _answer_own_fault,
    }
    for error, answering in rows.items():
        app.add_exception_handler(error, answering)


def problem_response(error: TurnpikeError, headers: Mapping[str, str] | None = None) -> Response:
    """The error as its problem document."""
    problem = {
        "type": TYPE_PREFIX + error.code,
        "title": _phrase(error.http_status),
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
        **_members(error),
    }
    return Response(
        msgspec.json.encode(problem), error.http_status, {**_headers(error), **(headers or {})}, MEDIA_TYPE
    )


def _phrase(status: int) -> str:
    # 499 is not among them, which says to nobody that a caller is gone.
    return HTTPStatus(status).phrase if status in _STATUSES else ""


def _members(error: TurnpikeError) -> dict[str, object]:
    match error:
        case FaultyDocument():
            return {"faults": error.faults}
        case ProvisionRefused():
            return {"workers": error.workers}
        case _:
            return {}


def _headers(error: TurnpikeError) -> dict[str, str]:
    headers = {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="turnpike control"'
    if error.http_status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["retry-after"] = str(math.ceil(error.retry_after_seconds or RETRY_AFTER_SECONDS))
    return headers


async def _answer_turnpike_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TurnpikeError)
    if isinstance(error, StoreUnavailable):
        _log.warning("store.unavailable", reason=error.message)
        return problem_response(StoreUnavailable("the store cannot be used now; control's log says why"))
    return problem_response(_as_seen(request, error))


def _as_seen(request: Request, error: TurnpikeError) -> TurnpikeError:
    """What workers say of providers and files is for those who may see what workers run."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if not isinstance(error, ProvisionRefused) or (actor and actor.holds(Permission.READ_SNAPSHOT)):
        return error
    return ProvisionRefused(
        "gateway workers cannot serve from this configuration, and nothing was changed; ask whoever may see why"
        " (GET /api/v1/snapshot)",
        {},
    )


async def _answer_bad_parameter(_request: Request, error: Exception) -> Response:
    """What was sent is not repeated: it could be a secret in the wrong place."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"path": ".".join(str(step) for step in fault["loc"]), "message": fault["msg"]}
        for fault in error.errors()
    ]
    said = "; ".join(f"{fault['path']}: {fault['message']}" for fault in faults)
    return problem_response(FaultyDocument(said, faults))


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound(f"there is nothing at {request.url.path}; see /docs"), headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = _methods_of(request)
        allowed = ", ".join(methods)
        said = f"{request.method} is not for {request.url.path}, which takes {allowed}"
        return problem_response(MethodNotAllowed(said, methods), {"allow": allowed})
    return problem_response(InvalidRequest(str(error.detail)), headers)


def _methods_of(request: Request) -> list[str]:
    """What the address takes, over all its routes."""
    near = (route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in near if isinstance(route, Route) for method in route.methods or ()})


async def _answer_own_fault(request: Request, error: Exception) -> Response:
    _log.error("control.failed", path=request.url.path, method=request.method, fault=type(error).__name__)
    return problem_response(InternalError("a fault of control's own; its log has the details"))
