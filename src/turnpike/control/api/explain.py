"""Why a key may or may not ask for a model."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from turnpike.control.api.answers import json_response
from turnpike.control.api.requests import Caller, RoadDependency, done_in_turn, read_json
from turnpike.control.services.explain import Question
from turnpike.control.services.explain import explain as explained

BODY_MAX_BYTES = 64 * 1024

router = APIRouter(prefix="/api/v1", tags=["keys"])


@router.post("/explain")
async def explain(request: Request, actor: Caller, road: RoadDependency) -> Response:
    """Which levels let a key ask for a model and which do not, and which targets would be tried, with what limits."""
    question = await read_json(request, Question, BODY_MAX_BYTES)
    answer = await done_in_turn(request, road.changes, lambda: explained(road.plane, actor, question))
    return json_response(answer)
