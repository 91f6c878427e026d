"""Tokens of invites."""

import pytest

from admin_service.access.access_tokens import is_access_token, make_access_token
from admin_service.resources.invites.tokens import hash_invite_token, invite_link, is_invite_token, make_invite_token
from gateway_core.model.organization.api_keys import is_well_formed, make_api_key

RANDOMNESS = bytes(range(32))
TOKEN = make_invite_token(RANDOMNESS)


def test_a_token_is_none_of_another_kind() -> None:
    assert is_invite_token(TOKEN)
    assert not is_access_token(TOKEN)
    assert not is_well_formed(TOKEN)
    assert not is_invite_token(make_access_token(RANDOMNESS))
    assert not is_invite_token(make_api_key(RANDOMNESS))


@pytest.mark.parametrize("index", range(len("mri-"), len(TOKEN)))
def test_a_token_with_one_wrong_character_is_none(index: int) -> None:
    wrong = "a" if TOKEN[index] != "a" else "b"
    assert not is_invite_token(TOKEN[:index] + wrong + TOKEN[index + 1 :])


@pytest.mark.parametrize("text", ["", "mri-", TOKEN + "0", " " + TOKEN, TOKEN + "\n", TOKEN.upper()])
def test_what_has_not_the_form_is_no_token(text: str) -> None:
    assert not is_invite_token(text)


def test_a_token_has_256_random_bits() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_invite_token(bytes(16))


def test_the_hash_depends_on_token_and_pepper() -> None:
    other = make_invite_token(bytes(32))
    assert len({hash_invite_token(TOKEN, b"p"), hash_invite_token(TOKEN, b"q"), hash_invite_token(other, b"p")}) == 3


def test_the_token_stands_where_browsers_tell_no_server() -> None:
    assert invite_link("https://console.example/invites", TOKEN) == f"https://console.example/invites#{TOKEN}"
    assert invite_link(None, TOKEN) == ""
