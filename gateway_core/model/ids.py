"""Identifiers: DNS-like, lower case, at most 63 characters; server-made ones are a prefix and a time-ordered random part."""

import re
from functools import lru_cache
from typing import Final

_VALID_ID: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS: Final = 48
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_SHIFTS: Final = tuple(range(70, -1, -10))
"""16 characters of 5 bits, two at a time."""
_TIME_SHIFTS: Final = tuple(range(40, -1, -10))


def is_valid_id(text: str) -> bool:
    """Whether the text may name a resource. No colon, slash or brace: ids are parts of Redis keys and resource names."""
    return _VALID_ID.fullmatch(text) is not None


def make_id(prefix: str, now_epoch_ms: int, randomness: bytes) -> str:
    """A ULID in lower case behind a prefix: 48 bits of milliseconds, 80 of randomness (10 bytes, from the caller)."""
    value = int.from_bytes(randomness[:10], "big")
    return _beginning(prefix, now_epoch_ms) + "".join([_PAIRS[value >> shift & 1023] for shift in _RANDOM_SHIFTS])


@lru_cache(maxsize=64)
def _beginning(prefix: str, now_epoch_ms: int) -> str:
    """What the ids of a millisecond have in common."""
    value = now_epoch_ms & ((1 << _TIME_BITS) - 1)
    return f"{prefix}-" + "".join([_PAIRS[value >> shift & 1023] for shift in _TIME_SHIFTS])
