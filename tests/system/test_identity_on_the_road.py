"""Who may call what, over real sockets, in each dialect's errors and each SDK's exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.system.parts import ANSWER, good
from tests.system.road import CHAT, KEY, MESSAGES, Document, Road, chat_body, message_body
from tests.system.running import wait_until
from turnpike.domain.key import mint_key

EXPIRED, REVOKED, FOREIGN = (
    "key-that-has-expired-0001",
    "key-that-was-revoked-0001",
    "key-of-another-network-01",
)
NARROW, TAGGED, SERVICE, NO_MODELS = (
    "key-with-one-model-000001", "key-that-requires-tags-01", "key-that-acts-for-users-1", "key-of-a-team-of-nothing-1",
)  # fmt: skip
MINTED = mint_key(bytes(range(32)))
MISTYPED = MINTED[:-1] + ("a" if MINTED[-1] != "a" else "b")
ALL = ["*"]

DOCUMENT: Document = {
    "models": [
        {"name": "allowed-gpt", "targets": [{"provider": "fake-openai", "model": "gpt-4o"}]},
        {"name": "hidden-gpt", "targets": [{"provider": "fake-openai", "model": "gpt-4o"}]},
    ],
    "teams": [
        {"name": "narrow", "models": ["allowed-*", "claude"], "surfaces": ["openai.*"], "tags": {"team": "narrow"}},
        {"name": "nothing"},
        {"name": "tagged", "models": ALL, "required_tags": ["app", "env"], "tags": {"env": "prod"}},
    ],
    "keys": [
        {"name": "expired", "team": "research", "secret": EXPIRED, "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "revoked", "team": "research", "secret": REVOKED, "revoked": True},
        {"name": "foreign", "team": "research", "secret": FOREIGN, "networks": ["10.0.0.0/8", "fd00::/8"]},
        {"name": "narrow", "team": "narrow", "secret": NARROW, "models": ["allowed-gpt", "claude"]},
        {"name": "tagged", "team": "tagged", "secret": TAGGED},
        {"name": "service", "team": "research", "secret": SERVICE, "acts_for": ["*@example.com"]},
        {"name": "nothing", "team": "nothing", "secret": NO_MODELS},
    ],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _organisation(road: Road) -> Iterator[None]:
    road.apply("identity", DOCUMENT)
    yield
    road.apply("identity", {})


REFUSALS = {
    "mistyped": (MISTYPED, 401, "invalid_key", "mistyped"),
    "unknown": (MINTED, 401, "invalid_key", "No key like this"),
    "of no form": ("sk-whatever", 401, "invalid_key", "No key like this"),
    "expired": (EXPIRED, 401, "expired_key", "expired"),
    "revoked": (REVOKED, 401, "revoked_key", "revoked"),
    "of another network": (FOREIGN, 401, "invalid_key", "127.0.0.1"),
    "of a team of nothing": (NO_MODELS, 403, "model_not_allowed", "may not use"),
}
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    400: "invalid_request_error",
}
OPENAI_CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
}  # fmt: skip
ANTHROPIC_CLASSES: dict[int, type[anthropic.APIStatusError]] = {
    400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
}  # fmt: skip


def check_openais(error: openai.APIStatusError, status: int, code: str, words: str) -> None:
    assert isinstance(error, OPENAI_CLASSES[status])
    assert (error.status_code, error.code, error.type) == (status, code, TYPES[status])
    assert words in error.message
    assert error.request_id == error.response.headers["x-turnpike-call-id"]


def check_anthropics(error: anthropic.APIStatusError, status: int, code: str, words: str) -> None:
    body: Any = error.body
    assert isinstance(error, ANTHROPIC_CLASSES[status])
    assert (body["type"], body["error"]["type"], body["error"]["code"]) == ("error", TYPES[status], code)
    assert words in body["error"]["message"]
    assert error.request_id == body["request_id"] == error.response.headers["x-turnpike-call-id"]


@pytest.mark.parametrize("whose", REFUSALS)
def test_openais_sdk_raises_its_class_for_a_key(road: Road, whose: str) -> None:
    key, status, code, words = REFUSALS[whose]
    with road.openai(key=key) as gpt, pytest.raises(openai.APIStatusError) as caught:
        gpt.chat.completions.create(**chat_body())
    check_openais(caught.value, status, code, words)
    assert key not in caught.value.message


@pytest.mark.parametrize("whose", REFUSALS)
def test_anthropics_sdk_raises_its_class_for_a_key(road: Road, whose: str) -> None:
    key, status, code, words = REFUSALS[whose]
    with road.anthropic(key=key) as claude, pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(**message_body())
    check_anthropics(caught.value, status, code, words)


@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/v1/models", "/v1/responses/resp_1", "/v1/embeddings"])
def test_a_request_without_a_key_is_told_how_to_send_one(road: Road, path: str) -> None:
    if path in (CHAT, MESSAGES, "/v1/embeddings"):
        answer = road.post(path, chat_body(), key=None)
    else:
        answer = road.get(path, key=None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "missing_key")
    assert "Authorization: Bearer" in answer.json()["error"]["message"]
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Token x", "Digest x"])
def test_other_authorizations_are_no_key(road: Road, value: str) -> None:
    answer = road.post(CHAT, chat_body(), key=None, authorization=value)
    assert answer.json()["error"]["code"] == "missing_key"


PLACES: dict[str, tuple[dict[str, str], str]] = {
    "Authorization": ({"authorization": f"Bearer {KEY}"}, ""),
    "authorization in small letters": ({"authorization": f"bearer {KEY}"}, ""),
    "x-api-key": ({"x_api_key": KEY}, ""),
    "api-key": ({"api_key": KEY}, ""),
    "x-goog-api-key": ({"x_goog_api_key": KEY}, ""),
    "?key=": ({}, f"?a=%20b&key={KEY}&beta=true"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_key_is_taken_wherever_sdks_put_it_and_goes_no_further(road: Road, path: str, place: str) -> None:
    headers, query = PLACES[place]
    message = b'{"id":"msg_1","type":"message","content":[]}'
    case = road.case(lambda e: e.answer(200, ANSWER if path == CHAT else message))
    body = chat_body() if path == CHAT else message_body()
    assert road.post(path + query, body, case, key=None, **headers).status_code == 200
    (received,) = road.received(case)
    assert not any(KEY in value for _, value in received.lines)
    assert received.target == path + ("?a=%20b&beta=true" if query else "")


def test_a_model_that_is_not_allowed_is_told_apart_from_one_that_is_not_there(road: Road) -> None:
    with road.openai(key=NARROW) as gpt:
        for model, status, code, words in (
            ("hidden-gpt", 403, "model_not_allowed", "GET /v1/models"),
            ("allowed-gtp", 404, "model_not_found", "Did you mean 'allowed-gpt'?"),
            ("nowhere", 404, "model_not_found", "GET /v1/models"),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                gpt.chat.completions.create(**chat_body(model))
            check_openais(caught.value, status, code, words)


def test_no_name_is_hinted_at_that_the_key_may_not_use(road: Road) -> None:
    answer = road.post(CHAT, chat_body("hidden-gp"), key=NARROW)
    assert answer.status_code == 404
    assert "hidden-gpt" not in answer.text


def test_every_level_must_allow_a_model(road: Road) -> None:
    assert road.post(CHAT, chat_body("allowed-gpt"), road.case(good), key=NARROW).content == ANSWER
    models = road.get("/v1/models", key=NARROW).json()["data"]
    # Not "claude": no surface that the team leaves open leads there.
    assert [model["id"] for model in models] == ["allowed-gpt"]
    assert road.get("/v1/models/hidden-gpt", key=NARROW).status_code == 404
    assert road.get("/v1/models", key=NO_MODELS).json()["data"] == []


def test_a_surface_that_is_not_allowed_is_refused(road: Road) -> None:
    with road.anthropic(key=NARROW) as claude, pytest.raises(anthropic.PermissionDeniedError) as caught:
        claude.messages.create(**message_body())
    check_anthropics(caught.value, 403, "surface_not_allowed", "anthropic.messages")


def test_a_model_on_a_surface_that_its_provider_lacks_is_the_callers_fault(road: Road) -> None:
    answer = road.post(MESSAGES, message_body("gpt"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "another API" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("key", "user", "status"),
    [(SERVICE, "alice@example.com", 200), (SERVICE, "mallory@evil.example", 403), (KEY, "alice@example.com", 403)],
)  # fmt: skip
def test_an_end_user_is_named_only_by_a_key_that_may(road: Road, key: str, user: str, status: int) -> None:
    case = road.case(good)
    answer = road.post(CHAT, chat_body(), case, key=key, x_turnpike_user=user)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "policy_denied"
        assert road.received(case) == []


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        ("app=search", True),
        ("app=search, env=dev", True),
        ("app=s p a c e d", True),
        ("app=a=b", True),
        (", ,app=x,", True),
        (",".join(["app=x", *(f"t{n}=v" for n in range(15))]), True),
        ("App=search", False),
        ("app", False),
        ("app=", False),
        ("=x", False),
        ("a b=c", False),
        ("app=" + "x" * 129, False),
        ("x" * 65 + "=y", False),
        (",".join(f"t{n}=v" for n in range(17)), False),
    ],
)
def test_tags_keep_to_their_grammar(road: Road, tags: str, fits: bool) -> None:
    case = road.case(good)
    answer = road.post(CHAT, chat_body(), case, x_turnpike_tags=tags)
    assert answer.status_code == (200 if fits else 400)
    assert fits or answer.json()["error"]["code"] == "invalid_tags"
    assert len(road.received(case)) == fits


def test_required_tags_come_from_the_header_the_sdks_fields_or_defaults(road: Road) -> None:
    missing = road.post(CHAT, chat_body(), key=TAGGED)
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "invalid_tags")
    assert "requires the tags app:" in missing.json()["error"]["message"]
    case = road.case(good)
    assert road.post(CHAT, chat_body(), case, key=TAGGED, x_turnpike_tags="app=x").status_code == 200
    body = chat_body() | {"metadata": {"app": "from the SDK"}}
    assert road.post(CHAT, body, case, key=TAGGED).status_code == 200
    assert json.loads(road.received(case)[1].body)["metadata"] == {"app": "from the SDK"}


def test_a_rotated_key_opens_with_its_old_secret_for_the_overlap_and_a_revoked_one_never(road: Road) -> None:
    made = road.command("keys", "create", "rotating", "--team", "research", "--json")
    first = json.loads(made.stdout)["secret"]
    wait_until(lambda: road.get("/v1/models", key=first).status_code == 200, "the key opens")
    second = json.loads(
        road.command("keys", "rotate", "rotating", "--overlap-seconds", "600", "--json").stdout
    )["secret"]
    wait_until(lambda: road.get("/v1/models", key=second).status_code == 200, "the new secret opens")
    assert road.get("/v1/models", key=first).status_code == 200
    assert road.command("keys", "revoke", "rotating").returncode == 0
    wait_until(
        lambda: code_of(road.get("/v1/models", key=first)) == "revoked_key", "the first is revoked", 1.0
    )
    wait_until(lambda: code_of(road.get("/v1/models", key=second)) == "revoked_key", "the second too", 1.0)


def code_of(answer: httpx.Response) -> str | None:
    return answer.json()["error"]["code"] if answer.status_code >= 400 else None


def test_anthropics_models_come_by_its_header(road: Road) -> None:
    with road.anthropic(key=NARROW) as claude:
        page = claude.models.list(limit=1)
        assert [model.id for model in page.data] == ["allowed-gpt"]
        assert claude.models.retrieve("allowed-gpt").display_name == "allowed-gpt"
        with pytest.raises(anthropic.NotFoundError) as caught:
            claude.models.retrieve("hidden-gpt")
    check_anthropics(caught.value, 404, "model_not_found", "hidden-gpt")
