"""Every error in every dialect, as a body and as the last event of a stream, held to what is written down.

After a change that is meant, `python -m tests.golden.test_errors` writes the goldens anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnpike.dialects.anthropic_errors import ANTHROPIC_ERRORS
from turnpike.dialects.openai_errors import CHAT_ERRORS, RESPONSES_ERRORS
from turnpike.domain import errors

SHAPES = {"chat": CHAT_ERRORS, "responses": RESPONSES_ERRORS, "messages": ANTHROPIC_ERRORS}
GOLDENS = Path(__file__).parent / "errors"
CALL_ID = "01a1fcf1-fdb1-7a5e-8954-7686e79a4ee3"
MESSAGE = 'It is "so", and\nso: ✓'


def every_error() -> list[errors.TurnpikeError]:
    """One of each code and status of the domain."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    pairs = {
        (kind.http_status, kind.code)
        for kind in kinds
        if issubclass(kind, errors.TurnpikeError) and kind is not errors.TurnpikeError
    }
    return [_told(code, status) for status, code in sorted(pairs)]


def _told(code: str, http_status: int) -> errors.TurnpikeError:
    kind: type[errors.TurnpikeError] = type(
        "Told", (errors.TurnpikeError,), {"code": code, "http_status": http_status}
    )
    return kind(MESSAGE)


def told_in(shape: str) -> str:
    """The golden's text: for each error its status and code, its body, its event."""
    form = SHAPES[shape]
    parts = [
        f"# {error.http_status} {error.code}\n{form.body(error, CALL_ID).decode()}\n{form.event(error, CALL_ID).decode()}"
        for error in every_error()
    ]
    return "\n".join(parts)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_error_is_told_as_written_down(shape: str) -> None:
    assert told_in(shape) == (GOLDENS / f"{shape}.txt").read_text()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_error_says_its_code_and_message(shape: str) -> None:
    form = SHAPES[shape]
    for error in every_error():
        body = form.body(error, CALL_ID)
        assert json.loads(body)["error"]["code"] == error.code
        assert json.loads(body)["error"]["message"] == MESSAGE
        assert form.event(error, CALL_ID).endswith(b"\n\n")


if __name__ == "__main__":
    GOLDENS.mkdir(exist_ok=True)
    for name in SHAPES:
        (GOLDENS / f"{name}.txt").write_text(told_in(name))
