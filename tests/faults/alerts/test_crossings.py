"""Every crossing of a threshold is one event, and arrives, however often the processes die between crossing and sending."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.local.stack.database_urls import login_url
from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.faults.test_process_death import until_ready_again
from tests.support.data.inbox_channel import messages_of, send_to_inbox
from tests.support.data.tenants import Tenant
from tests.support.faults.load import call, chat, served
from tests.support.faults.recovery import FIGURES
from usage_service.wiring import ROLE

SERVICES = ("usage_service", "notification_service")
FURTHER_PROCESSES = 2
"""That decide about alerts, beside usage_service."""
ARRIVES_WITHIN_S = 90.0
"""A message that a dead process was sending is sent again when its lease of a minute ends."""


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("rounds", "calls"), [(6, 20), pytest.param(100, 500, marks=pytest.mark.soak)])
async def test_crossings_are_reported_once_although_processes_are_killed(world: World, rounds: int, calls: int) -> None:
    """Each round crosses the budget of a key in the middle of concurrent calls, and kills a process at a random moment after."""
    dice = random.Random(rounds)
    (tenant,) = await world.tenants(1)
    await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await send_to_inbox(world.stack, tenant)
    await only_at_100_percent(tenant)
    budget, served_calls = calls // 2 * record["charge_nano_credits"], 1
    async with several_followers(world) as followers:
        for number in range(rounds):
            key = f"key-of-round-{number}"
            keyed = Tenant(tenant.database, tenant.pepper, tenant.organization, await tenant.add_key(key), key)
            await tenant.guard("api_key", key, budget_nano_credits=budget, mode="SHADOW")
            await asyncio.sleep(0.3)
            await served(world.session, world.base_url, keyed, chat("Wait."))
            further = (call(world.session, world.base_url, keyed, chat("Wait.")) for _ in range(calls - 1))
            burst = asyncio.gather(*further)
            await until_spent(tenant, key, budget)
            await asyncio.sleep(dice.uniform(0, 1.2))
            victim = dice.choice((*SERVICES, *followers))
            await kill(world, followers, victim)
            served_calls += 1 + sum(one.is_served for one in await burst)
        await until_arrived(world, tenant, rounds)
    await until_counted(tenant, served_calls)
    await assert_told_once(world, tenant, rounds, budget)


async def only_at_100_percent(tenant: Tenant) -> None:
    await tenant.database.execute(
        "UPDATE notification_rules SET percents = '{100}', update_time = now() WHERE organization_id = $1 AND percents <> '{}'",
        tenant.organization,
    )


@asynccontextmanager
async def several_followers(world: World) -> AsyncIterator[dict[str, Process]]:
    """Runs further processes that decide about alerts, by name."""
    followers = {f"follower-{number}": await start(world) for number in range(FURTHER_PROCESSES)}
    try:
        yield followers
    finally:
        for process in followers.values():
            assert process.returncode is None
            process.kill()
            await process.wait()


async def start(world: World) -> Process:
    url = login_url(world.database_url, ROLE)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.faults.alert_process", url)


async def kill(world: World, followers: dict[str, Process], victim: str) -> None:
    """Kills a process, and waits until another one has taken its place."""
    if victim in SERVICES:
        process_id = world.stack.identity(victim).pid
        world.stack.kill(victim, signal.SIGKILL)
        await until_ready_again(world, victim, process_id)
    else:
        followers[victim].kill()
        await followers[victim].wait()
        followers[victim] = await start(world)


async def until_spent(tenant: Tenant, key: str, amount_nano_credits: int) -> None:
    spent = "SELECT max(settled_nano_credits) FROM scope_spend WHERE organization_id = $1 AND counter LIKE $2"
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while (
            await tenant.database.fetchval(spent, tenant.organization, f"api_key:{key}:%") or 0
        ) < amount_nano_credits:
            await asyncio.sleep(0.01)


async def until_arrived(world: World, tenant: Tenant, count: int) -> None:
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while len(await messages_of(world.stack, tenant, world.session)) < count:
            await asyncio.sleep(0.5)


async def until_counted(tenant: Tenant, count: int) -> None:
    counted = "SELECT count(*) FROM usage_records WHERE organization_id = $1"
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while await tenant.database.fetchval(counted, tenant.organization) < count:
            await asyncio.sleep(0.5)
    await wait_settled(tenant, count)


async def assert_told_once(world: World, tenant: Tenant, rounds: int, budget_nano_credits: int) -> None:
    """Asserts that there is one event of each key, that it has arrived with its id, and that its proof is in the ledger."""
    messages = await messages_of(world.stack, tenant, world.session)
    events = await tenant.database.fetch(
        "SELECT event_id, scope_id, threshold FROM alert_events WHERE organization_id = $1", tenant.organization
    )
    assert sorted((row["scope_id"], row["threshold"]) for row in events) == sorted(
        (f"key-of-round-{number}", "100%") for number in range(rounds)
    )
    assert sorted(one["id"] for one in messages) == sorted(row["event_id"] for row in events)
    assert all(one["verified"] for one in messages)
    sequences = {str(row["sequence"]): row for row in await tenant.records()}
    for message in messages:
        proof = message["data"]["proof"]
        before, after = int(proof["spentBeforeNanoCredits"]), int(proof["spentAfterNanoCredits"])
        assert before < budget_nano_credits <= after
        assert after - before == sequences[proof["ledgerPosition"]]["charge_nano_credits"]
    attempts = await tenant.database.fetchval(
        "SELECT count(*) FROM delivery_attempts WHERE organization_id = $1", tenant.organization
    )
    FIGURES.notes.append(f"{rounds} crossings with a kill after each: {len(events)} events, {attempts} attempts")


CALLS_AT_ONCE = 500


@pytest.mark.timeout(300)
async def test_calls_at_once_are_reported_once_by_three_processes(world: World) -> None:
    """Seen to report a threshold twice without the lock on positions, the isolation of a step and the unique key of events."""
    (tenant,) = await world.tenants(1)
    await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await send_to_inbox(world.stack, tenant)
    await tenant.guard("group", "g2", budget_nano_credits=CALLS_AT_ONCE * record["charge_nano_credits"], mode="SHADOW")
    await asyncio.sleep(1)
    async with several_followers(world):
        outcomes = await asyncio.gather(
            *(call(world.session, world.base_url, tenant, chat("Wait.")) for _ in range(CALLS_AT_ONCE))
        )
        assert all(one.is_served for one in outcomes)
        await wait_settled(tenant, 1 + CALLS_AT_ONCE)
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while "100%" not in (told := await events_of(tenant)):
                await asyncio.sleep(0.2)
        await until_arrived(world, tenant, len(told))
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
