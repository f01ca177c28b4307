"""Claims and answers of idempotency keys, as tests of the folder that keeps them use them."""

from __future__ import annotations

from turnpike.domain.call_status import CallStatus
from turnpike.gateway.idempotency.claim import Claim
from turnpike.gateway.idempotency.entry import Answered, Claimed
from turnpike.gateway.idempotency.folder import Found

NAME = "ab" * 32
OTHER = "cd" * 32
TEAM, OTHER_TEAM = b"research", b"sales---"
CLAIMED = Claimed(b"f" * 32, "call-1")
ANSWERED = Answered(b"f" * 32, "call-1", False, 200, b"", b"an answer", CallStatus.SUCCEEDED, None)


def claim_of(taken: Claim | Found) -> Claim:
    assert isinstance(taken, Claim)
    return taken


def claimed(call_id: str) -> Claimed:
    return Claimed(b"f" * 32, call_id)
