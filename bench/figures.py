"""Statistics over samples that a bench has taken."""

from collections.abc import Sequence
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """Where the samples of one measurement lie, all in the samples' own unit."""

    count: int
    median: float
    p99: float
    p999: float
    highest: float


def spread(samples: Sequence[float]) -> Spread:
    """The spread of at least one sample; raises ValueError where there is none."""
    if not samples:
        raise ValueError("no sample was taken: the load never got an answer")
    ordered = sorted(samples)
    return Spread(
        count=len(ordered),
        median=median(ordered),
        p99=percentile(ordered, 99.0),
        p999=percentile(ordered, 99.9),
        highest=ordered[-1],
    )


def percentile(ordered: Sequence[float], rank: float) -> float:
    """The smallest sample that at least `rank` percent of the ascending samples do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("a percentile needs at least one sample")
    if not 0.0 <= rank <= 100.0:
        raise ValueError(f"a percentile's rank lies between 0 and 100, not {rank}")
    place = -(-len(ordered) * rank // 100)
    return ordered[max(int(place), 1) - 1]


def median_of(values: Sequence[float]) -> float:
    """The median of at least one value."""
    return float(median(values))


def scaled(values: Spread, factor: float) -> Spread:
    """The same spread in another unit."""
    return Spread(
        values.count,
        values.median * factor,
        values.p99 * factor,
        values.p999 * factor,
        values.highest * factor,
    )
