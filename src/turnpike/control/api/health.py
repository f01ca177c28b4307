"""Whether control lives, and whether it can be asked."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from turnpike.control.api.requests import RoadDependency
from turnpike.domain.errors import Draining, NotReady

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Response:
    """Control answers."""
    return Response("live\n", media_type="text/plain")


@router.get("/readyz")
async def readyz(road: RoadDependency) -> Response:
    """Control has a configuration published and its store at hand, and is not stopping."""
    if road.publication.stopped:
        raise Draining("control is stopping")
    if road.publication.current is None:
        raise NotReady("control has published no configuration yet")
    await asyncio.to_thread(road.plane.store.revision)
    return Response("ready\n", media_type="text/plain")
