"""The event that a soft budget was reached is recorded once for each period, with the settlement that reached it."""

import asyncio
import json
from typing import Any

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.organization_wall import act_for
from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.settlement.test_cycle_changes import placed_now, present_counters, reset
from tests.contract.usage_service.settlement_cases import ROLE, charge, make_settlement, prepare
from usage_service.settlement.store import RECORD_CROSSINGS, settle_batch

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


def rows_read(plan: dict[str, Any], table: str) -> int:
    """Returns how many rows of a table a plan read, also those that met no condition."""
    here = plan["Actual Rows"] + sum(number for name, number in plan.items() if name.startswith("Rows Removed"))
    below = sum(rows_read(part, table) for part in plan.get("Plans", ()))
    return below + (int(here * plan["Actual Loops"]) if plan.get("Relation Name") == table else 0)


async def test_a_settlement_reads_only_the_guardrails_that_it_charges(
    owner: asyncpg.Connection, database_url: str
) -> None:
    """Seen to fail while kind and id were computed in the join: each counter read all guardrails of its organization."""
    await prepare(owner)
    await soften(owner, percent=50)
    await settled(owner)
    charged = await owner.fetch("SELECT organization_id, counter FROM scope_spend")
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits)"
        " SELECT 'acme', 'member', 'm-' || n, 10 FROM generate_series(1, 3000) n"
    )
    await owner.execute("ANALYZE guardrails, scope_spend")
    connection = await asyncpg.connect(login_url(database_url, ROLE))
    async with connection.transaction():
        await act_for(connection, ["acme"])
        (explained,) = await connection.fetchrow(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {RECORD_CROSSINGS}",
            [row["organization_id"] for row in charged],
            [row["counter"] for row in charged],
        )  # type: ignore[misc] # EXPLAIN returns a row
    await connection.close()
    assert rows_read(json.loads(explained)[0]["Plan"], "guardrails") <= len(charged)
