"""Every alert is in one digest, and arrives, however often the processes that collect and send them die."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Sequence

import pytest

from deploy.local.stack.database_urls import login_url
from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.faults.test_process_death import until_ready_again
from tests.support.data.inbox_channel import messages_of, send_to_inbox
from tests.support.data.tenants import Tenant
from tests.support.faults.load import call, chat, served
from usage_service.wiring import ROLE

FURTHER_PROCESSES = 2
"""Beside usage_service."""
ARRIVES_WITHIN_S = 90.0
"""A message that a dead process was sending is sent again when its lease of a minute ends."""


@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=pytest.mark.soak)])
async def test_each_alert_is_in_one_digest_although_processes_are_killed(world: World, rounds: int) -> None:
    """Each round crosses the budget of a key of its own, lets the digest be due, and kills two processes at random moments."""
    dice = random.Random(rounds)
    (tenant,) = await world.tenants(1)
    await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await send_to_inbox(world.stack, tenant)
    await say(tenant, "DAILY")
    processes = [await start(world) for _ in range(FURTHER_PROCESSES)]
    try:
        for number in range(rounds):
            await cross(world, tenant, f"key-of-round-{number}", record["charge_nano_credits"])
            await asyncio.sleep(dice.uniform(0, 0.6))
            await until_due(tenant)
            await asyncio.sleep(dice.uniform(0, 0.3))
            place = dice.randrange(FURTHER_PROCESSES)
            assert processes[place].returncode is None
            processes[place].kill()
            await processes[place].wait()
            processes[place] = await start(world)
            await kill(world, dice.choice(("usage_service", "notification_service")))
        await wait_settled(tenant, 1 + rounds)
        await say(tenant, "AT_ONCE")
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while len(await arrived(world, tenant)) < rounds:
                await asyncio.sleep(0.5)
    finally:
        for process in processes:
            process.kill()
            await process.wait()
    assert set(Counter(await arrived(world, tenant)).values()) == {1}
    events = await tenant.database.fetch(
        "SELECT event_id FROM alert_events WHERE organization_id = $1 AND event_type <> 'digest'", tenant.organization
    )
    assert len(events) == rounds
    assert sorted(await arrived(world, tenant)) == sorted(row["event_id"] for row in events)


async def cross(world: World, tenant: Tenant, key: str, charge_nano_credits: int) -> None:
    keyed = Tenant(tenant.database, tenant.pepper, tenant.organization, await tenant.add_key(key), key)
    await tenant.guard("api_key", key, budget_nano_credits=charge_nano_credits, mode="SHADOW")
    await asyncio.sleep(0.3)
    await served(world.session, world.base_url, keyed, chat("Wait."))


async def say(tenant: Tenant, frequency: str) -> None:
    await tenant.database.execute(
        "UPDATE notification_rules SET frequency = $2, update_time = now() WHERE organization_id = $1",
        tenant.organization,
        frequency,
    )


async def until_due(tenant: Tenant) -> None:
    await tenant.database.execute(
        "UPDATE held_alerts SET send_time = now() WHERE organization_id = $1 AND release_time IS NULL",
        tenant.organization,
    )


async def start(world: World) -> Process:
    url = login_url(world.database_url, ROLE)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.faults.alert_process", url)


async def kill(world: World, victim: str) -> None:
    process_id = world.stack.identity(victim).pid
    world.stack.kill(victim, signal.SIGKILL)
    await until_ready_again(world, victim, process_id)


async def arrived(world: World, tenant: Tenant) -> Sequence[str]:
    """Returns the ids of the alerts in all messages: of those in digests, and of those sent by themselves."""
    found: list[str] = []
    for message in await messages_of(world.stack, tenant, world.session):
        assert message["verified"]
        if message["type"] == "digest":
            found.extend(one["id"] for one in message["data"]["digest"]["alerts"])
        else:
            found.append(message["id"])
    return found
