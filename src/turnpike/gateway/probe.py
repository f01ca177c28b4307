"""Asking a provider one harmless question, on the very way that calls take, to see whether it can be used."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from turnpike.domain.errors import TurnpikeError, UpstreamTimeout
from turnpike.domain.provider import ProviderKind
from turnpike.domain.snapshot import Provider
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.provision import Provisioner, Unprovisionable, UnusableTls
from turnpike.gateway.uplink import Uplink
from turnpike.ports.sealing import Seal
from turnpike.ports.upstream import Answer, Patience, Unreached

PROBE_SECONDS: Final = 10.0

Reach = Literal["fine", "refused", "limited", "unreachable", "timeout", "certificate", "absent", "odd"]


class Probed(msgspec.Struct, frozen=True):
    """What came of it; `says` holds nothing of the credential or of what the provider wrote.

    date_seconds: the provider's clock, where its answer told it.
    """

    reach: Reach
    says: str
    date_seconds: float | None = None


class Prober:
    """Asks providers for their lists of models; make it inside a running loop."""

    def __init__(self, kinds: Mapping[str, ProviderKind], seal: Seal) -> None:
        self._now = asyncio.get_running_loop().time
        # The wheel is never started: the question as a whole has a limit of its own.
        self._provisioner = Provisioner(kinds, seal, Deadlines())

    async def ask(self, provider: Provider) -> Probed:
        """Ask with the first of the provider's credentials, for no longer than the time limit."""
        try:
            async with asyncio.timeout(PROBE_SECONDS), self._provisioner.way_to(provider) as uplink:
                return await self._ask(uplink)
        except UnusableTls as fault:
            return Probed("certificate", f"its TLS files cannot be used: {fault}")
        except Unprovisionable as fault:
            return Probed("refused", str(fault))
        except (TimeoutError, UpstreamTimeout):
            return Probed("timeout", f"it did not answer within {PROBE_SECONDS:g} s")
        except Unreached as fault:
            return _unreached(fault)
        except TurnpikeError as fault:
            return Probed("unreachable", fault.message)

    async def _ask(self, uplink: Uplink) -> Probed:
        until = self._now() + PROBE_SECONDS
        patience = Patience(PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS, until, until)
        answer = await uplink.channel.send(uplink.models_head, b"", patience)
        try:
            return _judged(answer)
        finally:
            answer.leave()


def _unreached(fault: Unreached) -> Probed:
    if fault.timed_out:
        return Probed("timeout", f"it did not answer within {PROBE_SECONDS:g} s")
    is_of_tls = isinstance(fault.__cause__, ssl.SSLError)
    return Probed("certificate" if is_of_tls else "unreachable", fault.message)


def _judged(answer: Answer) -> Probed:
    status, seconds = answer.status, _seconds_of(answer.headers.get(b"date"))
    if status < 300:
        return Probed("fine", "it answers and takes the credential", seconds)
    if status in (401, 403):
        return Probed("refused", f"it refuses the credential (HTTP {status})", seconds)
    if status == 429:
        return Probed("limited", "it takes the credential, and limits its rate now (HTTP 429)", seconds)
    if status == 404:
        says = "it has no list of models at its address (HTTP 404): the credential was not proved"
        return Probed("absent", says, seconds)
    return Probed(
        "odd", f"it answers HTTP {status} when asked for its models: the credential was not proved", seconds
    )


def _seconds_of(date: bytes | None) -> float | None:
    if date is None:
        return None
    try:
        return email.utils.parsedate_to_datetime(date.decode("latin-1")).timestamp()
    except ValueError:
        return None
