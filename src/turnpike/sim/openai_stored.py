"""The responses that the simulated provider keeps: read again, listed, cancelled, deleted."""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import parse_qs

import msgspec

from turnpike.sim.inquiry import Inquiry
from turnpike.sim.plan import Answer, Charge, Event
from turnpike.sim.read import Object
from turnpike.sim.refusals import Refused

MOST_KEPT = 10_000
USUAL_PAGE = 20
LARGEST_PAGE = 100


class Stored(msgspec.Struct, frozen=True):
    """One response as kept: finished, and as it looks before (`waiting`) `ready_ns` has come."""

    value: Object
    waiting: Object
    items: tuple[Object, ...]
    input_tokens: int
    events: tuple[Event, ...] = ()
    ready_ns: int = 0
    cancelled: bool = False

    def seen_at(self, now_ns: int) -> Object:
        """The response as a caller sees it at that moment."""
        if self.cancelled:
            return {**self.waiting, "status": "cancelled"}
        return billed(self.value) if now_ns >= self.ready_ns else self.waiting


def billed(value: Object) -> Object:
    """A finished response as a body of its own shows it; the one inside an event does not say who pays."""
    return {**value, "billing": {"payer": "developer"}}


class ResponseStore:
    """Responses by id; beyond `MOST_KEPT` the oldest is forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Stored] = OrderedDict()

    def find(self, name: str) -> Stored | None:
        return self._kept.get(name)

    def put(self, stored: Stored) -> None:
        self._kept[stored.value["id"]] = stored
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def remove(self, name: str) -> None:
        self._kept.pop(name, None)


def answer_stored(inquiry: Inquiry, store: ResponseStore, now_ns: int, query: bytes, name: str) -> Answer:
    """GET of one response; with `stream=true` its events again, after `starting_after`."""
    stored = _found(store, name)
    wishes = parse_qs(query.decode("latin-1"))
    if wishes.get("stream") == ["true"]:
        if not stored.events:
            raise Refused(
                400,
                "This response cannot be streamed: it was not created in the background with stream=true.",
            )
        after = (wishes.get("starting_after") or [""])[0]
        start = int(after) + 1 if after.isdecimal() else 0
        return inquiry.streamed(list(stored.events[start:]), Charge(stored.value["model"], 0, 0))
    return inquiry.whole(msgspec.json.encode(stored.seen_at(now_ns)), None)


def answer_deleted(inquiry: Inquiry, store: ResponseStore, name: str) -> Answer:
    """DELETE of one response."""
    _found(store, name)
    store.remove(name)
    return inquiry.whole(msgspec.json.encode({"id": name, "object": "response", "deleted": True}), None)


def answer_cancelled(inquiry: Inquiry, store: ResponseStore, now_ns: int, name: str) -> Answer:
    """Cancelling a response that runs in the background; one that is done stays as it is."""
    stored = _found(store, name)
    if stored.value["background"] is not True:
        raise Refused(400, "Cannot cancel a synchronous response.")
    if now_ns < stored.ready_ns:
        stored = msgspec.structs.replace(stored, cancelled=True)
        store.put(stored)
    return inquiry.whole(msgspec.json.encode(stored.seen_at(now_ns)), None)


def answer_input_items(inquiry: Inquiry, store: ResponseStore, query: bytes, name: str) -> Answer:
    """A page of the input of one response, the last item first unless `order=asc`."""
    items = list(_found(store, name).items)
    wishes = {key: values[-1] for key, values in parse_qs(query.decode("latin-1")).items()}
    if wishes.get("order") != "asc":
        items.reverse()
    names = [item["id"] for item in items]
    start = names.index(wishes["after"]) + 1 if wishes.get("after") in names else 0
    limit = wishes.get("limit", "")
    size = min(int(limit), LARGEST_PAGE) if limit.isdecimal() else USUAL_PAGE
    page = items[start : start + size]
    value = {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + size < len(items),
    }
    return inquiry.whole(msgspec.json.encode(value), None)


def _found(store: ResponseStore, name: str) -> Stored:
    stored = store.find(name)
    if stored is None:
        raise Refused(404, f"Response with id '{name}' not found.")
    return stored
