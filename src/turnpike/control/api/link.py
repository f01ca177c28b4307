"""The node link: gateway workers ask here for what to run, and say what they run."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from turnpike.control.api.requests import RoadDependency, read_json
from turnpike.control.publish import Delivery, Publication, is_ahead
from turnpike.control.services.carry_out import publish_stored
from turnpike.ports.link import LINK_PATH, PHASE_HEADER, SNAPSHOT_TYPE, VERSION_HEADER, Report

REPORT_MAX_BYTES = 64 * 1024

router = APIRouter(tags=["node link"])


@router.post(LINK_PATH)
async def link(request: Request, road: RoadDependency) -> Response:
    """What the worker is to do, at once or as soon as there is something; 204 where there was nothing."""
    report = await read_json(request, Report, REPORT_MAX_BYTES)
    if is_ahead(report, road.publication.current):
        # Another control process on the same store was quicker: no worker goes back to what was before.
        await publish_stored(road)
    delivery = await _answer_or_leave(request, road.publication, report)
    if delivery is None:
        return Response(status_code=204)
    headers = {PHASE_HEADER: delivery.phase, VERSION_HEADER: delivery.version}
    return Response(delivery.body, 200, headers, SNAPSHOT_TYPE)


async def _answer_or_leave(request: Request, publication: Publication, report: Report) -> Delivery | None:
    """The publication's answer; a worker that hangs up meanwhile is not waited for any more."""
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(_leave_when_gone(request, publication, report))
        delivery = await publication.answer(report)
        watch.cancel()
    return delivery


async def _leave_when_gone(request: Request, publication: Publication, report: Report) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    publication.leave(report)
