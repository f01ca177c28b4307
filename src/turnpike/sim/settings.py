"""What can be set for a simulated provider as a whole."""

from __future__ import annotations

import msgspec

from turnpike.sim.steering import Count, Steering


class SimSettings(msgspec.Struct, frozen=True):
    """Settings of one simulated provider; each is a flag of `turnpike sim`.

    `steering` is how every answer is to be, unless a request's own `x-sim-…` headers say
    otherwise. `seed` and the request decide every id and text. `fresh_ids` gives each
    answer its own id and time instead, as a real provider does. `keys` are those that are
    accepted; with none, any is, but not one that holds the word "refused". `models` are
    known beside the catalogue, on every surface; "*" is any name. The limits are per key,
    0 for none.
    """

    steering: Steering = Steering()
    seed: str = "0"
    fresh_ids: bool = False
    keys: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    requests_per_minute: Count = 0
    tokens_per_minute: Count = 0
