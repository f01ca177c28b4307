"""What the simulated provider would bill: the other side of every budget."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from turnpike.sim.plan import Charge

Ending = Literal["answered", "cut", "left", "refused"]


class Tally(msgspec.Struct):
    """Calls by how they ended, and tokens of the answered and of the unfinished ones.

    `answered`: the whole answer went out. `cut`: it broke off, or was none, as wished.
    `left`: the caller went away first. `refused`: an error status.
    """

    answered: int = 0
    cut: int = 0
    left: int = 0
    refused: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unfinished_input_tokens: int = 0
    unfinished_output_tokens: int = 0

    def add(self, ending: Ending, input_tokens: int, output_tokens: int) -> None:
        """Enter one call."""
        setattr(self, ending, getattr(self, ending) + 1)
        if ending == "answered":
            self.input_tokens += input_tokens
            self.output_tokens += output_tokens
        else:
            self.unfinished_input_tokens += input_tokens
            self.unfinished_output_tokens += output_tokens


class Ledger:
    """Tallies in total, by model and by key."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin again at nothing."""
        self._total = Tally()
        self._models: dict[str, Tally] = {}
        self._keys: dict[str, Tally] = {}

    def enter(self, key: str, charge: Charge | None, ending: Ending, output_tokens: int) -> None:
        """Enter one call as it ended, with the output that had gone out by then."""
        tallies = [self._total, self._keys.setdefault(key, Tally())]
        if charge is not None:
            tallies.append(self._models.setdefault(charge.model, Tally()))
        for tally in tallies:
            tally.add(ending, charge.input_tokens if charge else 0, output_tokens)

    def value(self) -> dict[str, Any]:
        """All tallies, as JSON shows them."""
        return {"simulated": True, "total": self._total, "models": self._models, "keys": self._keys}


def key_fingerprint(key: str) -> str:
    """How a key is named in the ledger: enough to tell keys apart, nothing to use."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()[:16]}" if key else "none"
