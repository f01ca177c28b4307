"""Giving an answer again that was given before."""

from __future__ import annotations

from typing import Final

from turnpike.gateway.idempotency.entry import Answered
from turnpike.gateway.progress import Progress
from turnpike.gateway.reply_head import call_lines
from turnpike.ports.http import Reply

PIECE_BYTES: Final = 65_536

NOT_AGAIN: Final = frozenset(
    (
        # those of this call take their place
        b"x-turnpike-call-id",
        b"x-request-id",
        b"request-id",
        # repeating the same key brings the same answer, however long one waits
        b"retry-after",
        b"retry-after-ms",
        b"x-should-retry",
        b"server-timing",
    )
)
NOT_AGAIN_PREFIXES: Final = (b"x-ratelimit-", b"ratelimit-", b"anthropic-ratelimit-")
"""What a provider had left then says nothing of now."""


async def give_again(answered: Answered, call: Progress, reply: Reply) -> None:
    """Answer a call as an earlier one was answered, in the same form, and end as it ended."""
    call.status, call.error = answered.ending, answered.error
    call.http_status = answered.status
    head = replay_head(answered, call.call_id)
    if not answered.streamed:
        reply.whole(answered.status, head, answered.body)
        return
    reply.begin(answered.status, head)
    for start in range(0, len(answered.body), PIECE_BYTES):
        reply.write(answered.body[start : start + PIECE_BYTES])
        if reply.congested:
            await reply.drained()
    reply.end()


def replay_head(answered: Answered, call_id: str) -> bytes:
    """The head that the answer had, with this call's ids and the first call's as `x-turnpike-replayed`."""
    lines = [call_lines(call_id)]
    for line in answered.head.splitlines(keepends=True):
        name = line.partition(b":")[0].lower()
        if name not in NOT_AGAIN and not name.startswith(NOT_AGAIN_PREFIXES):
            lines.append(line)
    lines.append(b"x-turnpike-replayed: %b\r\n" % answered.call_id.encode())
    if answered.status >= 400:
        lines.append(b"x-should-retry: false\r\n")
    return b"".join(lines)
