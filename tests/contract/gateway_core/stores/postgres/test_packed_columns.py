"""A column of a batch is sent as one text and arrives unchanged."""

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_core.stores.postgres.packed_columns import ABSENT, SEPARATOR, UnpackableError, packed_columns

CLEAN = st.text(st.characters(blacklist_characters=f"\0{SEPARATOR}{ABSENT}", blacklist_categories=["Cs"]), max_size=20)
VALUES = st.one_of(st.none(), CLEAN, st.sampled_from(["", " ", "{}", '"', "\\", "NULL", "é", "\n"]))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(VALUES, st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=12))
async def test_packed_values_are_unpacked_unchanged(
    owner: asyncpg.Connection, rows: list[tuple[str | None, int]]
) -> None:
    """This includes a single empty text, which PostgreSQL would split into no value."""
    found = await owner.fetch(
        "SELECT * FROM unnest(unpacked($1), unpacked($2)::bigint[]) AS p (text, number)", *packed_columns(rows)
    )
    assert [tuple(row) for row in found] == rows


def test_a_value_that_contains_the_separator_is_refused() -> None:
    with pytest.raises(UnpackableError):
        packed_columns([("a", "b"), (f"c{SEPARATOR}d", "e")])
