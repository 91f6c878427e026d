"""Text from outside, in a form that PostgreSQL accepts."""

from typing import Final

_NOT_STORED: Final = {0: None, 0x1E: None, 0x1F: None}


def storable_text(text: str, limit: int = 200) -> str:
    """The text without what PostgreSQL cannot hold (NUL, lone surrogates) and what separates values on the way there, cut at
    `limit` characters.
    """
    text = text[:limit]
    if text.isascii() and text.isprintable():  # nearly every text
        return text
    return text.translate(_NOT_STORED).encode("utf-8", "replace").decode()
