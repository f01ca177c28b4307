"""The shapes that requests have, as far as the simulation reads them: what has another is refused, as providers do."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec

from turnpike.sim.read import Object
from turnpike.sim.refusals import Refused

LARGEST_COUNT: Final = 10_000
"""Of what a schema may demand of a text or a list."""

_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")

Number = Annotated[float, msgspec.Meta(ge=-1e18, le=1e18)]
Step = Annotated[float, msgspec.Meta(ge=1e-9, le=1e18)]
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]


class Schema(msgspec.Struct, frozen=True):
    """The words of JSON Schema that an answer is made by."""

    ref: str = msgspec.field(name="$ref", default="")
    type: str | list[str] | None = None
    enum: list[Any] | None = None
    any_of: list[Schema | bool] | None = msgspec.field(name="anyOf", default=None)
    one_of: list[Schema | bool] | None = msgspec.field(name="oneOf", default=None)
    all_of: list[Schema | bool] | None = msgspec.field(name="allOf", default=None)
    properties: dict[str, Schema | bool] | None = None
    additional_properties: Schema | bool = msgspec.field(name="additionalProperties", default=True)
    required: list[str] | None = None
    least_properties: Count = msgspec.field(name="minProperties", default=0)
    items: Schema | bool = True
    prefix_items: list[Schema | bool] | None = msgspec.field(name="prefixItems", default=None)
    least_items: Count = msgspec.field(name="minItems", default=0)
    most_items: int = msgspec.field(name="maxItems", default=0)
    format: str = ""
    pattern: str = ""
    least_length: Count = msgspec.field(name="minLength", default=0)
    most_length: int = msgspec.field(name="maxLength", default=0)
    multiple_of: Step = msgspec.field(name="multipleOf", default=1.0)
    minimum: Number = 0.0
    maximum: Number = 0.0
    exclusive_minimum: Number = msgspec.field(name="exclusiveMinimum", default=0.0)
    exclusive_maximum: Number = msgspec.field(name="exclusiveMaximum", default=0.0)


class Named(msgspec.Struct, frozen=True):
    """What is referred to by its name."""

    name: str | None = None


class Function(Named, frozen=True):
    """A function that may be called."""

    parameters: Schema | None = None


class ChatTool(msgspec.Struct, frozen=True):
    """A tool of a chat completion."""

    type: str | None = None
    function: Function | None = None


class Calls(msgspec.Struct, frozen=True):
    """A call of a tool, as a message has it."""

    id: str | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """A message of a chat completion."""

    role: str | None = None
    tool_calls: list[Calls] | None = None
    tool_call_id: str | None = None


class Scheme(msgspec.Struct, frozen=True):
    """What holds a schema."""

    type: str | None = None
    schema: Schema | None = None


class ChatFormat(msgspec.Struct, frozen=True):
    """The form of a chat completion's answer."""

    type: str | None = None
    json_schema: Scheme | None = None


class ChatChoice(msgspec.Struct, frozen=True):
    """A tool that is to be called."""

    function: Named | None = None


class Chat(msgspec.Struct, frozen=True):
    """A chat completion's request."""

    messages: list[ChatMessage] | None = None
    tools: list[ChatTool] | None = None
    tool_choice: str | ChatChoice | None = None
    response_format: ChatFormat | None = None
    reasoning_effort: str | None = None


class ResponseTool(Function, frozen=True):
    """A tool of a response."""

    type: str | None = None


class ResponseItem(msgspec.Struct, frozen=True):
    """An item of a response's input."""

    id: str | None = None
    type: str | None = None
    role: str | None = None
    call_id: str | None = None
    encrypted_content: str | None = None


class ResponseChoice(Named, frozen=True):
    """A tool that is to be called."""

    type: str | None = None


class ResponseText(msgspec.Struct, frozen=True):
    """The form of a response's text."""

    format: Scheme | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How a response reasons."""

    effort: str | None = None
    summary: str | None = None


class Response(msgspec.Struct, frozen=True):
    """A response's request."""

    input: str | list[ResponseItem] | None = None
    instructions: str | list[Object] | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: str | ResponseChoice | None = None
    text: ResponseText | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    previous_response_id: str | None = None
    background: bool | None = None


class Block(msgspec.Struct, frozen=True):
    """A block of a message of Anthropic's."""

    type: str | None = None
    id: str | None = None
    tool_use_id: str | None = None
    thinking: str | None = None
    signature: str | None = None


class Message(msgspec.Struct, frozen=True):
    """A message of Anthropic's."""

    role: str | None = None
    content: str | list[Block] | None = None


class MessageTool(Named, frozen=True):
    """A tool of Anthropic's."""

    input_schema: Schema | None = None


class Thinking(msgspec.Struct, frozen=True):
    """How a message of Anthropic's is thought about."""

    type: str | None = None
    budget_tokens: int | None = None
    display: str | None = None


class OutputConfig(msgspec.Struct, frozen=True):
    """The form of Anthropic's answer."""

    format: Scheme | None = None


class Messages(msgspec.Struct, frozen=True):
    """A request of Anthropic's messages."""

    messages: list[Message] | None = None
    tools: list[MessageTool] | None = None
    tool_choice: ResponseChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Scheme | None = None


def check_openai(body: Object, shape: type[Chat | Response]) -> None:
    """Raises Refused, in OpenAI's words, where the request has another shape."""
    fault = _fault(body, shape)
    if fault is not None:
        place, said = fault
        raise Refused(400, f"Invalid type for '{place}': {said}.", code="invalid_type", param=place)


def check_anthropic(body: Object) -> None:
    """Raises Refused, in Anthropic's words, where the request has another shape."""
    fault = _fault(body, Messages)
    if fault is not None:
        raise Refused(400, f"{fault[0]}: {fault[1]}")


def _fault(body: Object, shape: type[msgspec.Struct]) -> tuple[str, str] | None:
    """Where the shape is another, and how; None where it is this one."""
    try:
        msgspec.convert(body, shape)
    except msgspec.ValidationError as fault:
        said = str(fault)
        place = _PLACE.search(said)
        return (place[1] if place else ""), _PLACE.sub("", said)
    except RecursionError:
        return "", "it is nested too deeply"
    return None
