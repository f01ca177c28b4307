"""The node link: gateway workers ask here for what to run, and say what they run."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from turnpike.control.api.requests import Way, read_json
from turnpike.control.publish import Delivery, Publication, Report

REPORT_MAX_BYTES = 64 * 1024
SNAPSHOT_TYPE = "application/vnd.turnpike.snapshot"

router = APIRouter(tags=["node link"])


@router.post("/internal/v1/link")
async def link(request: Request, road: Way) -> Response:
    """What the worker is to do, at once or as soon as there is something; 204 where there was nothing."""
    report = await read_json(request, Report, REPORT_MAX_BYTES)
    delivery = await _answer_or_leave(request, road.publication, report)
    if delivery is None:
        return Response(status_code=204)
    headers = {"x-turnpike-phase": delivery.phase, "x-turnpike-snapshot": delivery.version}
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
