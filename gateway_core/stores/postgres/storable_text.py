"""Untrusted text in a form that PostgreSQL accepts."""

from typing import Final

_NOT_STORED: Final = {0: None, 0x1E: None, 0x1F: None}


def storable_text(text: str, limit: int = 200) -> str:
    """Returns the text in a storable form, cut at `limit` characters.

    It removes NUL, lone surrogates, and the characters that separate packed values.
    """
    text = text[:limit]
    if text.isascii() and text.isprintable():  # the common case
        return text
    return text.translate(_NOT_STORED).encode("utf-8", "replace").decode()
