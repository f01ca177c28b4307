"""What is published, what was changed by whom, and who is asking."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from turnpike.control.api.answers import event_values, json_response, moment, worker_values
from turnpike.control.api.requests import Caller, RoadDependency, done_in_turn
from turnpike.control.document.fault import shown
from turnpike.control.document.instant import instant_ns
from turnpike.control.document.names import suggestion
from turnpike.control.permissions import HOLDERS, TEAM_ADMIN
from turnpike.control.resources.table import KINDS
from turnpike.control.services.trail import ACTIONS, verify_trail
from turnpike.domain.errors import InvalidRequest
from turnpike.ports.store import SNAPSHOTS_KEPT, EventQuery

PAGE_EVENTS = 100
PAGE_EVENTS_MAX = 1000
SERIAL_MAX = 2**63 - 1

router = APIRouter(prefix="/api/v1", tags=["status"])


@router.get("/whoami")
def whoami(actor: Caller) -> Response:
    """The caller, with its roles and permissions."""
    held = [p for p in HOLDERS if actor.holds(p)]
    for_teams = [p for p, roles in HOLDERS.items() if actor.teams and TEAM_ADMIN in roles]
    return json_response(
        {
            "actor": actor.name,
            "key": actor.key,
            "role": actor.role,
            "permissions": held,
            "team_admin_of": sorted(actor.teams),
            "team_permissions": for_teams,
        }
    )


@router.get("/snapshot")
async def snapshot(actor: Caller, road: RoadDependency) -> Response:
    """What is published, since when, by whom, and what each gateway worker runs."""
    kept = await asyncio.to_thread(road.plane.store.snapshots, SNAPSHOTS_KEPT)
    current = road.publication.current
    now_ns = road.plane.clock.monotonic_ns()
    return json_response(
        {
            "version": current.version if current else None,
            "serial": current.serial if current else None,
            "published_at": moment(current.created_at_ns) if current else None,
            "workers": [worker_values(view, now_ns, actor) for view in road.publication.workers()],
            "history": [
                {
                    "version": stored.version,
                    "serial": stored.serial,
                    "published_at": moment(stored.created_at_ns),
                    "published_by": stored.actor,
                    "bytes": len(stored.body),
                }
                for stored in kept
            ],
        }
    )


@router.get("/audit")
def list_events(
    request: Request,
    road: RoadDependency,
    limit: Annotated[int, Query(ge=1, le=PAGE_EVENTS_MAX)] = PAGE_EVENTS,
    after: Annotated[
        int | None, Query(ge=0, le=SERIAL_MAX, description="Go on after this serial number.")
    ] = None,
) -> Response:
    """Changes of configuration, newest first (`?order=oldest` turns it round).

    Filters: `kind`, `name`, `actor`, `action`, and `from` and `to` (RFC 3339).
    """
    query = _query(dict(request.query_params), limit, after)
    events = road.plane.store.events(msgspec.structs.replace(query, limit=limit + 1))
    more = len(events) > limit
    shown = events[:limit]
    return json_response(
        {"items": [event_values(event) for event in shown], "next": shown[-1].serial if more else None}
    )


@router.get("/audit/verify")
async def verify_events(request: Request, road: RoadDependency) -> Response:
    """Whether the whole audit trail is as it was written: nothing changed, cut out or cut off."""
    return json_response(await done_in_turn(request, road.documents, lambda: verify_trail(road.plane)))


_FILTERS = ("kind", "name", "actor", "action")
_PARAMETERS = frozenset({*_FILTERS, "from", "to", "order", "limit", "after"})


def _query(given: dict[str, str], limit: int, after: int | None) -> EventQuery:
    unknown = given.keys() - _PARAMETERS
    if unknown:
        raise InvalidRequest(
            f"audit has no parameter {min(unknown)!r}; it has {', '.join(sorted(_PARAMETERS))}"
        )
    _check_word(given, "kind", KINDS)
    _check_word(given, "action", ACTIONS)
    order = given.get("order", "newest")
    if order not in ("newest", "oldest"):
        raise InvalidRequest("order is newest or oldest")
    return EventQuery(
        limit,
        after,
        order == "oldest",
        **{name: given.get(name) for name in _FILTERS},
        from_ns=_instant(given, "from"),
        to_ns=_instant(given, "to"),
    )


def _check_word(given: dict[str, str], name: str, words: Collection[str]) -> None:
    found = given.get(name)
    if found is not None and found not in words:
        raise InvalidRequest(f"audit has no {name} {shown(found)}{suggestion(found, words)}")


def _instant(given: dict[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        return instant_ns(given[name])
    except ValueError as fault:
        raise InvalidRequest(f"{name}: {fault}") from None
