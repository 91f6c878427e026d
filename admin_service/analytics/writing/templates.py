"""Texts with placeholders, such as `{{spend_total}}`: which ones a language model may write, and how they are filled in. Pure.

A model never states a figure or a name. It writes words around placeholders, and whatever could be a number of its own is refused.
"""

import enum
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

MAX_CHARACTERS: Final = 4_000
_PLACEHOLDER: Final = re.compile(r"\{\{([a-z_]{1,40})\}\}")
_NUMBER_WORDS: Final = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    r"|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|trillions?|dozens?"
    r"|half|halves|halved|thirds?|quarters?|twice|thrice|doubl(?:e|es|ed|ing)|tripl(?:e|es|ed|ing)|quadrupl(?:e|es|ed|ing)|tenfold)\b",
    re.IGNORECASE,
)
_CHINESE_WORDS_WITHOUT_NUMBERS: Final = re.compile(
    "一些|进一步|一致|统一|一直|一般|一定|之一|一旦|单一|一样|一起|一方面|唯一"
)
_CHINESE_MULTIPLES: Final = re.compile("[倍半两俩双]")
_MARKUP: Final = re.compile(r"[<>`\\|]|://|\]\(|\bwww\.", re.IGNORECASE)


class Refusal(enum.StrEnum):
    """Why a text is not accepted."""

    EMPTY = "empty"
    TOO_LONG = "too long"
    NO_PLACEHOLDER = "no placeholder"
    UNKNOWN_PLACEHOLDER = "unknown placeholder"
    NUMBER = "a number"
    MARKUP = "markup"
    """Also links and control characters."""


def refusal_of(text: str, known: Mapping[str, str]) -> Refusal | None:
    """Returns why a text is not accepted as a template; None if it is.

    Args:
        text: what a model wrote.
        known: the placeholders that it may use.
    """
    if not text.strip():
        return Refusal.EMPTY
    if len(text) > MAX_CHARACTERS:
        return Refusal.TOO_LONG
    # Compatibility forms hide digits and brackets: a full-width one is another character.
    plain = unicodedata.normalize("NFKC", text)
    used = _PLACEHOLDER.findall(text)
    words = _PLACEHOLDER.sub(" ", plain)
    if used != _PLACEHOLDER.findall(plain) or not set(used) <= known.keys() or "{" in words or "}" in words:
        return Refusal.UNKNOWN_PLACEHOLDER
    if not used:
        return Refusal.NO_PLACEHOLDER
    # A Roman numeral of one character becomes letters.
    if has_number(words) or has_number(_PLACEHOLDER.sub(" ", text)):
        return Refusal.NUMBER
    is_hidden = any(unicodedata.category(one) in {"Cc", "Cf", "Co", "Cn", "Cs"} and one != "\n" for one in words)
    return Refusal.MARKUP if is_hidden or _MARKUP.search(words) else None


def has_number(words: str) -> bool:
    """Returns whether words have a digit of any script, a number of Chinese, or an English word for a number or a multiple."""
    counted = _CHINESE_WORDS_WITHOUT_NUMBERS.sub(" ", words)
    if any(unicodedata.category(one).startswith("N") or unicodedata.numeric(one, None) is not None for one in counted):
        return True
    return bool(_NUMBER_WORDS.search(words) or _CHINESE_MULTIPLES.search(words))


def filled(template: str, figures: Mapping[str, str]) -> str:
    """Returns the text with its figures. What is filled in is never read as a template.

    Raises:
        KeyError: a placeholder is unknown.
    """
    return _PLACEHOLDER.sub(lambda match: figures[match[1]], template.strip())
