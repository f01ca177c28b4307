"""Requests cut at every place are the requests as sent whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.edge.reading import Reading

TOKEN = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~"
OWN = ("host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "content-type")
names = st.text(TOKEN, min_size=1, max_size=12).filter(
    lambda name: (
        name.lower() not in (*OWN, "content-encoding", "authorization", "api-key", "proxy-connection")
    )
)
values = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
)
targets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=20)
spaces = st.sampled_from(["", " ", "  ", "\t"])
bodies = st.binary(max_size=200)


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    sent = b""
    for chunk in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5)):
        size = draw(st.sampled_from([b"%x", b"%X", b"000%x"])) % len(chunk)
        sent += size + draw(st.sampled_from([b"", b";a", b";a=b", b';a="b;c"'])) + b"\r\n" + chunk + b"\r\n"
    return sent + b"0\r\n" + draw(st.sampled_from([b"", b"X-Sum: 1\r\n"])) + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]))
    head = f"{method} /{draw(targets)} HTTP/1.1\r\nHost: a\r\n"
    for name, value in draw(st.lists(st.tuples(names, values), max_size=5)):
        head += f"{name}:{draw(spaces)}{value}\r\n"
    if draw(st.booleans()):
        return head.encode("latin-1") + b"Transfer-Encoding: chunked\r\n\r\n" + draw(chunked())
    body = draw(bodies)
    return head.encode("latin-1") + b"Content-Length: %d\r\n\r\n" % len(body) + body


sequences = st.lists(requests(), min_size=1, max_size=3).map(b"".join)


@given(sequences)
def test_requests_cut_between_any_two_bytes_are_the_same(data: bytes) -> None:
    whole = Reading(data)
    assert whole.code is None
    assert whole.incoming
    for place in range(1, len(data)):
        assert Reading(data[:place], data[place:]).incoming == whole.incoming
    assert Reading(*(bytes([byte]) for byte in data)).incoming == whole.incoming


@given(st.lists(requests(), min_size=1, max_size=5))
def test_each_request_of_a_sequence_is_the_one_that_it_is_alone(sent: list[bytes]) -> None:
    together = Reading(b"".join(sent))
    alone = [Reading(data).incoming[0] for data in sent]
    assert together.incoming == alone
    assert together.held == sum(len(incoming.request.body) for incoming in alone)


@given(sequences, st.data())
def test_what_is_no_whole_sequence_gives_no_request_that_was_not_sent(
    data: bytes, more: st.DataObject
) -> None:
    """A byte changed, dropped or added: what still arrives before it is what was sent."""
    place = more.draw(st.integers(0, len(data) - 1))
    odd = more.draw(st.binary(max_size=2))
    whole, mangled = Reading(data), Reading(data[:place] + odd + data[place + 1 :])
    before = Reading(data[:place]).incoming
    assert mangled.incoming[: len(before)] == whole.incoming[: len(before)] == before
    mangled.reader.close()
    assert mangled.held == sum(len(request.body) for request in mangled.requests)
