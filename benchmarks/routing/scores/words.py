"""The features of a text: which of 16,384 buckets its words and pairs of words fall into."""

import re
from functools import lru_cache
from typing import Final

BUCKET_BITS: Final = 14
BUCKETS: Final = 1 << BUCKET_BITS
TEXT_BYTES_MAX: Final = 8_192
"""The start of a text. What comes later is mostly material to work on."""
_WORD: Final = re.compile(rb"[a-z0-9\x80-\xff]+|[^ \t\r\na-z0-9\x80-\xff]")
_MIX: Final = 0x9E3779B1
_MASK: Final = 0xFFFFFFFF
_FNV_START: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193


def buckets_of(text: str) -> tuple[int, ...]:
    """Returns the buckets of a text in ascending order, each once.

    A word is a run of ASCII letters, digits and bytes above ASCII, in lower case, or any other byte that is no space.
    """
    found = set()
    previous = 0
    for word in _WORD.findall(text.encode()[:TEXT_BYTES_MAX].lower()):
        current = _hash_of(word)
        found.add((current * _MIX & _MASK) >> 32 - BUCKET_BITS)
        if previous:
            found.add(((previous * _MIX & _MASK ^ current) * _MIX & _MASK) >> 32 - BUCKET_BITS)
        previous = current
    return tuple(sorted(found))


@lru_cache(maxsize=131_072)
def _hash_of(word: bytes) -> int:
    """Returns the FNV-1a hash of a word; 0 stands for none."""
    value = _FNV_START
    for byte in word:
        value = (value ^ byte) * _FNV_PRIME & _MASK
    return value or 1
