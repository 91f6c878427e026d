import itertools
import os
from dataclasses import replace

import pytest

from gateway_core.stores.channel_seals import Place, SealError, open_seal, seal

KEY, OTHER = bytes(32), bytes([1] * 32)
HERE = Place("acme", "ops", "target")
URL = "https://hooks.example/services/T000/B000/XXXX"


def test_a_sealed_text_is_opened_with_the_present_or_the_former_key() -> None:
    sealed = seal(URL, HERE, KEY, os.urandom)
    assert open_seal(sealed, HERE, [KEY]) == URL
    assert open_seal(sealed, HERE, [OTHER, KEY]) == URL
    assert b"hooks" not in sealed


def test_a_seal_is_never_the_same_twice() -> None:
    assert seal(URL, HERE, KEY, os.urandom) != seal(URL, HERE, KEY, os.urandom)


@pytest.mark.parametrize(
    "place", [replace(HERE, organization="other"), replace(HERE, channel="other"), replace(HERE, use="secret")]
)
def test_a_seal_that_was_moved_cannot_be_opened(place: Place) -> None:
    with pytest.raises(SealError):
        open_seal(seal(URL, HERE, KEY, os.urandom), place, [KEY])


def test_a_damaged_seal_cannot_be_opened() -> None:
    sealed = seal(URL, HERE, KEY, os.urandom)
    for place, length in itertools.product(range(len(sealed)), (1,)):
        damaged = bytearray(sealed)
        damaged[place] ^= length
        with pytest.raises(SealError):
            open_seal(bytes(damaged), HERE, [KEY])
    for content in (b"", sealed[:5], sealed[:20], sealed[:-1]):
        with pytest.raises(SealError):
            open_seal(content, HERE, [KEY])


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(SealError):
        open_seal(seal(URL, HERE, KEY, os.urandom), HERE, [OTHER])
