"""Real calls over the thresholds of a budget arrive as alerts: each once, with the ledger's figures, signed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import Post
from tests.support.data.inbox_channel import messages_of, send_to_inbox
from tests.support.data.tenants import Tenant, until_applied

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]
Received = Callable[[int], Awaitable[list[dict[str, Any]]]]
GROUP = "g2"
CROSSING = (8, 9, 10)
"""The calls that reach 80, 90 and 100 percent of ten."""
ARRIVES_WITHIN_S = 60.0


@pytest.fixture
async def received(stack: Stack, tenant: Tenant, session: aiohttp.ClientSession) -> Received:
    """Sends the tenant's alerts to the inbox of the stack. Returns a function that waits for so many, in their order."""
    await send_to_inbox(stack, tenant)

    async def wait(count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while len(found := await messages_of(stack, tenant, session)) < count:
                await asyncio.sleep(0.1)
        return found

    return wait


async def test_a_group_that_crosses_its_thresholds_is_reported_call_by_call(
    post: Post, tenant: Tenant, settled: Settled, received: Received
) -> None:
    await post()
    (first,) = await settled(1)
    charge = first["charge_nano_credits"]
    # In shadow mode no call is refused, so that the budget can be used to the last nano-credit. It counts the first call, too.
    await tenant.guard("group", GROUP, budget_nano_credits=10 * charge, mode="SHADOW")
    await until_applied()
    for calls in range(2, 11):
        assert (await post()).status == 200
        await settled(calls)
        if calls in CROSSING:
            await received(CROSSING.index(calls) + 1)
    messages = await received(3)
    records = await tenant.records()
    assert [one["data"]["threshold"]["percent"] for one in messages] == [80, 90, 100]
    assert all(one["verified"] for one in messages)
    for message, calls in zip(messages, CROSSING, strict=True):
        record = records[calls - 1]
        assert message["type"] == "budget.threshold_reached"
        assert message["data"]["scope"]["name"] == f"organizations/{tenant.organization}/groups/{GROUP}"
        assert message["data"]["proof"] == {
            "ledgerPosition": str(record["sequence"]),
            "call": f"organizations/{tenant.organization}/calls/{record['hold_id']}",
            "spentBeforeNanoCredits": str((calls - 1) * charge),
            "spentAfterNanoCredits": str(calls * charge),
        }


async def test_calls_at_once_that_cross_everything_are_reported_once(
    post: Post, tenant: Tenant, settled: Settled, received: Received
) -> None:
    await post()
    (first,) = await settled(1)
    await tenant.guard("group", GROUP, budget_nano_credits=5 * first["charge_nano_credits"], mode="SHADOW")
    await until_applied()
    await asyncio.gather(*(post() for _ in range(40)))
    await settled(41)
    await asyncio.sleep(2.5)
    messages = await received(1)
    percents = [one["data"]["threshold"]["percent"] for one in messages]
    assert percents[-1] == 100
    assert percents == sorted(set(percents))
    deliveries = await tenant.database.fetchval(
        "SELECT count(*) FROM notification_deliveries WHERE organization_id = $1 AND state = 'DELIVERED'",
        tenant.organization,
    )
    assert deliveries == len(messages)


async def test_a_budget_that_was_reset_is_reported_again(
    post: Post, tenant: Tenant, settled: Settled, received: Received
) -> None:
    await post()
    (first,) = await settled(1)
    charge = first["charge_nano_credits"]
    await tenant.guard("member", "mia", budget_nano_credits=2 * charge, mode="SHADOW")
    await asyncio.sleep(0.5)
    await post()
    await settled(2)
    await received(1)
    await tenant.guard("member", "mia", cycle_revision=1)
    await asyncio.sleep(1.5)
    for calls in (3, 4):
        await post()
        await settled(calls)
    messages = await received(2)
    assert [one["data"]["threshold"]["percent"] for one in messages] == [100, 100]
    assert [one["data"]["spentNanoCredits"] for one in messages] == [str(2 * charge)] * 2


async def test_what_arrives_of_a_test_arrives_of_alerts_too(
    post: Post, tenant: Tenant, settled: Settled, received: Received
) -> None:
    """A channel whose test arrives gets the real alert by the same way, with the severity of its rule."""
    await tenant.database.execute(
        "INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path,"
        " occasion, threshold, data, occur_time)"
        " VALUES ($1, 'evt-test', 'test', 'INFO', '', 'organization', $1, '{}', 'evt-test', '', $2, now())",
        tenant.organization,
        f'{{"organization": "organizations/{tenant.organization}"}}',
    )
    await tenant.database.execute(
        "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)"
        " VALUES ($1, 'dlv-test', 'inbox', 'evt-test')",
        tenant.organization,
    )
    assert [one["type"] for one in await received(1)] == ["test"]
    await tenant.database.execute(
        "UPDATE notification_rules SET severity = 'ALERT', update_time = now() WHERE organization_id = $1",
        tenant.organization,
    )
    await post()
    (first,) = await settled(1)
    await tenant.guard("group", GROUP, budget_nano_credits=first["charge_nano_credits"] * 10 // 8, mode="SHADOW")
    messages = await received(2)
    assert [(one["type"], one["data"]["severity"]) for one in messages[1:]] == [("budget.threshold_reached", "ALERT")]
    assert all(one["verified"] for one in messages)


async def test_a_digest_collects_what_a_rule_reports(
    post: Post, tenant: Tenant, settled: Settled, received: Received
) -> None:
    await tenant.database.execute(
        "UPDATE notification_rules SET frequency = 'DAILY', update_time = now() WHERE organization_id = $1",
        tenant.organization,
    )
    await post()
    (first,) = await settled(1)
    await tenant.guard("group", GROUP, budget_nano_credits=10 * first["charge_nano_credits"], mode="SHADOW")
    await asyncio.sleep(0.5)
    for calls in range(2, 11):
        assert (await post()).status == 200
        await settled(calls)
    held = "SELECT count(*) FROM held_alerts WHERE organization_id = $1 AND release_time IS NULL"
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while not await tenant.database.fetchval(
            "SELECT count(*) FROM alert_events WHERE organization_id = $1 AND threshold = '100%'", tenant.organization
        ):
            await asyncio.sleep(0.1)
    reported = await tenant.database.fetchval(held, tenant.organization)
    assert reported > 0
    await tenant.database.execute(
        "UPDATE held_alerts SET send_time = now() WHERE organization_id = $1", tenant.organization
    )
    (message,) = await received(1)
    assert (message["type"], message["verified"]) == ("digest", True)
    assert message["data"]["digest"]["count"] == reported
    assert message["data"]["severity"] == "ALERT"
