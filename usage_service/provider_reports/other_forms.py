"""Brings a report into the form that is read: reports in several parts, and names in the case of another API."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from usage_service.provider_reports.counts import MAX_ENTRIES, Counts
from usage_service.provider_reports.reading import Notes

_CAMEL_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SNAKE_JOINT: Final = re.compile(r"(?<=[a-z0-9])_([a-z])")
_MAX_DEPTH: Final = 8


def with_other(counts: Counts | None, other: Counts | None) -> Counts | None:
    """Returns the counts of two reports of one answer: of each count the greater, because reports are cumulative."""
    if counts is None or other is None:
        return counts or other
    return Counts(_greater(counts.values, other.values), counts.notes)


def _greater(one: Mapping[str, object], other: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    greater = dict(one)
    for key, value in other.items():
        if key.startswith("total"):  # the total of a part is not that of the whole
            continue
        known = one.get(key)
        if isinstance(known, dict) and isinstance(value, dict) and depth < _MAX_DEPTH:
            greater[key] = _greater(known, value, depth + 1)
        elif known is None or (Counts(other, Notes()).get(key) or 0) > (Counts(one, Notes()).get(key) or 0):
            greater[key] = value
    return greater


def in_snake_case(counts: Counts) -> Counts:
    """Returns the counts under the names that OpenAI and Anthropic use: `promptTokens` becomes `prompt_tokens`."""
    return Counts(_renamed(counts.values, lambda name: _CAMEL_HUMP.sub("_", name).lower()), counts.notes)


def in_camel_case(counts: Counts) -> Counts:
    """Returns the counts under the names that Gemini uses: `prompt_token_count` becomes `promptTokenCount`."""
    rename = partial(_SNAKE_JOINT.sub, lambda match: match[1].upper())
    return Counts(_renamed(counts.values, rename), counts.notes)


def _renamed(values: Mapping[str, object], rename: Callable[[str], str], depth: int = 0) -> dict[str, object]:
    def inside(value: object) -> object:
        if isinstance(value, list):
            return [inside(entry) for entry in value[:MAX_ENTRIES]]
        return _renamed(value, rename, depth + 1) if isinstance(value, dict) and depth < _MAX_DEPTH else value

    return {rename(name): inside(value) for name, value in values.items()}
