"""Secret headers and a secret proxy are opened where they are used, and nowhere else."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from turnpike.domain.snapshot import Provider, Snapshot
from turnpike.domain.surface import OPENAI_CHAT
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.provision import Provisioner, Serving, Unprovisionable
from turnpike.providers.table import PROVIDERS


class OpenSeal:
    """A seal that anyone can open: what is closed begins with its purpose."""

    def close(self, secret: bytes, purpose: str) -> bytes:
        return purpose.encode() + b":" + secret

    def open(self, closed: bytes, purpose: str) -> bytes:
        head, _, secret = closed.partition(b":")
        if head != purpose.encode():
            raise ValueError("closed for another purpose")
        return secret

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return self.close(secret, purpose)


PROVIDER = Provider(
    name="p",
    kind="openai-compatible",
    base_url="http://127.0.0.1:9/v1",
    credentials=(b"credential:sk-1",),
    headers=(("x-plain", "a"),),
    sealed_headers=(("x-token", b"credential:Bearer b"),),
    sealed_proxy=b"credential:http://u:p@127.0.0.1:3128",
)


async def provisioned(*providers: Provider) -> list[Serving]:
    provisioner = Provisioner(PROVIDERS, OpenSeal(), Deadlines())
    served: list[Serving] = []
    for provider in providers:
        snapshot = Snapshot("v", 1, 1, "default", providers=(provider,), models=())
        served.append(await provisioner.provision(snapshot, served[-1] if served else None))
    return served


def test_secret_headers_and_proxy_go_upstream_opened_and_stay_sealed_in_what_is_kept() -> None:
    (serving,) = asyncio.run(provisioned(PROVIDER))
    way = serving.catalogue.way_to("p", "m", OPENAI_CHAT)
    assert way is not None
    (head,) = way.uplink.fixed_heads
    assert b"x-plain: a\r\n" in head
    assert b"x-token: Bearer b\r\n" in head
    assert b"proxy-authorization: Basic dTpw\r\n" in head
    assert not way.uplink.sieve[b"x-token"]
    assert serving.snapshot.providers == (PROVIDER,)


def test_another_secret_proxy_is_another_way() -> None:
    other = msgspec.structs.replace(PROVIDER, sealed_proxy=b"credential:http://127.0.0.1:3129")
    first, same, moved = asyncio.run(provisioned(PROVIDER, PROVIDER, other))
    assert first.pools["p"] is same.pools["p"]
    assert same.pools["p"] is not moved.pools["p"]


def test_a_header_sealed_under_another_key_is_refused() -> None:
    strange = msgspec.structs.replace(PROVIDER, sealed_headers=(("x-token", b"other:b"),))
    with pytest.raises(Unprovisionable, match="its secrets were sealed under another master key"):
        asyncio.run(provisioned(strange))


@pytest.mark.parametrize("secret", ["sk–1".encode(), b"sk-1\r\nx-forged: 1"])
def test_a_secret_that_no_header_can_carry_is_refused_by_name(secret: bytes) -> None:
    odd = msgspec.structs.replace(PROVIDER, credentials=(b"credential:" + secret,))
    with pytest.raises(Unprovisionable, match="provider 'p': a secret of it holds a character") as refused:
        asyncio.run(provisioned(odd))
    assert "sk" not in str(refused.value)
