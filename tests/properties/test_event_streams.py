"""What a stream of events tells does not depend on how it comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dialects.streams import STREAMS, opened


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_stream_is_the_same_wherever_it_is_cut(name: str, data: st.DataObject) -> None:
    speech, text, (upstream_id, usage) = STREAMS[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=40)))
    stream = opened(speech)
    passed = b""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        assert not stream.ended or text[start:] == b"\n", "only half a CRLF comes after the end"
        passed += stream.feed(text[start:end])
    passed += stream.finish()
    assert passed == text
    assert (stream.ended, stream.failed, stream.has_content, stream.fault) == (True, False, True, None)
    assert (stream.facts.id, stream.facts.usage) == (upstream_id, usage)
