"""Every crossing of a threshold is one event, and arrives, however often the processes die between crossing and sending."""

import asyncio
import random
import signal
import sys

import pytest

from deploy.local.stack.database_urls import login_url
from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.faults.test_process_death import until_ready_again
from tests.support.data.inbox_channel import messages_of, send_to_inbox
from tests.support.data.tenants import Tenant
from tests.support.faults.load import call, chat, served
from usage_service.wiring import ROLE

VICTIMS = ("usage_service", "notification_service")
ARRIVES_WITHIN_S = 90.0
"""A message that a dead process was sending is sent again when its lease of a minute ends."""


@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("rounds", [6, pytest.param(100, marks=pytest.mark.soak)])
async def test_crossings_are_reported_once_although_processes_are_killed(world: World, rounds: int) -> None:
    """Each round crosses the budget of a key of its own, and kills a process at a random moment of the second after."""
    dice = random.Random(rounds)
    (tenant,) = await world.tenants(1)
    await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await send_to_inbox(world.stack, tenant)
    for number in range(rounds):
        key = f"key-of-round-{number}"
        keyed = Tenant(tenant.database, tenant.pepper, tenant.organization, await tenant.add_key(key), key)
        await tenant.guard("api_key", key, budget_nano_credits=record["charge_nano_credits"], mode="SHADOW")
        await asyncio.sleep(0.3)
        await served(world.session, world.base_url, keyed, chat("Wait."))
        await asyncio.sleep(dice.uniform(0, 1.2))
        victim = dice.choice(VICTIMS)
        process_id = world.stack.identity(victim).pid
        world.stack.kill(victim, signal.SIGKILL)
        await until_ready_again(world, victim, process_id)
    await wait_settled(tenant, 1 + rounds)
    keys = {f"organizations/{tenant.organization}/apiKeys/key-of-round-{number}" for number in range(rounds)}
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while {one["data"]["scope"]["name"] for one in await messages_of(world.stack, tenant, world.session)} != keys:
            await asyncio.sleep(0.5)
    messages = await messages_of(world.stack, tenant, world.session)
    events = await tenant.database.fetch(
        "SELECT event_id, scope_id, threshold FROM alert_events WHERE organization_id = $1", tenant.organization
    )
    assert sorted((row["scope_id"], row["threshold"]) for row in events) == sorted(
        (f"key-of-round-{number}", "100%") for number in range(rounds)
    )
    assert sorted(one["id"] for one in messages) == sorted(row["event_id"] for row in events)
    assert all(one["verified"] for one in messages)


CALLS_AT_ONCE = 500
FURTHER_PROCESSES = 2
"""Beside usage_service."""


@pytest.mark.timeout(300)
async def test_calls_at_once_are_reported_once_by_three_processes(world: World) -> None:
    """Seen to report a threshold twice without the lock on positions, the isolation of a step and the unique key of events."""
    (tenant,) = await world.tenants(1)
    await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await send_to_inbox(world.stack, tenant)
    await tenant.guard("group", "g2", budget_nano_credits=CALLS_AT_ONCE * record["charge_nano_credits"], mode="SHADOW")
    await asyncio.sleep(1)
    url = login_url(world.database_url, ROLE)
    module = "tests.support.faults.alert_process"
    others = [await asyncio.create_subprocess_exec(sys.executable, "-m", module, url) for _ in range(FURTHER_PROCESSES)]
    try:
        outcomes = await asyncio.gather(
            *(call(world.session, world.base_url, tenant, chat("Wait.")) for _ in range(CALLS_AT_ONCE))
        )
        assert all(one.is_served for one in outcomes)
        await wait_settled(tenant, 1 + CALLS_AT_ONCE)
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while "100%" not in (told := await events_of(tenant)):
                await asyncio.sleep(0.2)
            while len(await messages_of(world.stack, tenant, world.session)) < len(told):
                await asyncio.sleep(0.2)
    finally:
        for process in others:
            assert process.returncode is None
            process.kill()
            await process.wait()
    assert sorted(await events_of(tenant)) == sorted(set(told))
    messages = await messages_of(world.stack, tenant, world.session)
    assert [one["data"]["threshold"]["percent"] for one in messages][-1] == 100
    deliveries = "SELECT count(*) FROM notification_deliveries WHERE organization_id = $1"
    assert await tenant.database.fetchval(deliveries, tenant.organization) == len(messages) == len(told)


async def events_of(tenant: Tenant) -> list[str]:
    rows = await tenant.database.fetch(
        "SELECT threshold FROM alert_events WHERE organization_id = $1", tenant.organization
    )
    return [row["threshold"] for row in rows]
