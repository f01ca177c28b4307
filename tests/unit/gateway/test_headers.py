"""Which header lines travel, and the small rules about their values."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard

from turnpike.domain.errors import InvalidRequest, UpstreamInvalid
from turnpike.domain.snapshot import TimeLimits
from turnpike.gateway.catalogue import target_label
from turnpike.gateway.deadline_headers import NO_WISHES, Wishes, read_wishes
from turnpike.gateway.headers import KNOWN_NAMES, NOT_UPSTREAM, Sieve, back_lines, travelling_lines
from turnpike.gateway.surfaces import error_shape, kept_request, misled
from turnpike.gateway.upstream.origin import Origin, read_origin, read_proxy
from turnpike.gateway.upstream.packed import unpacked
from turnpike.gateway.upstream.retry_after import bounded_retry_after


def test_nothing_of_ours_of_the_hop_or_of_the_callers_identity_goes_upstream() -> None:
    kept = {b"x-other": b"1", b"traceparent": b"00-1", b"content-type": b"application/json"}
    dropped = dict.fromkeys([*NOT_UPSTREAM, b"x-turnpike-tags", b"x-turnpike-anything", b"x-hop"], b"x")
    headers = dropped | kept | {b"connection": b"Keep-Alive, X-Hop"}
    assert (
        travelling_lines(headers, Sieve(NOT_UPSTREAM))
        == b"x-other: 1\r\ntraceparent: 00-1\r\ncontent-type: application/json\r\n"
    )


def test_names_that_callers_make_up_do_not_fill_the_memory_and_travel_all_the_same() -> None:
    sieve = Sieve(NOT_UPSTREAM)
    for number in range(2 * KNOWN_NAMES):
        assert travelling_lines({b"x-%d" % number: b"1", b"cookie": b"a"}, sieve) == b"x-%d: 1\r\n" % number
    assert sieve[b"x-" + b"long" * 100]
    assert len(sieve) <= KNOWN_NAMES


def test_names_that_a_caller_made_up_do_not_keep_those_of_others_out() -> None:
    sieve = Sieve(NOT_UPSTREAM)
    travelling_lines({b"x-%d" % number: b"1" for number in range(KNOWN_NAMES)}, sieve)
    travelling_lines({b"accept": b"a"}, sieve)
    assert b"accept" in sieve


def test_nothing_forged_or_of_the_hop_comes_back() -> None:
    headers = {
        b"x-turnpike-cost": b"1", b"set-cookie": b"a=b", b"request-id": b"theirs", b"x-hop": b"1",
        b"strict-transport-security": b"max-age=9; includeSubDomains", b"access-control-max-age": b"9",
        b"connection": b"x-hop", b"retry-after": b"999", b"anthropic-ratelimit": b"1",
    }  # fmt: skip
    assert back_lines(headers) == b"retry-after: 60\r\nanthropic-ratelimit: 1\r\n"


@pytest.mark.parametrize(
    ("name", "value", "bounded"),
    [
        (b"retry-after", b"0", b"0"),
        (b"retry-after", b"1.5", b"2"),
        (b"retry-after", b"61", b"60"),
        (b"retry-after", b"inf", b"60"),
        (b"retry-after", b"nan", b"60"),
        (b"retry-after", b"Wed, 21 Oct 2099 07:28:00 GMT", b"60"),
        (b"retry-after-ms", b"60000", b"60000"),
        (b"retry-after-ms", b"60001", b"60000"),
    ],
)
def test_a_wait_is_bounded(name: bytes, value: bytes, bounded: bytes) -> None:
    assert bounded_retry_after(name, value) == bounded


def test_a_target_as_a_header_holds_visible_ascii_alone() -> None:
    assert target_label("local", "a\r\nb c✓") == b"local/a??b?c?"


def test_without_headers_the_route_decides() -> None:
    assert read_wishes({}) is NO_WISHES
    patience = NO_WISHES.patience(TimeLimits(1, 2, 3, 4), 100.0)
    assert (patience.connect_seconds, patience.first_byte_seconds, patience.idle_seconds) == (1, 2, 3)
    assert (patience.total_at, patience.first_content_at) == (104.0, 104.0)


def test_the_callers_deadlines_count_within_the_routes() -> None:
    wishes = read_wishes({b"x-turnpike-timeout-ms": b"1500", b"x-turnpike-first-token-timeout-ms": b"500"})
    assert wishes == Wishes(1.5, 0.5)
    patience = wishes.patience(TimeLimits(1, 2, 3, 4), 100.0)
    assert (patience.first_byte_seconds, patience.total_at, patience.first_content_at) == (0.5, 101.5, 100.5)
    longer = Wishes(9, 9).patience(TimeLimits(1, 2, 3, 4), 100.0)
    assert (longer.first_byte_seconds, longer.total_at, longer.first_content_at) == (2, 104.0, 102.0)


@pytest.mark.parametrize(
    "value",
    [b"", b"0", b"-1", b"1.0", b"1e3", b"soon", b"86400001", b"9" * 5000, b"000000000001" + b"9" * 400],
)
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="whole milliseconds from 1 to 86400000"):
        read_wishes({b"x-turnpike-timeout-ms": value})


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        (b"identity", b"hello"),
        (b"gzip", gzip.compress(b"hello")),
        (b"X-GZIP", gzip.compress(b"hello")),
        (b"deflate", zlib.compress(b"hello")),
        (b"zstd", zstandard.compress(b"hello")),
    ],
)
def test_a_packed_answer_is_unpacked(encoding: bytes, packed: bytes) -> None:
    assert unpacked(packed, encoding, 5) == b"hello"


@pytest.mark.parametrize(
    ("encoding", "packed", "words"),
    [
        (b"gzip", gzip.compress(b"hello")[:-1], "damaged"),
        (b"gzip", b"hello", "damaged"),
        (b"gzip", b"", "damaged"),
        (b"zstd", b"hello", "damaged"),
        (b"br", b"hello", "packed its answer with br"),
        (b"gzip", gzip.compress(b"hello, world"), "over 5 bytes"),
        (b"zstd", zstandard.compress(b"hello, world"), "over 5 bytes"),
    ],
)
def test_a_damaged_large_or_strangely_packed_answer_is_invalid(
    encoding: bytes, packed: bytes, words: str
) -> None:
    with pytest.raises(UpstreamInvalid, match=words):
        unpacked(packed, encoding, 5)


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://api.openai.com/v1/", Origin(True, "api.openai.com", 443, "/v1"), "api.openai.com"),
        ("http://127.0.0.1:9000", Origin(False, "127.0.0.1", 9000, ""), "127.0.0.1:9000"),
        ("http://[::1]:9000/x", Origin(False, "::1", 9000, "/x"), "[::1]:9000"),
        ("https://h:80", Origin(True, "h", 80, ""), "h:80"),
    ],
)
def test_an_address_is_taken_apart(url: str, origin: Origin, authority: str) -> None:
    assert (read_origin(url), read_origin(url).authority) == (origin, authority)


@pytest.mark.parametrize("url", ["ftp://h", "h:80", "", "http://", "http://h:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"not an http or https address|a bad host or port"):
        read_origin(url)


def test_a_proxys_credential_is_read_from_its_address() -> None:
    assert read_proxy("http://user:pass@proxy:3128").credential == "user:pass"
    assert read_proxy("http://us%40er:p%3Aw@proxy").credential == "us@er:p:w"
    assert read_proxy("http://proxy").port == 80


@pytest.mark.parametrize(
    "url",
    [
        "http://user:se/cret@proxy:3128",
        "http://user:se#cret@proxy:3128",
        "http://user:cret[@proxy:3128",
        "http://user:cret@proxy:99999",
        "socks5://user:cret@proxy",
    ],
)
@pytest.mark.parametrize("read", [read_proxy, read_origin])
def test_what_is_said_of_a_bad_address_shows_nothing_of_it(read: Callable[[str], object], url: str) -> None:
    with pytest.raises(ValueError, match="URL") as bad:
        read(url)
    assert "cret" not in str(bad.value)
    assert "user" not in str(bad.value)


@pytest.mark.parametrize(
    ("path", "suffix", "methods"),
    [
        ("/v1/responses/resp_1", "", ("GET", "DELETE")),
        ("/v1/responses/resp_1/cancel", "/cancel", ("POST",)),
        ("/v1/responses/resp_1/input_items", "/input_items", ("GET",)),
    ],
)
def test_paths_of_kept_responses(path: str, suffix: str, methods: tuple[str, ...]) -> None:
    kept = kept_request(path)
    assert kept is not None
    assert (kept.response_id, kept.suffix, kept.methods) == ("resp_1", suffix, methods)


@pytest.mark.parametrize(
    "path", ["/v1/responses/", "/v1/responses/a/b", "/v1/responses/a%2fb", "/v1/responses/../x"]
)
def test_other_paths_are_none(path: str) -> None:
    assert kept_request(path) is None


def test_an_error_has_the_form_of_whoever_asked() -> None:
    anthropics = error_shape("/v1/messages", {})
    assert error_shape("/v1/messages/nowhere", {}) is anthropics
    assert error_shape("/v1/models", {b"anthropic-version": b"2023-06-01"}) is anthropics
    assert error_shape("/v1/models", {}) is not anthropics
    assert error_shape("/v1/chat/completions", {b"anthropic-version": b"2023-06-01"}) is not anthropics


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/chat/completions", "lacks /v1"), ("/messages", "lacks /v1"), ("/models", "lacks /v1"),
        ("/responses/resp_1", "lacks /v1"), ("/v1/v1/messages", "has /v1 twice"),
        ("/v1/v1/models/gpt", "has /v1 twice"), ("/v1/v1/nothing", None), ("/nothing", None), ("/", None),
        ("/v1/v1/v1/messages", None),
    ],
)  # fmt: skip
def test_a_base_url_that_is_wrong_is_told_by_the_path_that_comes_of_it(path: str, said: str | None) -> None:
    told = misled(path)
    assert (told is None) if said is None else (told is not None and said in told)
