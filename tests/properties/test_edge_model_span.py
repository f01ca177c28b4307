"""The model's name is found and exchanged in any JSON, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnpike.dialects.json_body import read_fields
from turnpike.dialects.openai_chat import CHAT
from turnpike.dialects.speech import with_model
from turnpike.domain.errors import InvalidJson, InvalidRequest

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["model", '"model"', '"model":', '\\"model\\"', "\\u006d", "{", "}"]
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
others = st.dictionaries(texts.filter(lambda key: key not in ("model", "stream")), anything, max_size=4)
spaces = st.text(" \t\r\n", max_size=2)


def escaped(text: str, which: int) -> str:
    """A JSON string of `text`, with the letter at `which` as an escape."""
    letters = [json.dumps(letter, ensure_ascii=False)[1:-1] for letter in text]
    if letters:
        place = which % len(letters)
        letters[place] = "".join(f"\\u{unit:04x}" for unit in utf16_units(text[place]))
    return '"' + "".join(letters) + '"'


def utf16_units(letter: str) -> list[int]:
    data = letter.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str, tuple[int, int]]:
    """A call's body, its model, and where that stands."""
    model = draw(texts)
    key = draw(st.sampled_from(['"model"', escaped("model", 0), escaped("model", 3)]))
    value = draw(
        st.sampled_from([json.dumps(model), json.dumps(model, ensure_ascii=False), escaped(model, 1)])
    )
    fields = [
        (
            draw(st.sampled_from([json.dumps(name), escaped(name, 0)])),
            json.dumps(field, ensure_ascii=draw(st.booleans())),
        )
        for name, field in draw(others).items()
    ]
    place = draw(st.integers(0, len(fields)))
    fields.insert(place, (key, value))
    text = draw(spaces) + "{"
    span = (0, 0)
    for index, (name, field) in enumerate(fields):
        text += ("," if index else "") + draw(spaces) + name + draw(spaces) + ":" + draw(spaces)
        if index == place:
            start = len(text.encode())
            span = (start, start + len(field.encode()))
        text += field + draw(spaces)
    return (text + "}" + draw(spaces)).encode(), model, span


@given(bodies())
def test_the_model_is_found_exactly(made: tuple[bytes, str, tuple[int, int]]) -> None:
    body, model, span = made
    call = CHAT.read_call(body)
    assert (call.model, call.model_span) == (model, span)


@given(bodies(), texts)
def test_exchanging_the_model_changes_nothing_else(
    made: tuple[bytes, str, tuple[int, int]], other: str
) -> None:
    body, _, span = made
    changed = with_model(body, span, other)
    assert changed[: span[0]] == body[: span[0]]
    assert changed[len(changed) - (len(body) - span[1]) :] == body[span[1] :]
    assert json.loads(changed) == {**json.loads(body), "model": other}


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"\\u006dodel":"a","x":1,"model":"a"}',
        b'{"model":"a","x":{"model":"c"},"model":"a"}',
    ],
)
def test_a_model_that_stands_twice_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        CHAT.read_call(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","\xff":1,"x":{"model":"b"}}',
        b'{"mod\\u0065l":"a","\xc3":1}',
    ],
)
def test_a_key_that_is_no_text_is_the_callers_fault(body: bytes) -> None:
    with pytest.raises((InvalidJson, InvalidRequest)):
        read_fields(body)
