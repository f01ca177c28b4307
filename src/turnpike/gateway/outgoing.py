"""What is to go upstream, before a target is chosen."""

from __future__ import annotations

import msgspec

from turnpike.dialects.speech import with_model
from turnpike.gateway.kept.response import KeptResponse


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A request as the caller made it, and where the model's name stands in it.

    suffix: what follows the surface's path, query and all. model_span: None where the body names
    no model. keeps: whether the answer tells ids of what the provider keeps. about: the kept response that the
    request is about, whose owner the items of the answer have; None where the answer is a new one. claims: ids of what
    is kept besides that nobody was known to own: from this call's answer on, its caller does.
    """

    method: bytes
    suffix: bytes
    body: bytes
    model: str = ""
    model_span: tuple[int, int] | None = None
    stream: bool = False
    keeps: bool = False
    claims: tuple[str, ...] = ()
    about: KeptResponse | None = None

    def body_for(self, model: str) -> bytes:
        """The body that asks for `model`, every other byte as it was."""
        if self.model_span is None or model == self.model:
            return self.body
        return with_model(self.body, self.model_span, model)
