"""What a request says of its idempotency key: the key itself, whose it is, and what was asked."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from turnpike.domain.errors import InvalidRequest
from turnpike.domain.principal import Principal
from turnpike.gateway.idempotency.claim import SHARE_BYTES
from turnpike.gateway.idempotency.entry import PURPOSE
from turnpike.gateway.reply_head import upstream_suffix
from turnpike.ports.http import Request
from turnpike.ports.sealing import Seal

IDEMPOTENCY_KEY: Final = b"idempotency-key"
REQUEST_PURPOSE: Final = "idempotency-request"
SHARE_PURPOSE: Final = "idempotency-share"

_FORM: Final = re.compile(rb"[!-~]{1,255}")
_encoder = msgspec.msgpack.Encoder()


def read_key(request: Request) -> bytes:
    """The key as it was sent. Raises InvalidRequest where it has not the form of one."""
    key = request.headers[IDEMPOTENCY_KEY]
    if _FORM.fullmatch(key) is None:
        raise InvalidRequest("idempotency-key: give 1 to 255 visible ASCII characters, and no space.")
    return key


def name_of(key: bytes, principal: Principal, seal: Seal) -> str:
    """The name under which a caller's key is kept; it gives away neither.

    Callers are told apart by their Turnpike key, and by the user that they act for.
    """
    owner = (principal.organisation, principal.key, principal.user)
    return seal.digest(_encoder.encode((*owner, key)), PURPOSE).hex()


def share_of(principal: Principal, seal: Seal) -> bytes:
    """Whose share of the folder a caller's keys count to: the team's, or the Turnpike key's where it has no team.

    It says of nobody who it is. The user is no part of it, whom the caller may choose.
    """
    owner = (principal.organisation, principal.team, principal.key if principal.team is None else None)
    return seal.digest(_encoder.encode(owner), SHARE_PURPOSE)[:SHARE_BYTES]


def fingerprint_of(request: Request, name: str, seal: Seal) -> bytes:
    """What recognises a request under its key; a Turnpike key in the query is no part of it."""
    body = seal.digest(request.body, REQUEST_PURPOSE)
    suffix = upstream_suffix(request, request.path.encode())
    return seal.digest(_encoder.encode((name, request.method, suffix, body)), REQUEST_PURPOSE)
