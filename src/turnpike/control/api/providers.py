"""Providers: whether they answer, asked from where control runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from fastapi import APIRouter, Request, Response

from turnpike.control.api.answers import json_response
from turnpike.control.api.requests import Name, Way
from turnpike.control.publish import Published
from turnpike.domain.errors import NotFound
from turnpike.domain.snapshot import Provider, decode_snapshot

Probe = Callable[[Provider], msgspec.Struct]
"""Asks a provider for its models, blocking, and says what came of it in a value without secrets."""

router = APIRouter(prefix="/api/v1/providers", tags=["providers"])


@router.post("/{name:path}/check")
async def check_provider(request: Request, road: Way, name: Name) -> Response:
    """Whether the provider, as it is published, answers and takes its credential."""
    probe: Probe = request.app.state.probe
    return json_response(await asyncio.to_thread(_probed, probe, road.publication.current, name))


def _probed(probe: Probe, current: Published | None, name: str) -> msgspec.Struct:
    providers = decode_snapshot(current.body).providers if current else ()
    provider = next((provider for provider in providers if provider.name == name), None)
    if provider is None:
        raise NotFound(f'there is no provider "{name}"')
    return probe(provider)
