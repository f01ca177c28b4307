"""System: calls with keys that open nothing are counted, by what was wrong with them."""

from __future__ import annotations

import re

import pytest

from tests.system.road import CHAT, Road, chat_body
from tests.system.running import wait_until

WRONG = {"missing_key": None, "invalid_key": "tpk_mistyped-or-guessed-key-000000000000000"}


def _denied(road: Road, code: str) -> float:
    lines = re.findall(
        rf'^turnpike_calls_total\{{(.*code="{code}".*)\}} (\S+)$', road.metrics(), re.MULTILINE
    )
    return sum(float(count) for labels, count in lines if 'status="denied"' in labels)


@pytest.mark.parametrize("code", WRONG)
def test_a_call_whose_key_is_refused_is_counted_as_denied(road: Road, code: str) -> None:
    before = _denied(road, code)
    answer = road.post(CHAT, chat_body(), key=WRONG[code])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    wait_until(lambda: _denied(road, code) == before + 1, f"one more {code}")
