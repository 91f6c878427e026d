"""usage_service notifies Redis of finished calls before it settles them, and only where a call may wait for one."""

import asyncio

import asyncpg
import pytest
from redis.asyncio import Redis

from gateway_core.model.calls.holds import Hold
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.redis.hold_counters import HoldCounters
from tests.contract.usage_service.service_runs import START_BALANCE, message, place, running, until_pool
from tests.contract.usage_service.settlement_cases import breaches, charge, make_hold, make_report, prepare, register

PLACES = Throttle(ThrottleKind.CALLS, Scope(ScopeKind.MEMBER, "mia"))
LOCK = "SELECT sequence FROM ledger_heads WHERE organization_id = 'acme' FOR UPDATE"


def limited_hold() -> Hold:
    """A hold of a call that a limit of concurrent calls admitted."""
    return make_hold(throttles=(PLACES,))


async def placed(owner: asyncpg.Connection, redis: Redis, *holds: Hold) -> None:
    await prepare(owner)
    await register(owner, *holds)
    counters = HoldCounters(redis)
    first = make_hold(counters=holds[0].claims.counters)
    await place(redis, first)
    await counters.release(first)
    await counters.seed_calls("acme", PLACES, open_holds={}, sequence=1, expire_epoch_s=4_000_000_000)
    for hold in holds:
        await counters.place(hold, [None] * 3, throttle_limits=[10] * len(hold.claims.throttles))


@pytest.mark.also_on_cluster
async def test_a_call_under_a_limit_of_places_keeps_only_its_charge_before_it_is_settled(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    """Seen to fail without the notice: Redis had the whole hold until the commit."""
    hold, other = limited_hold(), limited_hold()
    await placed(owner, redis, hold, other)
    async with running(settings) as service:
        async with owner.transaction():
            await owner.execute(LOCK)  # No settlement can commit.
            await service.take(message(make_report(hold)))
            await until_pool(redis, (START_BALANCE, charge() + other.amount_nano_credits, 1))
        await until_pool(redis, (START_BALANCE - charge(), other.amount_nano_credits, 2))
    assert await breaches(owner) == []


async def test_calls_without_such_a_limit_are_noticed_once_a_call_has_waited(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    first, second = make_hold(), make_hold()
    held = first.amount_nano_credits
    await placed(owner, redis, first, second)
    async with running(settings) as service:
        async with owner.transaction():
            await owner.execute(LOCK)
            await service.take(message(make_report(first)))
            await asyncio.sleep(0.2)
            await until_pool(redis, (START_BALANCE, 2 * held, 1))
        await HoldCounters(redis).want("acme")
        await until_pool(redis, (START_BALANCE - charge(), held, 2))
        third = make_hold()
        await register(owner, third)
        await HoldCounters(redis).place(third, [None] * 3)
        await service.take(message(make_report(second)))  # Its settlement brings the mark.
        await until_pool(redis, (START_BALANCE - 2 * charge(), held, 3))
        async with owner.transaction():
            await owner.execute(LOCK)
            await service.take(message(make_report(third)))
            await until_pool(redis, (START_BALANCE - 2 * charge(), charge(), 3))


async def test_a_killed_service_leaves_the_charge_and_its_successor_settles_it(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    """The notice is out and the commit is not. The journal has the report."""
    hold = limited_hold()
    await placed(owner, redis, hold)
    async with running(settings.model_copy(update={"shutdown_grace_ms": 1})) as service, owner.transaction():
        await owner.execute(LOCK)
        await service.take(message(make_report(hold)))
        await until_pool(redis, (START_BALANCE, charge(), 1))
        service.begin_stop()
    async with running(settings) as successor:
        await successor.take(message(make_report(hold)))
        await until_pool(redis, (START_BALANCE - charge(), 0, 2))
    assert await breaches(owner) == []
