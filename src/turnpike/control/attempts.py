"""Keys that were refused, by the address that showed them: who guesses has to wait."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

from turnpike.domain.errors import RateLimited
from turnpike.ports.clock import SECOND_NS, Clock

FAILURES_MAX = 10
"""So many within the window, and the address has to wait."""

WINDOW_SECONDS = 60.0

ADDRESSES_MAX = 4096
"""More addresses than this are not kept in mind; the one that failed longest ago goes first."""

IPV6_NETWORK_BITS = 64
"""What one host of IPv6 usually has all to itself."""


class Attempts:
    """Failures of the last minute; in this process's memory, on its event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    @property
    def addresses(self) -> int:
        """How many addresses are kept in mind."""
        return len(self._failures)

    def check(self, peer: str | None) -> None:
        """Raises RateLimited where too many attempts from the address failed."""
        failures = self._failures.get(_address(peer))
        if failures is None or len(failures) < FAILURES_MAX:
            return
        wait = failures[0] / SECOND_NS + WINDOW_SECONDS - self._clock.monotonic_ns() / SECOND_NS
        if wait > 0:
            raise RateLimited(
                f"{FAILURES_MAX} keys from this address were refused within {WINDOW_SECONDS:g} s: "
                f"try again in {wait:.0f} s",
                retry_after_seconds=wait,
            )

    def failed(self, peer: str | None) -> bool:
        """Note a failure; whether it is the one after which the address has to wait."""
        address, now_ns = _address(peer), self._clock.monotonic_ns()
        failures = self._failures.setdefault(address, deque(maxlen=FAILURES_MAX))
        before = _recent(failures, now_ns)
        failures.append(now_ns)
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
        return before == FAILURES_MAX - 1


def _recent(failures: deque[int], now_ns: int) -> int:
    oldest_ns = now_ns - round(WINDOW_SECONDS * SECOND_NS)
    return sum(at_ns > oldest_ns for at_ns in failures)


def _address(peer: str | None) -> str:
    """The address as it is counted; whatever is no IP address counts under its own text."""
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return peer or ""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None or address.version == 4:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))
