"""Which names people can read in one line of a table, a log or a mail. Pure."""

import re
import unicodedata
from typing import Final

_JOINERS: Final = frozenset({"\u200c", "\u200d"})
"""Zero-width, but needed: in Persian and Indic words, and in emoji made of several."""
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of control characters, marks of direction and zero-width characters, lone surrogates, and line breaks."""
_BLANK_LETTERS: Final = frozenset({"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"})
"""Letters and symbols that are drawn as nothing."""
_TAG: Final = re.compile(r"<[A-Za-z/!?]")
"""What begins a tag, an end tag, a comment or a declaration in HTML
(https://html.spec.whatwg.org/multipage/parsing.html#tag-open-state). `<3` and `a < b` do not."""


def is_display_name(text: str) -> bool:
    """Returns whether a name stays in its line and its direction, hides nothing and has no markup. Its length is not checked.

    Pages must escape names anyway. A name with markup is never somebody's name, and would try the page that forgets to.
    """
    if _TAG.search(text):
        return False
    if text.isascii():
        return text.isprintable()
    return all(_joins(text, index) if sign in _JOINERS else not _is_hidden(sign) for index, sign in enumerate(text))


def _is_hidden(sign: str) -> bool:
    return sign in _BLANK_LETTERS or unicodedata.category(sign) in _INVISIBLE


def _joins(text: str, index: int) -> bool:
    """Whether a joiner stands between two characters of a script that uses joiners, or of an emoji."""
    if index in {0, len(text) - 1}:
        return False
    return all(not sign.isascii() and not sign.isspace() for sign in (text[index - 1], text[index + 1])) and (
        text[index + 1] not in _JOINERS
    )
