"""Rate limits as the providers keep them: a bucket for each key that fills steadily."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from turnpike.ports.clock import SECOND_NS, Clock
from turnpike.sim.headers import Headers
from turnpike.sim.refusals import Refused
from turnpike.sim.times import openai_span, rfc3339

MINUTE_NS = 60_000_000_000
MOST_KEYS = 10_000

Unit = Literal["requests", "tokens"]


class Bucket(msgspec.Struct):
    """What is left of `per_minute`, as of `at_ns`; a full bucket holds a minute's worth."""

    per_minute: int
    left: float
    at_ns: int

    def fill(self, now_ns: int) -> None:
        """Bring the bucket up to the moment."""
        gained = (now_ns - self.at_ns) * self.per_minute / MINUTE_NS
        self.left = min(float(self.per_minute), self.left + gained)
        self.at_ns = now_ns

    def seconds_until(self, amount: float) -> float:
        """How long until so much is in it."""
        return max(0.0, (amount - self.left) * 60 / self.per_minute)


class RateLimitStatus(msgspec.Struct, frozen=True):
    """How a key stands with one limit after a call; `wait_seconds` is above 0 where it was refused."""

    unit: Unit
    limit: int
    left: int
    full_seconds: float
    wait_seconds: float


class Limits:
    """The limits of every key; 0 a minute is no limit."""

    def __init__(self, requests_per_minute: int, tokens_per_minute: int, clock: Clock) -> None:
        per_minute: dict[Unit, int] = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._per_minute = {unit: amount for unit, amount in per_minute.items() if amount}
        self._clock = clock
        self._buckets: dict[tuple[str, Unit], Bucket] = {}

    def take(self, key: str, tokens: int) -> tuple[RateLimitStatus, ...]:
        """Take one request and its tokens, or nothing where one of them does not suffice."""
        wanted: dict[Unit, int] = {"requests": 1, "tokens": tokens}
        buckets = {unit: self._bucket(key, unit, amount) for unit, amount in self._per_minute.items()}
        waits = {
            unit: bucket.seconds_until(min(wanted[unit], bucket.per_minute))
            for unit, bucket in buckets.items()
        }
        if not any(waits.values()):
            for unit, bucket in buckets.items():
                bucket.left -= min(wanted[unit], bucket.per_minute)
        return tuple(
            RateLimitStatus(
                unit,
                bucket.per_minute,
                int(bucket.left),
                bucket.seconds_until(bucket.per_minute),
                waits[unit],
            )
            for unit, bucket in buckets.items()
        )

    def _bucket(self, key: str, unit: Unit, per_minute: int) -> Bucket:
        now_ns = self._clock.monotonic_ns()
        bucket = self._buckets.get((key, unit))
        if bucket is None:
            if len(self._buckets) >= MOST_KEYS:
                self._buckets.clear()
            bucket = self._buckets[key, unit] = Bucket(per_minute, float(per_minute), now_ns)
        bucket.fill(now_ns)
        return bucket


def limit_headers(surface: str, statuses: tuple[RateLimitStatus, ...], now_ns: int) -> Headers:
    """The headers that tell a caller how it stands, in the dialect's form."""
    headers: list[tuple[str, str]] = []
    for one in statuses:
        if surface.startswith("anthropic"):
            name = f"anthropic-ratelimit-{one.unit}"
            headers += [(f"{name}-limit", str(one.limit)), (f"{name}-remaining", str(one.left))]
            headers.append((f"{name}-reset", rfc3339(now_ns + int(one.full_seconds * SECOND_NS))))
        else:
            headers += [
                (f"x-ratelimit-limit-{one.unit}", str(one.limit)),
                (f"x-ratelimit-remaining-{one.unit}", str(one.left)),
                (f"x-ratelimit-reset-{one.unit}", openai_span(one.full_seconds)),
            ]
    wait = max((one.wait_seconds for one in statuses), default=0.0)
    if wait:
        headers.append(("retry-after", str(math.ceil(wait))))
        if not surface.startswith("anthropic"):
            headers.append(("retry-after-ms", str(math.ceil(wait * 1000))))
    return tuple(headers)


def refusal_of(surface: str, statuses: tuple[RateLimitStatus, ...]) -> Refused | None:
    """The provider's answer where a limit was met; None where the call may go on."""
    met = next((one for one in statuses if one.wait_seconds), None)
    if met is None:
        return None
    if surface.startswith("anthropic"):
        return Refused(
            429,
            f"This request would exceed your organization's rate limit of {met.limit} {met.unit} per minute.",
        )
    return Refused(
        429,
        f"Rate limit reached on {met.unit} per min. Limit: {met.limit} / min. Please try again in "
        f"{openai_span(met.wait_seconds)}.",
        kind=met.unit,
        code="rate_limit_exceeded",
    )
