"""Reads counts from the untrusted JSON of a report."""

import math
import re
from collections.abc import Mapping
from functools import reduce
from typing import Final

from usage_service.provider_reports.json_text import json_value
from usage_service.provider_reports.reading import Flag, Notes

MAX_COUNT: Final = 2**40
"""Beyond this a number is not a count: no answer has a trillion tokens, and sums of prices must fit into 64 bits."""

MAX_ENTRIES: Final = 1_000
"""Entries of a list that are read."""

_TEXT_COUNT: Final = re.compile(r"\s*([0-9]{1,20})(?:\.0{1,20})?\s*", re.ASCII)
_TEXT_NUMBER: Final = re.compile(r"\s*[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII)
_GROUPED_TEXT: Final = re.compile(r"\s*[0-9]{1,3}(?:[,_' ][0-9]{3}){1,5}\s*", re.ASCII)
_MAX_DEPTH: Final = 8


class Counts:
    """The counts in one object of a report. Unreadable values are noted and count as absent."""

    __slots__ = ("notes", "values")

    def __init__(self, values: Mapping[str, object], notes: Notes) -> None:
        self.values = values
        self.notes = notes

    def get(self, name: str) -> int | None:
        """Returns a count; None if it is absent, null or unreadable."""
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is int and 0 <= value <= MAX_COUNT:
            return value
        return self._unusual(value)

    def first(self, *names: str) -> int | None:
        """Returns the greatest count under any of the names; None if there is none."""
        values = self.values
        greatest: int | None = None
        for name in names:
            if name not in values:
                continue
            count = self.get(name)
            if count is not None and (greatest is None or count > greatest):
                greatest = count
        return greatest

    def of(self, *names: str) -> int:
        """Returns the greatest count under any of the names, or zero."""
        return (self.first(*names) or 0) if len(names) > 1 else (self.get(names[0]) or 0)

    def inside(self, *names: str) -> "Counts":
        """Returns the first of the named objects that is there; an empty one if none is."""
        for name in names:
            value = self.values.get(name)
            if value is None:
                continue
            if isinstance(value, dict):
                return Counts(value, self.notes)
            self.notes.add(Flag.UNREADABLE_COUNT)
        return _NO_COUNTS

    def listed(self, name: str) -> "list[Counts]":
        """Returns the objects in a list, at most `MAX_ENTRIES`."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MAX_ENTRIES:
            self.notes.add(Flag.UNREADABLE_COUNT)
            value = value[:MAX_ENTRIES] if isinstance(value, list) else []
        return [Counts(entry, self.notes) for entry in value if isinstance(entry, dict)]

    def text(self, name: str) -> str | None:
        """Returns a text that is not empty; None otherwise."""
        value = self.values.get(name)
        return value if isinstance(value, str) and value else None

    def _number_in(self, text: str) -> int | float | None:
        """Returns the number that a text is. Digits in groups, such as `1,200`, are noted."""
        if match := _TEXT_COUNT.fullmatch(text):
            return int(match[1])
        if _TEXT_NUMBER.fullmatch(text):
            return float(text)
        if _GROUPED_TEXT.fullmatch(text):
            self.notes.add(Flag.UNREADABLE_COUNT)
            return int("".join(filter(str.isdigit, text)))
        return None

    def _unusual(self, value: object) -> int | None:
        """Reads a count in another form than a plain integer. A fraction is rounded up and noted."""
        if isinstance(value, str):
            value = self._number_in(value)
        if isinstance(value, float) and math.isfinite(value):
            if not value.is_integer():
                self.notes.add(Flag.UNREADABLE_COUNT)
            value = math.ceil(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
            self.notes.add(Flag.UNREADABLE_COUNT)
            return None
        return value


_NO_COUNTS: Final = Counts({}, Notes())


def reported_object(report: Mapping[str, object], key: str, prefix: str | None = None) -> Mapping[str, object] | None:
    """Returns one object of a report; None if absent.

    Envoy's module reports it as JSON text under `key`. Its leaves may also stand under `prefix.path`.

    Raises:
        ValueError: the text is not a JSON object.
    """
    text = report.get(key)
    if text is None:
        return _leaves(report, f"{prefix or key}.")
    try:
        value = json_value(text) if isinstance(text, str) else text
    except RecursionError as error:
        raise ValueError(f"{key} is nested too deeply") from error
    if isinstance(value, list) and 0 < len(value) <= MAX_ENTRIES and all(isinstance(entry, dict) for entry in value):
        value = reduce(_summed, value)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not an object")  # noqa: TRY004 - one error for every unreadable text
    return value


def _summed(one: object, other: object, depth: int = 0) -> object:
    """Returns a report with the sums of the numbers in two reports: a list of reports has one for each step."""
    if isinstance(one, dict) and isinstance(other, dict) and depth < _MAX_DEPTH:
        return {**one, **{key: _summed(one.get(key), value, depth + 1) for key, value in other.items()}}
    if type(one) in {int, float} and type(other) in {int, float}:
        return one + other  # type: ignore[operator]  # both are numbers
    return other if one is None else one


def counts_in(report: Mapping[str, object], notes: Notes, key: str, prefix: str | None = None) -> Counts | None:
    """Returns the counts of one object of a report; None if it is absent, empty or unreadable."""
    try:
        values = reported_object(report, key, prefix)
    except ValueError:
        notes.add(Flag.UNREADABLE_REPORT)
        return None
    return Counts(values, notes) if values else None


def _leaves(report: Mapping[str, object], prefix: str) -> Mapping[str, object] | None:
    """Rebuilds an object from its dotted leaves.

    Raises:
        ValueError: a name is both a value and an object.
    """
    found: dict[str, object] = {}
    for path, value in report.items():
        if path.startswith(prefix):
            *parents, leaf = path.removeprefix(prefix).split(".")
            place = found
            for parent in parents:
                inner = place.setdefault(parent, {})
                if not isinstance(inner, dict):
                    raise ValueError(f"{parent} is both a value and an object")  # noqa: TRY004 - as above
                place = inner
            place[leaf] = value
    return found or None


def rest_of(whole: int, parts: int, notes: Notes) -> int:
    """Returns what is left of a whole without its parts.

    Parts above their whole cannot be inside it. The largest reading is that the provider counted them beside it.
    """
    if parts <= whole:
        return whole - parts
    notes.add(Flag.CONTRADICTORY_COUNTS)
    return whole
