"""Documents of resources: plan, apply, export, and the schema that editors complete them by."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from turnpike.control.api.answers import json_response, minted_values, plan_values, worker_values
from turnpike.control.api.requests import (
    JSON,
    YAML,
    YAML_TYPES,
    Caller,
    RoadDependency,
    done_in_turn,
    media_type_of,
    read_json,
    read_text,
    take_document,
)
from turnpike.control.document.fault import Fault, shown
from turnpike.control.document.reading import Source
from turnpike.control.resources.table import document_schema
from turnpike.control.services.carry_out import carry_out
from turnpike.control.services.change import Decision
from turnpike.control.services.documents import (
    Document,
    decide_document,
    export_values,
    given_secrets,
    read,
)
from turnpike.control.services.documents import (
    export as export_yaml,
)
from turnpike.domain.errors import InvalidRequest
from turnpike.ports.clock import SECOND_NS
from turnpike.ports.store import State

DOCUMENT_TYPE = "application/vnd.turnpike.document+json"
DOCUMENT_TYPES = YAML_TYPES | {JSON, DOCUMENT_TYPE}
DEFAULT_OWNER = "document"
FILE_MAX_CHARACTERS = 200
"""Of the document's name, in each of its faults."""

router = APIRouter(prefix="/api/v1", tags=["documents"])

Owner = Annotated[str | None, Query(description="Who owns what the document names.")]
TakeOver = Annotated[
    bool,
    Query(description="What the document names and others made becomes its owner's, which the plan shows."),
]


class SentDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document as the command line sends it: its text, and what its references stand for there."""

    text: str
    file: str = DEFAULT_OWNER
    owner: str | None = None
    secrets: dict[str, str] = {}
    missing: tuple[str, ...] = ()


@router.post("/plan")
async def plan(
    request: Request, actor: Caller, road: RoadDependency, owner: Owner = None, take_over: TakeOver = False
) -> Response:
    """What applying the document would change; nothing is changed."""
    document = await _document(request, owner, take_over)
    plane = road.plane
    reading = await done_in_turn(request, road.documents, lambda: read(plane, document))

    def planned() -> Response:
        reviewed = decide_document(plane, plane.store.state(), actor, document, reading)
        return json_response({**plan_values(reviewed.decision.plan), "remarks": reviewed.remarks})

    return await done_in_turn(request, road.documents, planned)


@router.post("/apply")
async def apply(
    request: Request, actor: Caller, road: RoadDependency, owner: Owner = None, take_over: TakeOver = False
) -> Response:
    """Make the configuration what the document says, all of it or nothing; keys that are made are shown once."""
    document = await _document(request, owner, take_over)
    clock = road.plane.clock
    started_ns = clock.monotonic_ns()
    reading = await done_in_turn(request, road.documents, lambda: read(road.plane, document))
    remarks: tuple[Fault, ...] = ()

    def decided(state: State) -> Decision:
        nonlocal remarks
        reviewed = decide_document(road.plane, state, actor, document, reading)
        remarks = reviewed.remarks
        return reviewed.decision

    decision = await carry_out(road, decided, road.documents)
    current = road.publication.current
    version = current.version if current else None
    workers = await road.publication.spread(version) if version else ()
    now_ns = clock.monotonic_ns()
    return await asyncio.to_thread(
        lambda: json_response(
            {
                **plan_values(decision.plan),
                "remarks": remarks,
                "keys": minted_values(decision.minted),
                "version": version,
                "workers": [worker_values(view, now_ns, actor) for view in workers],
                "took_seconds": (now_ns - started_ns) / SECOND_NS,
            }
        )
    )


@router.get("/export")
async def export(
    request: Request,
    road: RoadDependency,
    owner: Owner = None,
    form: Annotated[Literal["yaml", "json"], Query(alias="format")] = "yaml",
) -> Response:
    """The configuration as a document that applies to the same; references stand for secrets."""

    def exported() -> Response:
        if form == "json":
            return json_response(export_values(road.plane, owner))
        return Response(export_yaml(road.plane, owner), media_type="application/yaml")

    return await done_in_turn(request, road.documents, exported)


@router.get("/schema")
def schema(road: RoadDependency) -> Response:
    """The JSON Schema of `turnpike.yaml`."""
    return json_response(document_schema(road.plane.providers))


async def _document(request: Request, owner: str | None, takes_over: bool) -> Document:
    """The document in the body: as the command line sends it, or plain YAML or JSON."""
    take_document(request)
    media_type = media_type_of(request, DOCUMENT_TYPES, YAML)
    if media_type == DOCUMENT_TYPE:
        sent = await read_json(request, SentDocument)
        given = given_secrets(sent.secrets, sent.missing)
        source = Source(_shown_file(sent.file), sent.text)
        return Document(source, _owner(owner, sent), given, takes_over)
    text = await read_text(request)
    source = Source(DEFAULT_OWNER, text, "json" if media_type == JSON else "yaml")
    return Document(source, owner or DEFAULT_OWNER, takes_over=takes_over)


def _owner(asked: str | None, sent: SentDocument) -> str:
    """Who owns what the document names: as the address or the body says. Raises InvalidRequest where they differ."""
    if asked and sent.owner and asked != sent.owner:
        raise InvalidRequest(
            f"?owner= says {shown(asked)} and the body's `owner` {shown(sent.owner)}: give one, or the same twice"
        )
    return asked or sent.owner or sent.file


def _shown_file(file: str) -> str:
    """The name as each of the document's faults bears it: of a long path its end."""
    end = file if len(file) <= FILE_MAX_CHARACTERS else "…" + file[1 - FILE_MAX_CHARACTERS :]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in end)
