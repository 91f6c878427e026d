"""Changes and deletions under load: calls under way settle in full, and the next call meets the new state."""

import asyncio
import time

import pytest

from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.support.data.tenants import CREDIT, Tenant
from tests.support.faults.load import Load, Outcome, call, chat, chat_stream
from tests.support.faults.recovery import FIGURES
from tests.support.faults.sums import assert_counters_equal

FELT_WITHIN_S = 1.0
QUESTION = "Take your time."


@pytest.mark.timeout(120)
async def test_a_limit_lowered_and_raised_under_load_stops_and_resumes_within_a_second(world: World) -> None:
    """Seen to fail without notification of authz_service: calls were still served 1.1 s after the limit was lowered."""
    tenants = await world.tenants(1)
    (tenant,) = tenants
    await tenant.guard("group", "g2", budget_nano_credits=CREDIT, cycle="DAILY")
    before = await world.witness.last_sequence()
    slowest_s = 0.0
    async with Load(world.session, world.base_url, tenants) as load:
        for _ in range(3):
            await load.until_served(20, started_after_s=time.monotonic())
            await tenant.guard("group", "g2", budget_nano_credits=1, cycle="DAILY")
            lowered_s = time.monotonic()
            await asyncio.sleep(1.2)
            late = max(outcome.started_s for outcome in load.served) - lowered_s
            await tenant.guard("group", "g2", budget_nano_credits=CREDIT, cycle="DAILY")
            raised_s = time.monotonic()
            served_s = await load.until_served(1, started_after_s=raised_s) - raised_s
            slowest_s = max(slowest_s, late, served_s)
    assert slowest_s < FELT_WITHIN_S
    assert {outcome.status for outcome in load.outcomes} >= {200, 402}
    await world.check(tenants, [outcome.request_id for outcome in load.served if outcome.request_id], before)
    spent = sum(record["charge_nano_credits"] for record in await tenant.records())
    assert spent == await world.database.fetchval(
        "SELECT settled_nano_credits FROM scope_spend WHERE organization_id = $1 AND counter LIKE 'group:g2:DAILY:%'",
        tenant.organization,
    ), "changing a limit must not start a new period"
    FIGURES.notes.append(f"A limit changed under load took effect within {slowest_s:.2f} s.")


CHANGES = {
    "guardrail lowered": ("UPDATE guardrails SET budget_nano_credits = 0 WHERE organization_id = $1", 402),
    "guardrail deleted": ("DELETE FROM guardrails WHERE organization_id = $1", 200),
    "key disabled": ("UPDATE api_keys SET state = 'DISABLED' WHERE organization_id = $1", 401),
    "key deleted": ("UPDATE api_keys SET state = 'DELETED' WHERE organization_id = $1", 401),
    "member suspended": ("UPDATE members SET state = 'SUSPENDED' WHERE organization_id = $1", 401),
    "organization suspended": ("UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = $1", 401),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("change", CHANGES)
async def test_a_running_stream_settles_in_full_after_its_key_limit_or_organization_changes(
    world: World, change: str
) -> None:
    """Seen to fail without notification of authz_service.

    The next call was served after changes that should stop it. It was refused by the deleted guardrail, which the stream and
    another call together exceed.
    """
    statement, status = CHANGES[change]
    (tenant,) = await world.tenants(1)
    budget = await held_for_one(world) * 3 // 2 if change == "guardrail deleted" else CREDIT
    await tenant.guard("member", "mia", budget_nano_credits=budget)
    await asyncio.sleep(0.2)
    before = await world.witness.last_sequence()
    stream = asyncio.create_task(slow_stream(world, tenant))
    await world.until_open(tenant, 1)
    await world.database.execute(statement, tenant.organization)
    await asyncio.sleep(FELT_WITHIN_S)
    assert not stream.done()
    assert (await call(world.session, world.base_url, tenant, chat_stream(QUESTION))).status in {
        status,
        403 if status == 401 else status,
    }
    outcome = await stream
    assert outcome.is_served
    total = await world.check([tenant], [str(outcome.request_id)], before)
    assert (total.confirmed, total.unconfirmed) == (1 + (status == 200), 0)


async def held_for_one(world: World) -> int:
    """Returns the amount held for the stream in nano-credits, measured at another organization."""
    (other,) = await world.tenants(1)
    assert (await call(world.session, world.base_url, other, chat_stream(QUESTION))).is_served
    (record,) = await wait_settled(other, 1)
    return int(record["hold_nano_credits"])


async def slow_stream(world: World, tenant: Tenant) -> Outcome:
    path, body, _ = chat_stream(QUESTION)
    return await call(
        world.session, world.base_url, tenant, (path, body, {"x-mock-pace-ms": "250", "x-mock-chunks": "10"})
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("control", ["x-mock-output-tokens", "x-mock-input-tokens"])
async def test_implausible_usage_is_charged_in_full_and_flagged(world: World, control: str) -> None:
    """Usage is implausible if it exceeds what the model can read or produce in one answer."""
    (tenant,) = await world.tenants(1)
    path, body, _ = chat("How much?")
    outcome = await call(world.session, world.base_url, tenant, (path, body, {control: "9000000"}))
    assert outcome.is_served
    (record,) = await wait_settled(tenant, 1)
    assert (record["source"], record["detail"]) == ("provider", "implausible_usage")
    read = record["input_tokens"] + record["cache_read_tokens"]  # the mock provider reports a part as cached
    assert 9_000_000 in (read, record["output_tokens"] + record["reasoning_tokens"])
    await assert_counters_equal(world.redis_url, [tenant])
    row = await world.database.fetchrow("SELECT * FROM usage_findings WHERE hold_id = $1", record["hold_id"])
    assert row is not None
    assert (row["organization_id"], row["kinds"]) == (tenant.organization, ["implausible_size"])
    assert "9000000" in row["report"]
    assert tenant.key not in row["report"]
