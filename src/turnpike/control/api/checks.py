"""Whether a provider can be used with the credential that is configured for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from turnpike.control.api.answers import json_response
from turnpike.control.api.requests import Name, RoadDependency
from turnpike.domain.errors import NotFound
from turnpike.domain.snapshot import Provider, decode_snapshot

Probe = Callable[[Provider], Awaitable[object]]
"""Asks a provider one harmless question; what comes of it can be shown, and holds no secret."""


async def probe_nobody(_provider: Provider) -> object:
    """The probe of a control plane that has no way to its providers."""
    return {"reach": "odd", "says": "control has no way to ask providers"}


router = APIRouter(prefix="/api/v1/providers", tags=["providers"])


@router.post("/{name:path}/check")
async def check_provider(request: Request, road: RoadDependency, name: Name) -> Response:
    """Ask a provider for its models with its credential, and say what came of it."""
    current = road.publication.current
    published = decode_snapshot(current.body).providers if current else ()
    provider = next((provider for provider in published if provider.name == name), None)
    if provider is None:
        raise NotFound(f'no provider "{name}" is published')
    probe: Probe = request.app.state.probe
    return json_response(await probe(provider))
