"""What providers really have: their own lists of models, asked for beside the road of calls and kept a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from turnpike.domain.errors import TurnpikeError, UpstreamInvalid
from turnpike.domain.pattern import is_pattern
from turnpike.gateway.uplink import Uplink
from turnpike.gateway.upstream.packed import unpacked
from turnpike.ports.upstream import Answer, Patience, Unreached

WAIT_SECONDS: Final = 2.0
"""How long whoever asks waits for lists that are still to come."""

FETCH_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 300.0
"""How long a list counts as what the provider has."""

FAILED_SECONDS: Final = 30.0
"""How long a provider that gave no list is left alone."""

LIST_MAX_BYTES: Final = 8 * 1024 * 1024
NAMES_MAX: Final = 5000
NAME_MAX_CHARACTERS: Final = 256

Names = tuple[str, ...]


class _Model(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    """OpenAI's and Anthropic's form alike."""

    data: list[_Model]


_decoder = msgspec.json.Decoder(_List)


class Listings:
    """Each provider's list of models; make it inside a running loop and keep `keep` running."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._known: dict[str, _Listing] = {}
        self._wanted: asyncio.Queue[_Listing] = asyncio.Queue()

    async def keep(self) -> None:
        """Until cancelled: fetch what is asked for."""
        async with asyncio.TaskGroup() as group:
            while True:
                listing = await self._wanted.get()
                group.create_task(self._fetch(listing))

    async def names_at(
        self, uplinks: Mapping[str, Uplink], wait_seconds: float = WAIT_SECONDS
    ) -> dict[str, Names]:
        """The models of each provider, by provider; one that gives no list, or not in time, is left out."""
        wanted = [self._listing(uplink) for uplink in uplinks.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                for listing in wanted:
                    await listing.arrived.wait()
        return {listing.uplink.provider: listing.names for listing in wanted if listing.names}

    def forget_all_but(self, providers: Mapping[str, object]) -> None:
        """Providers that are configured no more need not be remembered."""
        self._known = {name: listing for name, listing in self._known.items() if name in providers}

    def _listing(self, uplink: Uplink) -> _Listing:
        """What is known of the provider; asked for where that is nothing, or too old."""
        known = self._known.get(uplink.provider)
        if known is not None and known.is_of(uplink) and not known.is_over(self._now()):
            return known
        # What was listed before stands until the answer is there, for those who do not get it in time.
        before = known.names if known is not None and known.is_of(uplink) else ()
        listing = self._known[uplink.provider] = _Listing(uplink, before)
        self._wanted.put_nowait(listing)
        return listing

    async def _fetch(self, listing: _Listing) -> None:
        uplink = listing.uplink
        try:
            listing.names = await self._listed(uplink)
            listing.over_at = self._now() + KEPT_SECONDS
        except (Unreached, TurnpikeError, ValueError, RecursionError) as fault:
            listing.names = ()
            listing.over_at = self._now() + FAILED_SECONDS
            reason = getattr(fault, "message", "") or type(fault).__name__
            structlog.get_logger().info("models.not_listed", provider=uplink.provider, reason=reason)
        finally:
            listing.arrived.set()

    async def _listed(self, uplink: Uplink) -> Names:
        total_at = self._now() + FETCH_SECONDS
        patience = Patience(CONNECT_SECONDS, FETCH_SECONDS, FETCH_SECONDS, total_at, total_at)
        try:
            answer = await uplink.channel.send(uplink.models_head, b"", patience)
        except Unreached:
            # Most likely a kept connection that had just been closed.
            answer = await uplink.channel.send(uplink.models_head, b"", patience)
        try:
            return names_in(await _body(answer))
        finally:
            answer.leave()


class _Listing:
    """One provider's list, come or still to come."""

    __slots__ = ("arrived", "names", "over_at", "uplink")

    def __init__(self, uplink: Uplink, names: Names) -> None:
        self.uplink = uplink
        self.names = names
        self.over_at = 0.0
        self.arrived = asyncio.Event()

    def is_of(self, uplink: Uplink) -> bool:
        """Whether it was asked for at this address, with this credential."""
        mine = self.uplink
        return mine.channel is uplink.channel and mine.models_head == uplink.models_head

    def is_over(self, now: float) -> bool:
        """Whether it is too old to be told."""
        return self.arrived.is_set() and now >= self.over_at


async def _body(answer: Answer) -> bytes:
    if answer.status != 200:
        raise UpstreamInvalid(f"It answered {answer.status} when asked for its models.")
    body = await answer.whole(LIST_MAX_BYTES)
    if b"content-encoding" in answer.headers:
        return unpacked(body, answer.headers[b"content-encoding"], LIST_MAX_BYTES)
    return body


def names_in(body: bytes) -> Names:
    """The names in a provider's list, without those that no caller could ask for.

    Raises ValueError (or RecursionError) where it is no list.
    """
    names = dict.fromkeys(model.id for model in _decoder.decode(body).data if _can_be_asked_for(model.id))
    return tuple(names)[:NAMES_MAX]


def _can_be_asked_for(name: str) -> bool:
    return 0 < len(name) <= NAME_MAX_CHARACTERS and name.isprintable() and not is_pattern(name)
