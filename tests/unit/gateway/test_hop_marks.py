"""Calls that come back from a provider are known again; vendors at their own addresses are told nothing."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from turnpike.domain.errors import CallInCircle
from turnpike.domain.snapshot import Provider, Snapshot
from turnpike.domain.surface import OPENAI_CHAT
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.headers import NOT_UPSTREAM, Sieve, travelling_lines
from turnpike.gateway.hop_marks import check_hops, hop_mark
from turnpike.gateway.provision import Provisioner, Serving
from turnpike.providers.table import PROVIDERS

INWARD = Provider("inward", "openai-compatible", "http://127.0.0.1:8080/v1")
OTHER = Provider("other", "openai", "http://gateway.internal/v1")
VENDOR = Provider("vendor", "openai", "https://api.openai.com/v1")


class KeyedSeal:
    """Digests that another key's differ from."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def close(self, secret: bytes, purpose: str) -> bytes:
        return secret

    def open(self, closed: bytes, purpose: str) -> bytes:
        return closed

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return hashlib.blake2b(secret + purpose.encode(), key=self.key, digest_size=32).digest()


OURS, THEIRS = KeyedSeal(b"ours"), KeyedSeal(b"theirs")


async def provisioned(*providers: Provider) -> Serving:
    snapshot = Snapshot("v", 1, 1, "default", providers=providers, models=())
    return await Provisioner(PROVIDERS, OURS, Deadlines()).provision(snapshot, None)


def fixed_head(serving: Serving, provider: str) -> bytes:
    way = serving.catalogue.way_to(provider, "m", OPENAI_CHAT)
    assert way is not None
    return way.uplink.fixed_heads[0]


def test_each_address_gets_a_mark_of_its_own_but_no_vendor_at_its_public_one() -> None:
    serving = asyncio.run(provisioned(INWARD, OTHER, VENDOR))
    inward, other = (hop_mark(provider.base_url, OURS) for provider in (INWARD, OTHER))
    assert inward != other
    assert f"{inward}: 1\r\n".encode() in fixed_head(serving, "inward")
    assert f"{other}: 1\r\n".encode() in fixed_head(serving, "other")
    assert b"x-hop-" not in fixed_head(serving, "vendor")


def test_a_call_with_any_mark_of_ours_goes_to_no_provider() -> None:
    serving = asyncio.run(provisioned(INWARD, OTHER))
    way = serving.catalogue.way_to("other", "m", OPENAI_CHAT)
    assert way is not None
    headers = {b"accept": b"a", hop_mark(INWARD.base_url, OURS).encode(): b"1"}
    for _ in range(2):
        with pytest.raises(CallInCircle, match="the provider inward and came back"):
            travelling_lines(headers, way.uplink.sieve)
    with pytest.raises(CallInCircle):
        check_hops(headers, serving.marks)


def test_another_gateways_mark_travels_on() -> None:
    serving = asyncio.run(provisioned(INWARD))
    theirs = hop_mark(INWARD.base_url, THEIRS).encode()
    assert travelling_lines({theirs: b"1"}, Sieve(NOT_UPSTREAM, serving.marks)) == theirs + b": 1\r\n"
    check_hops({theirs: b"1"}, serving.marks)
