"""Keys: one form, a checksum that stops typing errors, and a hash that is all that is kept (INV-16)."""

import zlib
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.organization.api_keys import hash_api_key, is_well_formed, make_api_key, obfuscate

secrets = st.binary(min_size=32, max_size=32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SECRET_CHARACTERS = 43
KEY = make_api_key(bytes(range(32)))


@given(secrets)
def test_a_made_key_is_well_formed(secret: bytes) -> None:
    assert is_well_formed(make_api_key(secret))


@given(secrets, secrets)
def test_different_secrets_make_different_keys(one: bytes, other: bytes) -> None:
    assert (make_api_key(one) == make_api_key(other)) == (one == other)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_is_made_from_exactly_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_api_key(b"x" * size)


def test_no_single_wrong_character_in_any_key_passes_the_checksum() -> None:
    """A proof, not a sample: what a wrong character changes in a CRC depends on its place and on the difference alone.

    Two and more wrong characters pass with a probability of one in 2^24; the look-up by hash refuses them then.
    """
    zeros = bytes(SECRET_CHARACTERS)
    differences = {ord(one) ^ ord(other) for one, other in combinations(ALPHABET, 2)}
    for place in range(SECRET_CHARACTERS):
        for difference in differences:
            typo = zeros[:place] + bytes([difference]) + zeros[place + 1 :]
            assert (zlib.crc32(typo) ^ zlib.crc32(zeros)) & 0xFFFFFF


@given(secrets, st.integers(0, 52), st.sampled_from(ALPHABET + " .é\n"))
def test_a_key_with_a_wrong_character_is_refused(secret: bytes, place: int, character: str) -> None:
    key = make_api_key(secret)
    mistyped = key[:place] + character + key[place + 1 :]
    assert is_well_formed(mistyped) == (mistyped == key)


@given(secrets, st.integers(3, 44))
def test_a_key_with_two_neighbours_swapped_is_refused(secret: bytes, place: int) -> None:
    key = make_api_key(secret)
    mistyped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_well_formed(mistyped) == (mistyped == key)


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
def test_anything_but_a_whole_key_is_refused(text: str) -> None:
    assert not is_well_formed(text)


def test_the_hash_is_32_bytes_and_depends_on_key_and_pepper() -> None:
    hashes = {hash_api_key(key, pepper) for key in (KEY, make_api_key(b"\1" * 32)) for pepper in (b"p" * 32, b"q" * 32)}
    assert len(hashes) == 4
    assert {len(value) for value in hashes} == {32}
    assert hash_api_key(KEY, b"p" * 32) == hash_api_key(KEY, b"p" * 32)


def test_what_is_shown_of_a_key_is_no_key() -> None:
    shown = obfuscate(KEY)
    assert len(shown) == 12
    assert not is_well_formed(shown)
    assert KEY[7:-4] not in shown
