"""Identifiers: lower case, DNS-like, at most 63 characters.

An id that the server makes is a prefix and a ULID: a time-ordered random part.
"""

import re
from functools import lru_cache
from typing import Final

_VALID_ID: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS: Final = 48
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_SHIFTS: Final = tuple(range(70, -1, -10))
"""16 characters of 5 bits each, two at a time."""
_TIME_SHIFTS: Final = tuple(range(40, -1, -10))


def is_valid_id(text: str) -> bool:
    """Returns whether the text may name a resource.

    An id contains no colon, slash or brace, because ids are parts of Redis keys and resource names.
    """
    return _VALID_ID.fullmatch(text) is not None


def make_id(prefix: str, now_epoch_ms: int, randomness: bytes) -> str:
    """Returns a prefix and a lowercase ULID: 48 bits of milliseconds and 80 bits (10 bytes) of the caller's randomness."""
    value = int.from_bytes(randomness[:10], "big")
    return _beginning(prefix, now_epoch_ms) + "".join([_PAIRS[value >> shift & 1023] for shift in _RANDOM_SHIFTS])


@lru_cache(maxsize=64)
def _beginning(prefix: str, now_epoch_ms: int) -> str:
    """Returns the part that all ids of one millisecond share."""
    value = now_epoch_ms & ((1 << _TIME_BITS) - 1)
    return f"{prefix}-" + "".join([_PAIRS[value >> shift & 1023] for shift in _TIME_SHIFTS])
