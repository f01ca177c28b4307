"""What Anthropic's messages must hold, with its own words where they do not."""

from __future__ import annotations

from turnpike.sim.read import Object, objects_of
from turnpike.sim.refusals import Refused
from turnpike.sim.seals import is_signed

ROLES = ("user", "assistant", "system")
LEAST_THINKING_TOKENS = 1024


def check_messages(body: Object) -> list[Object]:
    """The messages of the request; Refused where they are not as the provider wants them."""
    if "messages" not in body:
        raise Refused(400, "messages: Field required")
    messages = objects_of(body["messages"])
    if not messages:
        raise Refused(400, "messages: at least one message is required")
    for index, message in enumerate(messages):
        if message.get("role") not in ROLES:
            raise Refused(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
        if not isinstance(message.get("content"), str | list):
            raise Refused(400, f"messages.{index}.content: Field required")
        _check_signatures(index, message)
    _check_tool_results(messages)
    return messages


def check_thinking(body: Object) -> None:
    """Refused where a thinking budget is too small, or not within `max_tokens`."""
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        raise Refused(400, "thinking.enabled.budget_tokens: Field required")
    if budget < LEAST_THINKING_TOKENS:
        raise Refused(
            400,
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            f"{LEAST_THINKING_TOKENS}",
        )
    if isinstance(body.get("max_tokens"), int) and budget >= body["max_tokens"]:
        raise Refused(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_signatures(index: int, message: Object) -> None:
    for place, block in enumerate(objects_of(message["content"])):
        if block.get("type") == "thinking" and not is_signed(
            str(block.get("thinking")), str(block.get("signature"))
        ):
            raise Refused(400, f"messages.{index}.content.{place}: Invalid `signature` in `thinking` block")


def _check_tool_results(messages: list[Object]) -> None:
    """Each use of a tool must have its result in the next turn, and no result comes from nowhere."""
    used: list[str] = []
    for index, _, blocks in _turns(messages):
        results = [block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"]
        missing = [name for name in used if name not in results]
        if missing:
            raise Refused(
                400,
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately "
                f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` "
                "block in the next message.",
            )
        for name in results:
            if name not in used:
                raise Refused(
                    400,
                    f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
                )
        used = [str(block.get("id")) for block in blocks if block.get("type") == "tool_use"]


def _turns(messages: list[Object]) -> list[tuple[int, str, list[Object]]]:
    """Index, role and blocks of each turn: messages of one role in a row are one. An empty one ends them."""
    turns: list[tuple[int, str, list[Object]]] = []
    for index, message in enumerate(messages):
        if turns and turns[-1][1] == message["role"]:
            turns[-1][2].extend(objects_of(message["content"]))
        else:
            turns.append((index, message["role"], objects_of(message["content"])))
    return [*turns, (len(messages), "", [])]
