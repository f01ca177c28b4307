"""Checks that OpenAI's surfaces share, with its own words."""

from __future__ import annotations

from turnpike.sim.read import Object, count_of, read_object
from turnpike.sim.refusals import Refused

MOST_CHOICES = 128

NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
    "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)


def read_body(body: bytes) -> Object:
    """The request's JSON object; Refused in OpenAI's words where it is none."""
    return read_object(body, NOT_JSON)


def check_range(body: Object, name: str, highest: float) -> None:
    """Refused where the parameter is below 0 or above `highest`."""
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Refused(400, f"Invalid type for '{name}': expected a decimal.", code="invalid_type", param=name)
    if not 0 <= value <= highest:
        side, sign, bound = ("below minimum", ">=", 0) if value < 0 else ("above maximum", "<=", highest)
        raise Refused(
            400,
            f"Invalid '{name}': decimal {side} value. Expected a value {sign} {bound}, but got {value} instead.",
            code=f"decimal_{'below_min' if value < 0 else 'above_max'}_value",
            param=name,
        )


def read_choices(body: Object, prompts: int = 1) -> int:
    """How many answers are wanted, to all prompts together; Refused where they are more than the provider gives."""
    value = body.get("n")
    count = 1 if value is None else count_of(value)
    if count is None or not 1 <= count * prompts <= MOST_CHOICES:
        raise Refused(
            400,
            f"Invalid 'n': expected an integer from 1 to {MOST_CHOICES}.",
            code="invalid_value",
            param="n",
        )
    return count * prompts
