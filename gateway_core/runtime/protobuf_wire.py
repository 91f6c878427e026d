"""Protobuf's wire format, for the few messages that every call needs. Message objects cost several times as much.

See https://protobuf.dev/programming-guides/encoding/.
"""

from typing import Final

_SHORT: Final = 1 << 12


def varint(number: int) -> bytes:
    """Encodes a non-negative number."""
    return _VARINTS[number] if number < _SHORT else bytes((number & 127 | 128,)) + varint(number >> 7)


def number_field(field: int, number: int) -> bytes:
    """Encodes an integer, enum or boolean field; empty for 0, which is the default."""
    return varint(field << 3) + varint(number) if number else b""


def bytes_field(field: int, content: bytes) -> bytes:
    """Encodes a field of text, bytes, or an encoded message."""
    return b"".join((_VARINTS[field << 3 | 2], varint(len(content)), content))


_VARINTS: Final = (
    *(bytes((number,)) for number in range(1 << 7)),
    *(bytes((number & 127 | 128, number >> 7)) for number in range(1 << 7, _SHORT)),
)
