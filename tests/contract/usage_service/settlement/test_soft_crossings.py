"""The event that a soft budget was reached is recorded once for each period, with the settlement that reached it."""

import asyncio
import json
from typing import Any

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.settlement.test_cycle_changes import placed_now, present_counters, reset
from tests.contract.usage_service.settlement_cases import ROLE, charge, make_settlement, prepare
from usage_service.settlement.store import settle_batch

MEMBER = (ScopeKind.MEMBER, "mia")


async def soften(owner: asyncpg.Connection, **soft_budget: Any) -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, soft_budget)"
        " VALUES ('acme', 'member', 'mia', $1, 'DAILY', $2)"
        " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET soft_budget = excluded.soft_budget",
        4 * charge(), json.dumps(soft_budget),
    )  # fmt: skip


async def events(owner: asyncpg.Connection) -> list[tuple[int, int]]:
    """Returns threshold and spend of the recorded events."""
    rows = await owner.fetch(
        "SELECT threshold_nano_credits, spent_nano_credits FROM budget_events ORDER BY create_time"
    )
    return [tuple(row) for row in rows]


async def settled(owner: asyncpg.Connection) -> None:
    await settle_batch(owner, [make_settlement(await placed_now(owner))])


async def test_an_event_is_recorded_by_the_settlement_that_reaches_the_threshold_and_by_no_later_one(
    owner: asyncpg.Connection, database_url: str
) -> None:
    await prepare(owner)
    await soften(owner, percent=50)
    await settled(owner)
    assert await events(owner) == []
    await settled(owner)
    assert await events(owner) == [(2 * charge(), 2 * charge())]
    await settled(owner)
    assert len(await events(owner)) == 1
    (row,) = await owner.fetch("SELECT organization_id, counter, deliver_time FROM budget_events")
    assert (row["organization_id"], row["counter"]) == ("acme", (await present_counters(owner))[1].encode())
    assert row["deliver_time"] is None
    assert broken(await audit(database_url)) == {}


async def test_each_period_has_an_event_of_its_own(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await soften(owner, amount=charge())
    await settled(owner)
    await reset(owner, *MEMBER)
    await settled(owner)
    assert await events(owner) == [(charge(), charge())] * 2


async def test_settlements_of_several_processes_record_one_event(owner: asyncpg.Connection, database_url: str) -> None:
    """Seen to fail without the key of the events."""
    await prepare(owner)
    await soften(owner, amount=3 * charge())
    holds = [await placed_now(owner) for _ in range(12)]
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=4, max_size=4) as pool:

        async def settle(number: int) -> None:
            async with pool.acquire() as connection:
                await settle_batch(connection, [make_settlement(holds[number])])

        await asyncio.gather(*(settle(number) for number in range(12)))
    assert await events(owner) == [(3 * charge(), 3 * charge())]


async def test_a_lowered_threshold_is_reported_by_the_next_settlement(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await soften(owner, percent=100)
    await settled(owner)
    await soften(owner, amount=1)
    assert await events(owner) == []
    await settled(owner)
    assert await events(owner) == [(1, 2 * charge())]


async def test_without_soft_budgets_nothing_is_recorded_or_looked_up(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await soften(owner, amount=1)
    assert await owner.fetchval("SELECT has_soft_budgets FROM ledger_heads")
    await owner.execute("UPDATE guardrails SET soft_budget = NULL")
    assert not await owner.fetchval("SELECT has_soft_budgets FROM ledger_heads")
    await settled(owner)
    assert await events(owner) == []
