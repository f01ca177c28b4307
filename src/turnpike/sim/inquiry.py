"""What every surface gets to answer one request from, and what they share in answering."""

from __future__ import annotations

import msgspec

from turnpike.sim.catalogue import Kind, Model, find_model
from turnpike.sim.conversation import Asked, Usage
from turnpike.sim.headers import EVENTS, JSON, usual_headers
from turnpike.sim.plan import Charge, Event, StreamedAnswer, WholeAnswer
from turnpike.sim.refusals import Refused
from turnpike.sim.seeded import Source
from turnpike.sim.steering import Steering

FINGERPRINT = "fp_turnpike_sim"


class Inquiry(msgspec.Struct, frozen=True):
    """One request to one surface; `extra_models` are known beside the catalogue's."""

    surface: str
    body: bytes
    steering: Steering
    source: Source
    created_seconds: int
    extra_models: tuple[str, ...]

    def openai_model(self, name: object, kind: Kind) -> Model:
        """The model that an OpenAI request names.

        Raises Refused where it names none, an unknown one, or one of another kind.
        """
        if not isinstance(name, str) or not name:
            raise Refused(400, "you must provide a model parameter")
        model = find_model(name, "openai", self.extra_models)
        if model is None:
            raise Refused(
                404,
                f"The model `{name}` does not exist or you do not have access to it.",
                code="model_not_found",
            )
        if model.vendor != "any" and model.kind != kind:
            raise Refused(404, f"This is not a {kind} model.", param="model")
        return model

    def whole(self, body: bytes, charge: Charge | None) -> WholeAnswer:
        """A JSON answer, 200."""
        headers = usual_headers(self.surface, self.source, JSON)
        return WholeAnswer(self.surface, 200, headers, body, charge)

    def streamed(self, events: list[Event], charge: Charge) -> StreamedAnswer:
        """An answer of events, 200."""
        headers = usual_headers(self.surface, self.source, EVENTS)
        return StreamedAnswer(self.surface, headers, tuple(events), charge)


def charge_for(asked: Asked, usage: Usage) -> Charge:
    """What is billed for an answer to `asked`."""
    return Charge(asked.model, usage.input_tokens, usage.output_tokens)
