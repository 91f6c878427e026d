"""Which characters the fonts of reports have, and text that they can show."""

import struct
import unicodedata
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Final

FONTS: Final = Path(__file__).parent / "fonts"
REPLACEMENT: Final = "\u25a1"
"""Stands for a character that no font has. The attached files have the character itself."""
_JOINERS: Final = frozenset("\u200c\u200d\ufe0e\ufe0f")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BLANK: Final = frozenset({"Zs", "Zl", "Zp"})
_HEAD: Final = struct.Struct(">4sHHHH")
_TABLE: Final = struct.Struct(">4sIII")


def shown(text: str) -> str:
    """Returns the text as a page can show it, in one line.

    It has no controls, among them those that change the direction of what follows, and a box for each character that no font has.
    """
    kept = []
    for char in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(char)
        if char in "\t\r\n" or kind in _BLANK:
            kept.append(" ")
        elif char in _JOINERS:
            kept.append(char)
        elif kind not in _INVISIBLE:
            kept.append(char if is_covered(ord(char)) else REPLACEMENT)
        elif kind in {"Co", "Cn"}:
            kept.append(REPLACEMENT)
    return " ".join("".join(kept).split())


def is_covered(code: int) -> bool:
    """Whether a font of reports has the character."""
    starts, ends = _ranges()
    at = bisect_right(starts, code) - 1
    return at >= 0 and code <= ends[at]


@cache
def _ranges() -> tuple[list[int], list[int]]:
    codes: set[int] = set()
    for path in sorted(FONTS.glob("*.[ot]tf")):
        for start, end in character_ranges(path.read_bytes()):
            codes.update(range(start, end + 1))
    starts: list[int] = []
    ends: list[int] = []
    for code in sorted(codes):
        if ends and ends[-1] == code - 1:
            ends[-1] = code
        else:
            starts.append(code)
            ends.append(code)
    return starts, ends


def character_ranges(font: bytes) -> list[tuple[int, int]]:
    """Returns the ranges of characters that an OpenType font has, by its table `cmap` (formats 4 and 12)."""
    count = _HEAD.unpack_from(font)[1]
    tables = (_TABLE.unpack_from(font, _HEAD.size + _TABLE.size * number) for number in range(count))
    base = next(offset for tag, _, offset, _ in tables if tag == b"cmap")
    ranges = []
    for number in range(struct.unpack_from(">H", font, base + 2)[0]):
        _, _, offset = struct.unpack_from(">HHI", font, base + 4 + 8 * number)
        (kind,) = struct.unpack_from(">H", font, base + offset)
        if kind == 4:
            ranges += _format_4(font, base + offset)
        elif kind == 12:
            (groups,) = struct.unpack_from(">I", font, base + offset + 12)
            for group in range(groups):
                start, end, _ = struct.unpack_from(">III", font, base + offset + 16 + 12 * group)
                ranges.append((start, end))
    return ranges


def _format_4(font: bytes, at: int) -> list[tuple[int, int]]:
    (double,) = struct.unpack_from(">H", font, at + 6)
    segments = double // 2
    ends = struct.unpack_from(f">{segments}H", font, at + 14)
    starts = struct.unpack_from(f">{segments}H", font, at + 16 + double)
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start != 0xFFFF]
