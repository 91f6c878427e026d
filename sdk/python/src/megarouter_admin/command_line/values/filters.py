"""Filters of lists (AIP-160), put together. Pure."""


def quoted(text: str) -> str:
    """The text as a value of a filter."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def all_of(*filters: str) -> str:
    """A filter that keeps what each of these keeps; empty ones keep everything."""
    given = [text for text in filters if text.strip()]
    return given[0] if len(given) == 1 else " AND ".join(f"({text})" for text in given)
