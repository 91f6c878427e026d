"""Formats of the admin API: access tokens, resource names, page tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_service.api.names import ResourceName, parse_name
from admin_service.listing.page_tokens import LIFE_S, PageTokenError, PageTokens
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, API_KEY, hash_secret

TOKEN = ACCESS_TOKEN.make(b"t" * 32)
NOW = 1_800_000_000


@given(st.binary(min_size=32, max_size=32))
def test_an_access_token_is_recognized_and_is_not_an_api_key(randomness: bytes) -> None:
    token = ACCESS_TOKEN.make(randomness)
    assert ACCESS_TOKEN.is_well_formed(token)
    assert not API_KEY.is_well_formed(token)
    assert not ACCESS_TOKEN.is_well_formed(API_KEY.make(randomness))


@pytest.mark.parametrize(
    "text", ["", "mrt-", TOKEN[:-1], TOKEN + "0", TOKEN.replace("mrt-", "mr-"), f" {TOKEN}", TOKEN.upper()]
)
def test_a_malformed_access_token_is_detected_without_a_lookup(text: str) -> None:
    assert not ACCESS_TOKEN.is_well_formed(text)


def test_a_mistyped_access_token_fails_its_checksum() -> None:
    wrong = TOKEN[:10] + ("A" if TOKEN[10] != "A" else "B") + TOKEN[11:]
    assert not ACCESS_TOKEN.is_well_formed(wrong)


def test_the_hash_of_a_token_depends_on_the_pepper() -> None:
    assert hash_secret(TOKEN, b"one") != hash_secret(TOKEN, b"two")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("organizations/acme", ResourceName("acme")),
        ("organizations/acme/apiKeys/key-1", ResourceName("acme", "apiKeys", "key-1")),
        ("organizations/acme/members/mia", ResourceName("acme", "members", "mia")),
        ("organizations/acme/creditBalance", ResourceName("acme", "creditBalance")),
    ],
)
def test_names_are_read_and_written(text: str, name: ResourceName) -> None:
    assert parse_name(text) == name
    assert str(name) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "organizations",
        "organizations/",
        "organizations/ACME",
        "organizations/acme/",
        "/organizations/acme",
        "organizations/acme/apiKeys",
        "organizations/acme/apiKeys/",
        "organizations/acme/apiKeys/-",
        "organizations/acme/apiKeys/a%2Fb",
        "organizations/acme/apiKeys/key-1/extra",
        "organizations/acme/creditBalance/x",
        "organizations/acme/planets/earth",
        "organizations/acme/apiKeys/key\0",
        "organizations/../apiKeys/key-1",
        "organizations/" + "a" * 64,
    ],
)
def test_a_malformed_name_is_refused(text: str) -> None:
    assert parse_name(text) is None


def page_tokens(now: int = NOW, secret: bytes = b"s" * 32) -> PageTokens:
    return PageTokens(secret, lambda: float(now))


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_page_token_continues_the_call_it_was_made_for(last_key: str, arguments: str) -> None:
    assert page_tokens().decode(page_tokens().encode(last_key, arguments), arguments) == last_key


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_a_page_token_of_another_call_is_refused(last_key: str, arguments: str, others: str) -> None:
    token = page_tokens().encode(last_key, arguments)
    if others != arguments:
        with pytest.raises(PageTokenError):
            page_tokens().decode(token, others)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda raw: raw.hex())))
def test_a_made_up_page_token_is_refused(token: str) -> None:
    with pytest.raises(PageTokenError):
        page_tokens().decode(token, "list")


def test_a_page_token_with_any_changed_character_is_refused() -> None:
    token = page_tokens().encode("key-1", "list")
    for index, character in enumerate(token):
        changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        with pytest.raises(PageTokenError):
            page_tokens().decode(changed, "list")


@pytest.mark.parametrize("age_s", [-1, LIFE_S + 1])
def test_a_page_token_is_valid_for_three_days(age_s: int) -> None:
    token = page_tokens().encode("key-1", "list")
    assert page_tokens(NOW + LIFE_S).decode(token, "list") == "key-1"
    with pytest.raises(PageTokenError):
        page_tokens(NOW + age_s).decode(token, "list")


def test_while_the_secret_is_replaced_page_tokens_of_both_secrets_continue() -> None:
    new = PageTokens(b"n" * 32, lambda: float(NOW), [b"s" * 32])
    assert new.decode(page_tokens().encode("key-1", "list"), "list") == "key-1"
    assert new.decode(new.encode("key-2", "list"), "list") == "key-2"
    with pytest.raises(PageTokenError):
        page_tokens().decode(new.encode("key-2", "list"), "list")


def test_a_page_token_of_another_deployment_is_refused() -> None:
    with pytest.raises(PageTokenError):
        page_tokens(secret=b"o" * 32).decode(page_tokens().encode("key-1", "list"), "list")
