"""Bearer secrets: one format, a checksum against typing errors, and only a hash that is stored (INV-16)."""

import zlib
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, API_KEY, INVITE_TOKEN, hash_secret

secrets = st.binary(min_size=32, max_size=32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SECRET_CHARACTERS = 43
KEY = API_KEY.make(bytes(range(32)))


@given(secrets)
def test_a_generated_key_is_well_formed(secret: bytes) -> None:
    assert API_KEY.is_well_formed(API_KEY.make(secret))


@given(secrets, secrets)
def test_different_secrets_give_different_keys(one: bytes, other: bytes) -> None:
    assert (API_KEY.make(one) == API_KEY.make(other)) == (one == other)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_is_made_from_exactly_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        API_KEY.make(b"x" * size)


def test_a_single_wrong_character_never_passes_the_checksum() -> None:
    """This proves it for all keys: the change in the CRC depends only on the position and on the difference.

    Two or more wrong characters pass with a probability of one in 2^24. The lookup by hash then refuses the key.
    """
    zeros = bytes(SECRET_CHARACTERS)
    differences = {ord(one) ^ ord(other) for one, other in combinations(ALPHABET, 2)}
    for place in range(SECRET_CHARACTERS):
        for difference in differences:
            typo = zeros[:place] + bytes([difference]) + zeros[place + 1 :]
            assert (zlib.crc32(typo) ^ zlib.crc32(zeros)) & 0xFFFFFF


@given(secrets, st.integers(0, 52), st.sampled_from(ALPHABET + " .é\n"))
def test_a_key_with_a_wrong_character_is_refused(secret: bytes, place: int, character: str) -> None:
    key = API_KEY.make(secret)
    mistyped = key[:place] + character + key[place + 1 :]
    assert API_KEY.is_well_formed(mistyped) == (mistyped == key)


@given(secrets, st.integers(3, 44))
def test_a_key_with_two_adjacent_characters_swapped_is_refused(secret: bytes, place: int) -> None:
    key = API_KEY.make(secret)
    mistyped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert API_KEY.is_well_formed(mistyped) == (mistyped == key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mr-",
        KEY[1:],
        KEY[:-1],
        KEY + "0",
        KEY + "\n",
        " " + KEY,
        KEY.upper(),
        "sk-" + KEY[3:],
        KEY.replace("-", "_"),
        KEY * 2,
    ],
)
def test_anything_but_a_complete_key_is_refused(text: str) -> None:
    assert not API_KEY.is_well_formed(text)


def test_the_hash_is_32_bytes_and_depends_on_key_and_pepper() -> None:
    hashes = {hash_secret(key, pepper) for key in (KEY, API_KEY.make(b"\1" * 32)) for pepper in (b"p" * 32, b"q" * 32)}
    assert len(hashes) == 4
    assert {len(value) for value in hashes} == {32}
    assert hash_secret(KEY, b"p" * 32) == hash_secret(KEY, b"p" * 32)


def test_the_obfuscated_form_of_a_key_is_not_a_key() -> None:
    shown = API_KEY.obfuscated(KEY)
    assert len(shown) == 12
    assert not API_KEY.is_well_formed(shown)
    assert KEY[7:-4] not in shown


KINDS = {"API key": API_KEY, "access token": ACCESS_TOKEN, "invite token": INVITE_TOKEN}


@pytest.mark.parametrize("kind", KINDS)
@given(randomness=secrets)
def test_a_secret_has_exactly_one_kind(kind: str, randomness: bytes) -> None:
    secret = KINDS[kind].make(randomness)
    assert [name for name, other in KINDS.items() if other.is_well_formed(secret)] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_obfuscated_form_is_the_prefix_and_eight_characters(kind: str) -> None:
    secret = KINDS[kind].make(bytes(range(32)))
    shown = KINDS[kind].obfuscated(secret)
    prefix = secret[: secret.index("-") + 1]
    assert shown.startswith(prefix)
    assert len(shown) == len(prefix) + len("Ab3d…9f0c")
    assert secret[len(prefix) + 4 : -4] not in shown
