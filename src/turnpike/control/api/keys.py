"""Keys: rotate and revoke."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response

from turnpike.control.api.answers import etag, json_response, resource_values
from turnpike.control.api.requests import Caller, Name, RoadDependency, read_json
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reference import Hidden
from turnpike.control.services.carry_out import carry_out_at_once
from turnpike.control.services.keys import Rotation, revoke, rotate
from turnpike.control.services.listing import get_resource
from turnpike.control.services.secrets import KEYS

BODY_MAX_BYTES = 64 * 1024

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class RotationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to rotate: how long old secrets stay valid, and the new one where it is brought."""

    overlap_seconds: float = 0
    secret: str | None = None


@router.post("/{name:path}/rotate")
async def rotate_key(request: Request, actor: Caller, road: RoadDependency, name: Name) -> Response:
    """Give a key a new secret, which this answer alone shows; the old one ends after `overlap_seconds`, everywhere."""
    body = await read_json(request, RotationBody, BODY_MAX_BYTES)
    rotation = Rotation(body.overlap_seconds, Hidden(body.secret) if body.secret is not None else None)
    decision = await carry_out_at_once(road, lambda: rotate(road.plane, actor, name, rotation))
    seen = await asyncio.to_thread(get_resource, road.plane, actor, ResourceId(KEYS, name))
    values = resource_values(seen)
    if name in decision.minted:
        values["secret"] = decision.minted[name].reveal()
    return json_response(values, headers={"etag": etag(seen.stored)})


@router.post("/{name:path}/revoke")
async def revoke_key(actor: Caller, road: RoadDependency, name: Name) -> Response:
    """Withdraw a key for good, at every worker within a second; again changes nothing."""
    decision = await carry_out_at_once(road, lambda: revoke(road.plane, actor, name))
    seen = await asyncio.to_thread(get_resource, road.plane, actor, ResourceId(KEYS, name))
    return json_response(resource_values(seen, decision.remarks), headers={"etag": etag(seen.stored)})
