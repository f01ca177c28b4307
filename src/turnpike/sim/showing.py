"""What the simulated provider tells about itself under `/sim/`: its ledger, the calls that reached it."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from turnpike.ports.http import Reply, Request, render_head
from turnpike.sim.access import presented_key
from turnpike.sim.headers import JSON, MARK
from turnpike.sim.ledger import Ledger, key_fingerprint

PREFIX = "/sim/"
MOST_CALLS = 100
MOST_BODY_BYTES = 65_536
SECRET_HEADERS = (b"authorization", b"x-api-key", b"cookie")

HEAD = render_head([JSON, MARK])


class Showing:
    """Answers what is asked under `/sim/`; no key is asked for, and none is shown."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._calls: deque[Request] = deque(maxlen=MOST_CALLS)

    def remember(self, request: Request) -> None:
        """Keep a request for `/sim/calls`; of a large body, its beginning."""
        if len(request.body) > MOST_BODY_BYTES:
            request = msgspec.structs.replace(request, body=request.body[:MOST_BODY_BYTES])
        self._calls.append(request)

    def answer(self, request: Request, reply: Reply) -> None:
        """Answer a request whose path begins with `PREFIX`."""
        match request.method, request.path:
            case "GET", "/sim/ledger":
                self._tell(reply, 200, self._ledger.value())
            case "DELETE", "/sim/ledger":
                self._ledger.clear()
                self._tell(reply, 200, self._ledger.value())
            case "GET", "/sim/calls":
                self._tell(reply, 200, {"simulated": True, "calls": [_shown(call) for call in self._calls]})
            case "DELETE", "/sim/calls":
                self._calls.clear()
                self._tell(reply, 200, {"simulated": True, "calls": []})
            case _:
                self._tell(reply, 404, {"simulated": True, "error": "there are /sim/ledger and /sim/calls"})

    def _tell(self, reply: Reply, status: int, value: Any) -> None:
        reply.whole(status, HEAD, msgspec.json.encode(value))


def _shown(call: Request) -> dict[str, Any]:
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in call.headers.items()
        if name not in SECRET_HEADERS
    }
    return {
        "method": call.method,
        "path": call.path,
        "query": call.query.decode("latin-1"),
        "key": key_fingerprint(presented_key(call.headers)),
        "headers": headers,
        "body": call.body.decode("utf-8", "replace"),
    }
