"""The export of an answer."""

import datetime as dt

import asyncpg
import pytest

from admin_service.analytics.exports.exporting import (
    export_usage,
)
from admin_service.analytics.query import Dimension, Granularity, UsageQuery
from admin_service.analytics.reading import answer_query
from tests.contract.admin_service.analytics.exports.exported import END, START, File, charges, spent
from tests.contract.usage_service.settlement_cases import prepare
from tests.support.usage.histories import UsageHistory


@pytest.mark.parametrize("granularity", [Granularity.TOTAL, Granularity.DAY])
@pytest.mark.parametrize("limit", [2, 20])
async def test_the_rows_of_usage_are_its_answer(
    owner: asyncpg.Connection, reading: asyncpg.Pool, history: UsageHistory, granularity: Granularity, limit: int
) -> None:
    query = UsageQuery("acme", START, END, (Dimension.MEMBER, Dimension.MODEL), granularity=granularity, limit=limit)
    file = File()
    result = await export_usage(reading, query, file)
    answer = await answer_query(reading, query)
    sums: dict[tuple[str, ...] | None, int] = {}
    for row in file.rows:
        values = None if row["is_other"] == "true" else (row["member_id"], row["model"])
        sums[values] = sums.get(values, 0) + charges([row])
        assert values is not None or (row["member_id"], row["member_name"]) == ("", "")
        assert dt.datetime.fromisoformat(row["start"]) == dt.datetime.fromisoformat(row["start_utc"])
        assert values is None or row["member_name"] == row["member_id"]
    assert sums == {group.values: group.total.charge_nano_credits for group in answer.groups}
    assert charges(file.rows) == result.charge_nano_credits == await spent(owner)
    assert sum(int(row["total_tokens"]) for row in file.rows) == answer.total.tokens
    assert (None in sums) == (limit == 2)


async def test_usage_without_dimensions_has_a_row_for_each_bucket(
    owner: asyncpg.Connection, reading: asyncpg.Pool
) -> None:
    await prepare(owner)
    file = File()
    await export_usage(
        reading, UsageQuery("acme", START, START + dt.timedelta(days=2), granularity=Granularity.DAY), file
    )
    assert [row["call_count"] for row in file.rows] == ["0"] * 3
