"""Builds list filters (AIP-160). Pure: callers pass in the current time."""

import datetime as dt

from megarouter_admin.command_line.values.times import parse_moment


def quoted(text: str) -> str:
    """Returns the text as a quoted string of the filter language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def all_of(*filters: str) -> str:
    """Returns the conjunction of the filters. Empty filters are ignored."""
    given = [text for text in filters if text.strip()]
    return given[0] if len(given) == 1 else " AND ".join(f"({text})" for text in given)


def created_since(since: str, now: dt.datetime) -> str:
    """Returns the filter for what was created from a time on, as people write it; empty without one.

    Raises:
        ValueError: the time has another form.
    """
    return f"create_time >= {parse_moment(since, now).isoformat().replace('+00:00', 'Z')}" if since else ""


def ordered_by(field: str | None, *, reverse: bool) -> str:
    """Returns `order_by` for one field, largest or newest first, or the other way round if it is reversed.

    Args:
        field: None for the order of the names, which begins with the first.
        reverse: whether to reverse the order.
    """
    if field is None:
        return "name desc" if reverse else ""
    return field if reverse else f"{field} desc"
