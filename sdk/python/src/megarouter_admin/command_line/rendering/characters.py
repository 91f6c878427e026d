"""How much room a text takes on a terminal, where it can be cut, and what of it must not reach the terminal as it is. Pure."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

ZERO_WIDTH_NON_JOINER: Final = "\u200c"
ZERO_WIDTH_JOINER: Final = "\u200d"
FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_ISOLATE: Final = "\u2069"
_JOINERS: Final = frozenset({ZERO_WIDTH_NON_JOINER, ZERO_WIDTH_JOINER})
_EMOJI_STYLE: Final = "\ufe0f"
_MARKS: Final = frozenset({"Mn", "Me", "Mc"})
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_VIRAMA: Final = 9
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)
_HANGUL_VOWELS_AND_FINALS: Final = range(0x1160, 0x1200)


def visible(text: str) -> str:
    """Returns the text with escapes such as `\\n` and `\\u202e` for what would move the cursor or turn the direction of a line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(sign.encode("unicode_escape").decode() if _is_invisible(sign) else sign for sign in text)


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) in _INVISIBLE and sign not in _JOINERS


def isolated(text: str) -> str:
    """Returns the text so that its direction does not reorder what stands beside it. Only right-to-left text changes."""
    if text.isascii() or not any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in text):
        return text
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"


def width_of(text: str) -> int:
    """Returns the number of cells that a visible text takes."""
    return len(text) if text.isascii() else sum(map(_cells, graphemes(text)))


def graphemes(text: str) -> Iterator[str]:
    """Yields what people see as one character: a base with its marks, a flag, a joined emoji, a conjunct."""
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or not _belongs_together(text, start, index):
            yield text[start:index]
            start = index


def _belongs_together(text: str, start: int, index: int) -> bool:
    """Whether the character at `index` belongs to the grapheme that began at `start`."""
    before, sign = text[index - 1], text[index]
    code = ord(sign)
    if code < 0x300:  # nothing below combines
        return False
    if sign in _JOINERS or code in _SKIN_TONES or unicodedata.category(sign) in _MARKS:
        return True
    if before == ZERO_WIDTH_JOINER:
        return unicodedata.category(sign) in {"So", "Lo"}
    if code in _FLAG_LETTERS:
        return index - start == 1 and ord(before) in _FLAG_LETTERS
    if code in _HANGUL_VOWELS_AND_FINALS:
        return "\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    return unicodedata.combining(before) == _VIRAMA and unicodedata.category(sign) == "Lo"


@lru_cache(maxsize=4096)
def _cells(grapheme: str) -> int:
    first = grapheme[0]
    if len(grapheme) > 1 and (_EMOJI_STYLE in grapheme or ord(first) in _FLAG_LETTERS):
        return 2
    if unicodedata.east_asian_width(first) in {"F", "W"}:
        return 2
    return max(1, sum(unicodedata.category(sign)[0] == "L" for sign in grapheme))
