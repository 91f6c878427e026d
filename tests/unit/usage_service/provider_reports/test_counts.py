"""Counts that are written as texts."""

import pytest

from usage_service.provider_reports.counts import Counts
from usage_service.provider_reports.reading import Flag, Notes


@pytest.mark.parametrize(
    ("text", "count", "flags"),
    [
        ("1e3", 1_000, frozenset()),
        ("1.2E+1", 12, frozenset()),
        ("3.5", 4, frozenset({Flag.UNREADABLE_COUNT})),
        ("1,200", 1_200, frozenset({Flag.UNREADABLE_COUNT})),
        ("1_234_567", 1_234_567, frozenset({Flag.UNREADABLE_COUNT})),
    ],
)
def test_a_text_that_is_a_number_is_counted(text: str, count: int, flags: frozenset[Flag]) -> None:
    notes = Notes()
    assert Counts({"tokens": text}, notes).get("tokens") == count
    assert notes.flags() == flags
