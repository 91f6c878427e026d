"""Lists of calls read few records of a large organization, also once PostgreSQL has planned them for any values."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import pytest

from admin_service.analytics.calls import read_calls
from admin_service.analytics.query import Dimension, Filter, UsageQuery
from admin_service.analytics.reading import answer_in
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.conftest import Databases
from tests.contract.usage_service.settlement_cases import prepare
from usage_service.rollups.follower import RollupFollower, caught_up

START: Final = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
END: Final = START + dt.timedelta(days=60)
CALLS: Final = 40_000
NEW_CALLS: Final = 5
PAGE: Final = 10
EXECUTIONS: Final = 8
"""PostgreSQL may plan a statement for any values from the sixth on."""
# Half of the calls are of one member. The others are of a thousand members, so that each has a few.
RECORDS: Final = """
INSERT INTO usage_records (
    hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id, endpoint, streamed,
    requested_model, provider_id, price_version, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
    output_tokens, reasoning_tokens, hold_nano_credits, charge_nano_credits, charge_lines, counters, http_status, response_flags,
    request_id, place_time, tags)
SELECT 'hold-' || n, 'acme', n, 'SETTLED', 'provider', 'completed', '{}', member, 'key-' || member, 'chat_completions', false,
       'acme-1', 'acme', 1, 1, 0, 0, 0, 1, 0, 1, 1, '[]', '{}', 200, '-', 'request-' || n,
       $1::timestamptz + ($2::timestamptz - $1) * ((n - 1)::float8 / $5::int),
       CASE WHEN n % 4 = 0 OR n = 7 THEN jsonb_build_object('project', CASE n WHEN 7 THEN 'rare' ELSE 'usual' END) END
  FROM (SELECT n, CASE WHEN n % 2 = 0 THEN 'busy' ELSE 'member-' || n % 2001 END AS member
          FROM generate_series($3::int, $4::int) n) made
"""


@pytest.fixture(scope="module")
async def filled_url(databases: Databases, template_database: str) -> AsyncIterator[str]:
    """A database that all of these tests only read: an organization with many calls, a few of them not in rollups yet."""
    url = await databases.take(template_database)
    owner = await asyncpg.connect(url)
    await prepare(owner)
    async with asyncpg.create_pool(login_url(url, "megarouter_usage"), min_size=1, max_size=2) as following:
        for first, last in ((1, CALLS - NEW_CALLS), (CALLS - NEW_CALLS + 1, CALLS)):
            await owner.execute(RECORDS, START, END, first, last, CALLS)
            await owner.execute("UPDATE ledger_heads SET sequence = $1", last)
            if last < CALLS:
                await caught_up(RollupFollower(following, lambda: END))
    await owner.execute("ANALYZE")
    await owner.close()
    yield url
    databases.give_back(url)


@pytest.fixture
async def reading(filled_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Yields one connection of admin_service that has planned nothing yet."""
    async with asyncpg.create_pool(login_url(filled_url, "megarouter_admin"), min_size=1, max_size=1) as pool:
        yield pool


async def rows_read(connection: Connection, tables: str = "usage_records") -> int:
    """Returns how many rows of tables this connection has read so far."""
    return int(
        await connection.fetchval(
            "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables WHERE relname LIKE $1",
            tables,
        )
    )


@pytest.mark.parametrize("member", ["busy", "member-7"])
async def test_a_page_reads_few_records_however_often_it_was_planned(reading: asyncpg.Pool, member: str) -> None:
    """Seen to fail while new records were selected by time and number at once: from the sixth page on, all 20,000 were read."""
    query = UsageQuery("acme", START, END, filter=Filter(members=frozenset({member})))
    read = []
    for _ in range(EXECUTIONS):
        async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
            before = await rows_read(connection)
            page = await read_calls(connection, query, PAGE, None)
            assert len(page.rows) == PAGE
            read.append(await rows_read(connection) - before)
    assert max(read) < 500, read


@pytest.mark.parametrize("group_by", [(), (Dimension.MODEL,), (Dimension.API_KEY,)])
async def test_an_answer_reads_few_records_however_often_it_was_planned(
    reading: asyncpg.Pool, group_by: tuple[Dimension, ...]
) -> None:
    query = UsageQuery("acme", START, END, group_by=group_by, filter=Filter(members=frozenset({"busy"})))
    read = []
    for _ in range(EXECUTIONS):
        async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
            before = await rows_read(connection)
            answer = await answer_in(connection, query)
            assert answer.total.call_count == CALLS / 2
            read.append(await rows_read(connection) - before)
    assert max(read) < 500, read


@pytest.mark.parametrize(("value", "calls"), [("unknown", 0), ("rare", 1)])
async def test_a_list_of_a_rare_tag_reads_few_hours(reading: asyncpg.Pool, value: str, calls: int) -> None:
    """Seen to fail without looking at the days of the tag first: all tagged hours of the period were read."""
    query = UsageQuery("acme", START, END, filter=Filter(tags=frozenset({("project", value)})))
    async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
        before = await rows_read(connection, "usage_tagged_hours%")
        page = await read_calls(connection, query, PAGE, None)
        assert len(page.rows) == calls
        assert await rows_read(connection, "usage_tagged_hours%") - before < 500


async def test_a_list_without_calls_reads_few_hours(reading: asyncpg.Pool) -> None:
    """Seen to fail without looking at days first: all hours of the period were read."""
    query = UsageQuery("acme", START, END, filter=Filter(groups=frozenset({"unused"})))
    async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
        before = await rows_read(connection, "usage_hours%")
        page = await read_calls(connection, query, PAGE, None)
        assert page.rows == []
        assert await rows_read(connection, "usage_hours%") - before < 500
