"""From resources to the snapshot that gateways serve from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from turnpike.control.document.kind import Resource
from turnpike.control.document.secret import SecretAddress
from turnpike.domain.provider import ProviderKind
from turnpike.domain.snapshot import Secret, Snapshot


class Stamp(msgspec.Struct, frozen=True):
    """What tells one snapshot from another."""

    version: str
    serial: int
    created_at_ns: int
    organisation: str = "default"


class Closed(msgspec.Struct, frozen=True):
    """Secrets as they are stored: sealed by address, and digests of keys by the key's name."""

    sealed: Mapping[SecretAddress, bytes]
    keys: Mapping[str, tuple[Secret, ...]]


def compile_snapshot(
    resources: Iterable[Resource], closed: Closed, providers: Mapping[str, ProviderKind], stamp: Stamp
) -> Snapshot:
    """The snapshot of resources whose relations hold (see plan.relation_faults).

    Raises ValueError, naming the resource, where a secret is not in `closed` or a reference dangles.
    """
    raise NotImplementedError
