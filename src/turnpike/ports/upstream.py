"""What the pipeline needs of the way to a provider."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Patience(msgspec.Struct, frozen=True, gc=False):
    """How long one attempt may take; `…_at` are moments of the event loop's time, in seconds."""

    connect_seconds: float
    first_byte_seconds: float
    idle_seconds: float
    total_at: float
    first_content_at: float


class Answer(Protocol):
    """A provider's answer whose head has arrived. `leave` it when it is no longer needed.

    `headers` holds lower-case names; one that came more than once is joined by ", ".
    """

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers."""

    @property
    def arrived(self) -> bytes | None:
        """The whole body as it was sent, where all of it has come; None where `whole` is to be awaited."""

    async def whole(self, limit_bytes: int) -> bytes:
        """The whole body.

        Raises UpstreamInterrupted where it breaks off, UpstreamTimeout where a limit of time
        passes, UpstreamInvalid where it is larger than `limit_bytes` or not HTTP.
        """

    async def piece(self) -> bytes:
        """What has come of the body since the last piece, at least one byte; b"" at its end.

        Raises as `whole` does.
        """

    def expire_by(self, at: float) -> None:
        """From now on the answer as a whole may take until the event loop's time `at`."""

    def expire_in(self, seconds: float) -> None:
        """From now on it may take this long."""

    def leave(self) -> None:
        """Done with it: the connection is kept where the answer was read to its end, else cut."""


class Channel(Protocol):
    """The way to one provider's address."""

    async def send(self, head: bytes, body: bytes, patience: Patience) -> Answer:
        """Send a request; returns when the answer's head is there.

        `head` is the request line and every header but content-length, without the blank line.
        Raises Unreached where nothing of the request can have been processed, UpstreamFailed
        where that is not known, UpstreamTimeout where a limit of time passes, UpstreamInvalid
        where what comes back is not HTTP.
        """


class Unreached(Exception):
    """The request did not leave: trying again, or elsewhere, repeats nothing.

    message: for whoever runs the gateway, with names and addresses. told: for callers, whom they are no business of.
    """

    def __init__(self, message: str, *, told: str = "it cannot be reached", timed_out: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.told = told
        self.timed_out = timed_out
