"""Builds list filters (AIP-160). Pure."""


def quoted(text: str) -> str:
    """Returns the text as a quoted string of the filter language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def all_of(*filters: str) -> str:
    """Returns the conjunction of the filters. Empty filters are ignored."""
    given = [text for text in filters if text.strip()]
    return given[0] if len(given) == 1 else " AND ".join(f"({text})" for text in given)
