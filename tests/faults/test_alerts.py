"""Every crossing of a threshold is one event, and arrives, however often the processes die between crossing and sending."""

import asyncio
import random
import signal

import pytest

from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.faults.test_process_death import until_ready_again
from tests.support.data.inbox_channel import messages_of, send_to_inbox
from tests.support.data.tenants import Tenant
from tests.support.faults.load import call, chat

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
        assert (await call(world.session, world.base_url, keyed, chat("Wait."))).is_served
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
