"""Every alert reaches its channel, and once, while the process that sends it is restarted under load."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import pytest

from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.faults.test_process_death import until_ready_again
from tests.support.chats.callback_server import CallbackServer, Post, running_callback
from tests.support.data.inbox_channel import secret_of, send_to_callback
from tests.support.data.tenants import Tenant, until_applied
from tests.support.faults.load import call, chat
from tests.support.faults.recovery import FIGURES
from tests.support.faults.steady_load import SteadyLoad

SENDER = "notification_service"
ORGANIZATIONS = 6
KEYS = 20
"""Of each organization."""
RESTARTS = 3
PAUSE_S = 0.5
CALLS_PER_SECOND = 12
ARRIVES_WITHIN_S = 120.0
"""A message that a dead process was sending is sent again when its lease of a minute ends, and the others of its channel wait."""
_DELIVERIES = """
SELECT d.event_id, d.state, count(*) FILTER (WHERE a.outcome = 'UNKNOWN') AS unknown
  FROM notification_deliveries d LEFT JOIN delivery_attempts a USING (organization_id, delivery_id)
 WHERE d.organization_id = $1 GROUP BY d.delivery_id, d.event_id, d.state, d.create_time ORDER BY d.create_time, d.delivery_id
"""


async def replace(world: World, server: CallbackServer) -> None:
    """Lets a new process take over, as `./dev restart` does."""
    await until_sending(server)
    await asyncio.to_thread(world.stack.restart, SENDER)


async def stop_and_start(world: World, server: CallbackServer) -> None:
    await until_sending(server)
    await asyncio.to_thread(world.stack.stop_process, SENDER)
    await asyncio.to_thread(world.stack.start_process, SENDER)


async def kill(world: World, server: CallbackServer) -> None:
    """Kills the process before any message that it is sending is answered, so each of these comes again."""
    process_id = world.stack.identity(SENDER).pid
    with server.no_answers():
        await until_sending(server)
        world.stack.kill(SENDER, signal.SIGKILL)
    await until_ready_again(world, SENDER, process_id)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("restart", [replace, stop_and_start, kill])
async def test_alerts_reach_channels_once_while_notification_service_is_restarted_under_load(
    world: World, callback_port: int, restart: Callable[[World, CallbackServer], Awaitable[None]]
) -> None:
    """The first call of every key crosses its budget. Each restart begins while a message is being sent."""
    tenants = await world.tenants(ORGANIZATIONS)
    server = CallbackServer(secret_of(world.stack))
    async with running_callback(server, callback_port) as url:
        of_each = [await keys_with_budgets(world, tenant, url) for tenant in tenants]
        keys = [key for round_of_keys in zip(*of_each, strict=True) for key in round_of_keys]
        async with SteadyLoad(world.session, world.base_url, keys, CALLS_PER_SECOND, chat("Wait.")) as load:
            for _ in range(RESTARTS):
                await asyncio.sleep(PAUSE_S)
                await restart(world, server)
            while len(load.outcomes) < len(keys):
                await asyncio.sleep(0.1)
        assert load.refused == []
        deliveries = [await until_delivered(tenant) for tenant in tenants]
    calls = Counter(outcome.tenant.organization for outcome in load.outcomes)
    for tenant, rows in zip(tenants, deliveries, strict=True):
        await wait_settled(tenant, 1 + calls[tenant.organization])
        assert_once(server.of(tenant.organization), rows, was_killed=restart is kill)
    repeated = len(server.posts) - len(keys)
    assert repeated >= RESTARTS or restart is not kill, "a message that a killed process was sending did not come again"
    FIGURES.notes.append(
        f"{RESTARTS} times {restart.__name__} notification_service: {len(load.outcomes)} calls, {len(keys)} alerts to"
        f" {ORGANIZATIONS} channels, {repeated} of them sent twice, with the same id"
    )


async def keys_with_budgets(world: World, tenant: Tenant, url: str) -> Sequence[Tenant]:
    """Returns the tenant's keys. The first call of each uses up its budget, which sends one alert to the tenant's channel."""
    await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await send_to_callback(world.stack, tenant, f"{url}/{tenant.organization}")
    await tenant.database.execute(
        "UPDATE notification_rules SET percents = '{100}', update_time = now() WHERE organization_id = $1 AND percents <> '{}'",
        tenant.organization,
    )
    keys = []
    for number in range(KEYS):
        name = f"key-of-alert-{number}"
        keys.append(Tenant(tenant.database, tenant.pepper, tenant.organization, await tenant.add_key(name), name))
        await tenant.guard("api_key", name, budget_nano_credits=record["charge_nano_credits"], mode="SHADOW")
    await until_applied()
    return keys


async def until_sending(server: CallbackServer) -> None:
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        await server.until_answering()


async def until_delivered(tenant: Tenant) -> Sequence[asyncpg.Record]:
    """Waits until the alert of every key is recorded as delivered. Returns the deliveries, in their order."""
    rows: Sequence[asyncpg.Record] = []
    try:
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while Counter(row["state"] for row in rows) != {"DELIVERED": KEYS}:
                await asyncio.sleep(0.2)
                rows = await tenant.database.fetch(_DELIVERIES, tenant.organization)
    except TimeoutError:
        raise AssertionError(f"not all are delivered: {rows}") from None
    return rows


def assert_once(posts: Sequence[Post], deliveries: Sequence[asyncpg.Record], *, was_killed: bool) -> None:
    """Asserts that each alert has arrived, in order, and that only what a killed process was sending has come again."""
    assert all(post.is_verified for post in posts)
    assert list(dict.fromkeys(post.event_id for post in posts)) == [row["event_id"] for row in deliveries]
    assert len({(post.event_id, post.body) for post in posts}) == len(deliveries)
    assert len({post.event["data"]["scope"]["name"] for post in posts}) == KEYS
    arrivals = Counter(post.event_id for post in posts)
    for row in deliveries:
        assert row["unknown"] == 0 or was_killed
        assert arrivals[row["event_id"]] <= 1 + row["unknown"]
