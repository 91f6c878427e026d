"""The key of a call is found wherever an SDK puts it. Ambiguous calls are refused (faults F2, G3)."""

from typing import Any

import pytest

from authz_service.request.call import Call
from authz_service.request.credentials import INVALID_KEY, find_api_key
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from tests.support.data.examples import KEY, OTHER_KEY, call

BEARER = f"Bearer {KEY}"


def with_headers(*headers: tuple[str, str]) -> Call:
    return Call("POST", "/v1/messages", tuple((name, value.encode("latin-1")) for name, value in headers), 1)


def refused(presented: Call) -> Refusal:
    answer = find_api_key(presented)
    assert isinstance(answer, Refusal)
    assert answer.status == 401
    assert KEY not in answer.message
    return answer


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": BEARER},
        {"authorization": f"bearer {KEY}"},
        {"authorization": f"BEARER   {KEY}  "},
        {"x_api_key": KEY},
        {"x_api_key": f" {KEY} "},
        {"x_goog_api_key": KEY},
    ],
)
def test_the_key_is_found_where_the_sdks_put_it(headers: dict[str, Any]) -> None:
    assert find_api_key(call(**headers)) == KEY


@pytest.mark.parametrize("headers", [{}, {"cookie": f"key={KEY}"}, {"x_openai_key": KEY}])
def test_the_error_for_a_missing_key_says_how_to_send_one(headers: dict[str, Any]) -> None:
    refusal = refused(call(**headers))
    assert refusal.reason is RefusalReason.MISSING_API_KEY
    assert "Authorization: Bearer" in refusal.message


@pytest.mark.parametrize("query", ["key=", "api_key=", "alt=sse&key="])
def test_a_key_in_the_query_is_ignored_and_reported_as_leaked(query: str) -> None:
    refusal = refused(call(path=f"/v1beta/models/gemini:generateContent?{query}{KEY}"))
    assert refusal.reason is RefusalReason.MISSING_API_KEY
    assert "leaked" in refusal.message


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sk-1234567890",
        KEY[:-1],
        KEY[:-1] + "x",
        KEY + "0",
        KEY.upper(),
        f"{KEY} {KEY}",
        f'"{KEY}"',
        "mr-\xe9",
        "\xff" * 50,
    ],
)
@pytest.mark.parametrize("header", ["authorization", "x-api-key", "x-goog-api-key"])
def test_a_malformed_key_gets_the_error_of_an_unknown_key(header: str, key: str) -> None:
    """Every invalid key gets the same error, which reveals nothing (INV-18)."""
    value = f"Bearer {key}" if header == "authorization" else key
    assert refused(with_headers((header, value))) is INVALID_KEY


def test_a_key_in_bytes_beyond_ascii_is_refused() -> None:
    assert refused(call(authorization=b"Bearer " + KEY.encode() + b"\x80")) is INVALID_KEY
    assert refused(call(x_api_key="é".encode() + KEY.encode())) is INVALID_KEY


@pytest.mark.parametrize("value", ["", KEY, f"Basic {KEY}", f"Token {KEY}", f"Bearer\t{KEY}", f"Bearer:{KEY}", "Basic"])
def test_a_scheme_other_than_bearer_is_refused(value: str) -> None:
    refusal = refused(call(authorization=value))
    assert refusal.reason is RefusalReason.INVALID_API_KEY
    assert "must be Bearer" in refusal.message


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", BEARER), ("x-api-key", OTHER_KEY)),
        (("x-api-key", OTHER_KEY), ("x-goog-api-key", KEY)),
        (("x-api-key", "sk-one"), ("x-goog-api-key", "sk-two")),
        (("x-api-key", KEY), ("x-api-key", OTHER_KEY)),
        (("authorization", BEARER), ("authorization", f"Bearer {OTHER_KEY}")),
        (("authorization", BEARER), ("authorization", BEARER)),
        (("authorization", f"{BEARER}, {BEARER}"),),
        (("authorization", f"{BEARER},Bearer {OTHER_KEY}"),),
    ],
    ids=["bearer and x-api-key", "two key headers", "two foreign keys", "x-api-key twice",
         "two authorizations", "authorization repeated", "authorization repeated and joined", "two joined"],
)  # fmt: skip
def test_two_keys_are_refused(headers: tuple[tuple[str, str], ...]) -> None:
    assert refused(with_headers(*headers)).reason is RefusalReason.CONFLICTING_API_KEYS


@pytest.mark.parametrize("foreign", ["", "anything", "sk-ant-1234567890"])
def test_a_foreign_key_beside_ours_does_not_count(foreign: str) -> None:
    assert find_api_key(with_headers(("authorization", BEARER), ("x-api-key", foreign))) == KEY
    assert find_api_key(with_headers(("authorization", f"Bearer {foreign}"), ("x-api-key", KEY))) == KEY
    assert find_api_key(with_headers(("x-goog-api-key", foreign), ("x-api-key", KEY))) == KEY


@pytest.mark.parametrize("foreign", ["", "Basic abc", "Negotiate x", "Digest a=b, c=d"])
def test_a_foreign_scheme_beside_our_key_does_not_count(foreign: str) -> None:
    assert find_api_key(with_headers(("authorization", foreign), ("x-api-key", KEY))) == KEY
    refusal = refused(with_headers(("authorization", foreign), ("x-api-key", "sk-one")))
    assert "must be Bearer" in refusal.message


def test_a_malformed_key_of_ours_is_not_replaced_by_a_foreign_one() -> None:
    assert refused(with_headers(("authorization", f"{BEARER}0"), ("x-api-key", "sk-one"))) is INVALID_KEY


def test_the_same_key_in_two_kinds_of_header_is_one_key() -> None:
    headers = (("authorization", BEARER), ("x-api-key", KEY), ("x-goog-api-key", KEY))
    assert find_api_key(with_headers(*headers)) == KEY


def test_a_wrong_scheme_is_refused_even_with_a_valid_key() -> None:
    headers = (("x-api-key", KEY), ("authorization", f"Basic {KEY}"))
    assert refused(with_headers(*headers)).reason is RefusalReason.INVALID_API_KEY
