"""The surfaces of the simulated provider, by name, and what it keeps between requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from turnpike.ports.clock import Clock
from turnpike.sim.anthropic_messages import answer_count_tokens, answer_messages
from turnpike.sim.catalogue import anthropic_model, find_model, names, openai_model
from turnpike.sim.inquiry import Inquiry
from turnpike.sim.openai_chat import answer_chat
from turnpike.sim.openai_completions import answer_completion
from turnpike.sim.openai_embeddings import answer_embeddings
from turnpike.sim.openai_responses import answer_input_tokens, make_response
from turnpike.sim.openai_stored import (
    ResponseStore,
    answer_cancelled,
    answer_deleted,
    answer_input_items,
    answer_stored,
)
from turnpike.sim.plan import Answer
from turnpike.sim.refusals import Refused

STATELESS: dict[str, Callable[[Inquiry], Answer]] = {
    "openai.chat": answer_chat,
    "openai.completions": answer_completion,
    "openai.embeddings": answer_embeddings,
    "openai.input_tokens": answer_input_tokens,
    "anthropic.messages": answer_messages,
    "anthropic.count_tokens": answer_count_tokens,
}
"""Surfaces whose answer follows from the request alone."""


class Surfaces:
    """Answers an inquiry by its surface."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._store = ResponseStore()

    def answer(self, inquiry: Inquiry, name: str, query: bytes) -> Answer:
        """The answer; raises Refused as the provider would."""
        stateless = STATELESS.get(inquiry.surface)
        if stateless is not None:
            return stateless(inquiry)
        match inquiry.surface:
            case "openai.responses":
                return self._respond(inquiry)
            case "openai.stored":
                return answer_stored(inquiry, self._store, self._clock.monotonic_ns(), query, name)
            case "openai.deleted":
                return answer_deleted(inquiry, self._store, name)
            case "openai.cancelled":
                return answer_cancelled(inquiry, self._store, self._clock.monotonic_ns(), name)
            case "openai.input_items":
                return answer_input_items(inquiry, self._store, query, name)
            case _:
                return _models(inquiry, name)

    def _respond(self, inquiry: Inquiry) -> Answer:
        made = make_response(inquiry, self._store)
        if made.stored is not None:
            running = made.stored.value["background"] is True
            delay_ns = int(inquiry.steering.background_ms * 1e6) if running else 0
            ready_ns = self._clock.monotonic_ns() + delay_ns
            self._store.put(msgspec.structs.replace(made.stored, ready_ns=ready_ns))
        return made.answer


def _models(inquiry: Inquiry, name: str) -> Answer:
    """The list of models, or one of them, in the dialect of the request."""
    vendor = inquiry.surface.partition(".")[0]
    show = anthropic_model if vendor == "anthropic" else openai_model
    if name:
        if find_model(name, vendor, inquiry.extra_models) is None:
            message = f"model: {name}" if vendor == "anthropic" else f"The model '{name}' does not exist"
            raise Refused(404, message, code="model_not_found", param="model")
        return inquiry.whole(msgspec.json.encode(show(name)), None)
    data = [show(known) for known in names(vendor, inquiry.extra_models)]
    value: dict[str, Any] = {"object": "list", "data": data}
    if vendor == "anthropic":
        value = {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return inquiry.whole(msgspec.json.encode(value), None)
