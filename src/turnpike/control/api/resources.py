"""Resources one by one: list, get, put, delete."""

from __future__ import annotations

import asyncio
import difflib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from turnpike.control.api.answers import etag, json_response, resource_values
from turnpike.control.api.requests import (
    JSON,
    YAML_TYPES,
    Caller,
    Name,
    RoadDependency,
    media_type_of,
    read_text,
)
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reading import Source
from turnpike.control.resources.table import KINDS
from turnpike.control.services.carry_out import carry_out
from turnpike.control.services.change import Decision
from turnpike.control.services.documents import (
    Precondition,
    Removal,
    Replacement,
    Reviewed,
    decide_removal,
    decide_replacement,
)
from turnpike.control.services.listing import (
    Wanted,
)
from turnpike.control.services.listing import (
    get_resource as find_resource,
)
from turnpike.control.services.listing import (
    list_resources as find_resources,
)
from turnpike.domain.errors import InvalidRequest, NotFound, PreconditionFailed
from turnpike.ports.store import State, StoredResource

RESOURCE_MAX_BYTES = 1024 * 1024
PAGE_ITEMS = 100
PAGE_ITEMS_MAX = 1000

router = APIRouter(prefix="/api/v1", tags=["resources"])


def _kind(kind: str) -> str:
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise NotFound(f"there is no kind of resource {kind!r}{hint} (known: {', '.join(KINDS)})")
    return kind


Kind = Annotated[str, Depends(_kind)]
Limit = Annotated[int, Query(ge=1, le=PAGE_ITEMS_MAX, description="How many at most.")]
After = Annotated[str | None, Query(description="Go on after this, the `next` of the page before.")]


@router.get("/{kind}")
def list_resources(
    request: Request,
    actor: Caller,
    road: RoadDependency,
    kind: Kind,
    limit: Limit = PAGE_ITEMS,
    after: After = None,
) -> Response:
    """The resources of a kind by name; any field filters (`?team=research`, `?labels.env=prod`, `?owner=api`)."""
    filters = {name: value for name, value in request.query_params.items() if name not in ("limit", "after")}
    _check_filters(kind, filters)
    page = find_resources(road.plane, actor, Wanted(kind, limit, after, filters))
    return json_response({"items": [resource_values(seen) for seen in page.items], "next": page.after})


@router.get("/{kind}/{name:path}")
def get_resource(actor: Caller, road: RoadDependency, kind: Kind, name: Name) -> Response:
    """One resource; its `ETag` goes into `If-Match` of a change."""
    seen = find_resource(road.plane, actor, ResourceId(kind, name))
    return json_response(resource_values(seen), headers={"etag": etag(seen.stored)})


@router.put("/{kind}/{name:path}")
async def put_resource(
    request: Request, actor: Caller, road: RoadDependency, kind: Kind, name: Name
) -> Response:
    """Make a resource what the body says, in JSON or YAML; again changes nothing. A key that is made is shown once."""
    media_type = media_type_of(request, YAML_TYPES | {JSON}, JSON)
    text = await read_text(request, RESOURCE_MAX_BYTES)
    source = _source(f"{kind}/{name}", text, media_type)
    created = False

    def seen_before(stored: StoredResource | None) -> None:
        nonlocal created
        created = stored is None
        _precondition(request)(stored)

    wanted = Replacement(ResourceId(kind, name), source, seen_before)
    reviews: list[Reviewed] = []

    def decided(state: State) -> Decision:
        reviews.append(decide_replacement(road.plane, state, actor, wanted))
        return reviews[-1].decision

    decision = await carry_out(road, decided)
    seen = await asyncio.to_thread(find_resource, road.plane, actor, wanted.id)
    values = resource_values(seen, reviews[-1].remarks)
    if name in decision.minted:
        values["secret"] = decision.minted[name].reveal()
    return json_response(values, 201 if created else 200, {"etag": etag(seen.stored)})


@router.delete("/{kind}/{name:path}", status_code=204)
async def delete_resource(
    request: Request, actor: Caller, road: RoadDependency, kind: Kind, name: Name
) -> Response:
    """Remove a resource that no other one needs."""
    wanted = Removal(ResourceId(kind, name), _precondition(request))
    await carry_out(road, lambda state: decide_removal(road.plane, state, actor, wanted))
    return Response(status_code=204)


def _check_filters(kind: str, filters: dict[str, str]) -> None:
    known = {field.name for field in msgspec.structs.fields(KINDS[kind].type)} | {"owner"}
    for name in filters:
        if name.split(".", 1)[0] not in known:
            raise InvalidRequest(
                f"{kind} have no field {name!r} to filter by; they have {', '.join(sorted(known))}"
            )


def _source(file: str, text: str, media_type: str) -> Source:
    """The text to read; what control added to an answer is dropped, so that it can be put back."""
    if media_type != JSON:
        return Source(file, text)
    try:
        values = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return Source(file, text, "json")
    if not isinstance(values, dict) or "meta" not in values:
        return Source(file, text, "json")
    del values["meta"]
    return Source(file, msgspec.json.format(msgspec.json.encode(values)).decode(), "json")


def _precondition(request: Request) -> Precondition:
    """What the request's headers ask of the resource (RFC 9110, 13.1)."""
    must_match = _tags(request, "if-match")
    must_not_match = _tags(request, "if-none-match")

    def check(stored: StoredResource | None) -> None:
        tags = {etag(stored), "*"} if stored else set()
        if must_match and not tags & must_match:
            found = f"it is at {etag(stored)}" if stored else "there is none"
            raise PreconditionFailed(
                f"the resource is not the one that If-Match names: {found}; look at it again"
            )
        if tags & must_not_match:
            raise PreconditionFailed("there is such a resource already, which If-None-Match rules out")

    return check


def _tags(request: Request, header: str) -> set[str]:
    return {tag.strip() for tag in request.headers.get(header, "").split(",") if tag.strip()}
