"""Whose request it is: keys found by their digests, wherever they stand in the request."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from turnpike.domain.errors import ExpiredKey, InvalidKey, MissingKey, RevokedKey, TurnpikeError
from turnpike.domain.key import mint_key
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, Secret
from turnpike.gateway.identities import Identities, presented_key
from turnpike.gateway.reply_head import upstream_suffix
from turnpike.ports.http import Request

SECRET, OLD = b"a-key-of-twenty-and-more", b"the-one-before-rotation!"


class PlainSeal:
    """Digests without a master key."""

    def close(self, secret: bytes, purpose: str) -> bytes:
        return secret

    def open(self, closed: bytes, purpose: str) -> bytes:
        return closed

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return hashlib.sha256(purpose.encode() + secret).digest()


def a_secret(secret: bytes = SECRET, expires_at_ns: int | None = None) -> Secret:
    return Secret(PlainSeal().digest(secret, "key"), expires_at_ns)


def a_key(*secrets: Secret, **fields: Any) -> Key:
    return Key("app", Principal("acme", "research"), secrets or (a_secret(),), Access(), **fields)


def a_request(peer: str = "10.1.2.3", query: bytes = b"", **headers: str) -> Request:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request("POST", "/v1/messages", query, named, b"", peer, 0)


def found(key: Key, request: Request, now_ns: int = 100) -> Key | type[TurnpikeError]:
    try:
        return Identities((key,), PlainSeal()).identify(request, now_ns).key
    except TurnpikeError as refused:
        return type(refused)


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({"authorization": "Bearer one"}, b"", b"one"),
        ({"authorization": "BEARER  one "}, b"", b"one"),
        ({"authorization": "Basic one"}, b"", None),
        ({"authorization": "Bearer "}, b"", None),
        ({"authorization": "Basic one", "x_api_key": "two"}, b"", b"two"),
        ({"x_api_key": "one", "api_key": "two"}, b"", b"one"),
        ({"api_key": "one"}, b"", b"one"),
        ({"x_goog_api_key": "one"}, b"", b"one"),
        ({}, b"alt=sse&key=one%2Bx", b"one+x"),
        ({"api_key": ""}, b"key=one", b"one"),
        ({}, b"monkey=one", None),
        ({}, b"key=&key=two", b"two"),
        ({}, b"monkey=one&k%65y=two", None),
        ({}, b"", None),
    ],
)
def test_where_a_key_is_looked_for(headers: dict[str, str], query: bytes, key: bytes | None) -> None:
    assert presented_key(a_request(query=query, **headers)) == key


@pytest.mark.parametrize("query", [b"alt=sse&key=one", b"key=one&alt=sse", b"key=&alt=sse&key=one"])
def test_a_key_in_the_query_does_not_go_upstream(query: bytes) -> None:
    request = a_request(query=query)
    assert (presented_key(request), upstream_suffix(request, b"/x")) == (b"one", b"/x?alt=sse")


def test_a_known_key_is_found_and_an_unknown_one_refused() -> None:
    key = a_key()
    assert found(key, a_request(x_api_key=SECRET.decode())) == key
    assert found(key, a_request(x_api_key="another-key-entirely-000")) is InvalidKey
    assert found(key, a_request()) is MissingKey


def test_a_mistyped_key_is_told_as_such() -> None:
    minted = mint_key(bytes(32))
    for presented, words in ((minted, "No key like this"), (minted[:-1] + "!", "mistyped")):
        with pytest.raises(InvalidKey, match=words):
            Identities((), PlainSeal()).identify(a_request(x_api_key=presented), 0)


def test_a_key_expires_at_its_moment() -> None:
    key = a_key(expires_at_ns=100)
    request = a_request(x_api_key=SECRET.decode())
    assert found(key, request, 99) == key
    assert found(key, request, 100) is ExpiredKey


def test_the_secret_before_a_rotation_opens_until_its_overlap_is_over() -> None:
    key = a_key(a_secret(), a_secret(OLD, 50), expires_at_ns=100)
    old, new = a_request(x_api_key=OLD.decode()), a_request(x_api_key=SECRET.decode())
    assert [found(key, old, 49), found(key, old, 50), found(key, new, 50)] == [key, ExpiredKey, key]
    assert found(key, new, 100) is ExpiredKey


def test_an_overlap_never_outlives_the_key() -> None:
    key = a_key(a_secret(OLD, 500), expires_at_ns=100)
    assert found(key, a_request(x_api_key=OLD.decode()), 200) is ExpiredKey


def opens(
    before: Key, after: Key, presented: bytes = SECRET, now_ns: int = 100
) -> type[TurnpikeError] | None:
    """What becomes of a call with what is known before, within what is allowed after."""
    identities = Identities((before,), PlainSeal()).within((after,))
    try:
        identities.identify(a_request(x_api_key=presented.decode()), now_ns)
    except TurnpikeError as refused:
        return type(refused)
    return None


def test_within_other_keys_a_secret_opens_no_more_than_they_let_it() -> None:
    assert opens(a_key(), a_key()) is None
    assert opens(a_key(), a_key(revoked=True)) is RevokedKey
    assert opens(a_key(revoked=True), a_key()) is RevokedKey
    assert opens(a_key(), a_key(a_secret(OLD))) is InvalidKey
    assert opens(a_key(), a_key(a_secret(expires_at_ns=100))) is ExpiredKey
    assert opens(a_key(), a_key(expires_at_ns=100)) is ExpiredKey
    assert opens(a_key(a_secret(expires_at_ns=100)), a_key()) is ExpiredKey
    assert opens(a_key(), a_key(a_secret(expires_at_ns=101))) is None


def test_within_other_keys_none_is_added() -> None:
    assert opens(a_key(), a_key(a_secret(), a_secret(OLD)), OLD) is InvalidKey


def test_a_revoked_key_opens_nothing() -> None:
    assert found(a_key(revoked=True), a_request(x_api_key=SECRET.decode())) is RevokedKey


@pytest.mark.parametrize(
    ("peer", "is_inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.1.2.3", False),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("fe80::1", False),
        ("", False),
        ("unix", False),
    ],
)
def test_a_key_bound_to_networks_opens_from_there_alone(peer: str, is_inside: bool) -> None:
    key = a_key(networks=("10.0.0.0/8", "fd00::/8"))
    expected = key if is_inside else InvalidKey
    assert found(key, a_request(peer, x_api_key=SECRET.decode())) == expected
