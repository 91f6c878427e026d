"""Redis counts every hold in the holds table, for any order of losses, rebuilds, settlements and reads (INV-05, INV-09)."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.wiring import ROLE
from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import Missing, Placed
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import SpendStore
from gateway_core.stores.redis.keys import pool_key, throttle_key
from tests.contract.authz_service.holds.replicas import SHARED, World
from tests.contract.authz_service.holds.test_rebuilding import (
    expect_redis_equals_the_holds_table,
    settle,
)
from tests.support.data.example_hold import HOLD as EXAMPLE
from tests.support.data.example_hold import with_changes
from usage_service.counters.ledger_events import LedgerEvents

STEPS = 60


@pytest.fixture
async def world(
    settings: AuthzSettings,
    database_url: str,
    organization: str,
    owner: asyncpg.Connection,
    redis: Redis,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    async with (
        open_pool(settings, ROLE) as pool,
        asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=1) as of_usage_service,
    ):
        yield World(
            owner, redis, SpendStore(pool), LedgerEvents(of_usage_service), random.Random(getattr(request, "param", 0))
        )


@pytest.mark.parametrize("world", range(40), indirect=True)
async def test_redis_counts_every_recorded_hold_once_in_any_order_of_events(world: World) -> None:
    """Several replicas interleave: they place, record, confirm, finish, settle, follow, lose data, restore old data and rebuild."""
    for _ in range(STEPS):
        await world.dice.choice(world.steps)()
        await world.look_after_rebuildings()
        await world.expect_amounts_add_up()
    await world.come_to_rest()
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def placed(world: World) -> Hold:
    """A hold that is in Redis but not in the holds table yet."""
    while not isinstance(await world.try_place(), Placed):
        await world.land_everything()
    return world.placed[-1].hold


@pytest.mark.also_on_cluster
async def test_a_hold_recorded_after_the_snapshot_of_a_rebuild_is_added(world: World) -> None:
    """Seen to fail without confirmation: Redis lacked the hold until the next comparison with the holds table."""
    await placed(world)
    await world.lose()
    await world.begin_seeding()
    await world.register_all()
    await world.land_everything()
    assert isinstance(await world.try_place(), Missing)
    await world.land_everything()
    await world.confirmations.look()
    assert world.confirmations.waiting == 0
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def test_a_confirmation_is_retried_until_there_is_a_pool(world: World) -> None:
    """Seen to fail when a hold was forgotten as soon as there was no pool."""
    await placed(world)
    await world.lose()
    await world.begin_seeding()
    await world.register_all()
    await world.confirmations.look()
    await world.land_everything()
    await world.confirmations.look()
    assert world.confirmations.waiting == 0
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


@pytest.mark.also_on_cluster
async def test_a_pool_with_fewer_placements_than_the_holds_table_is_dropped(world: World) -> None:
    """Seen to fail without the comparison of placements."""
    await placed(world)
    await world.register_all()
    await world.save()
    first = await placed(world)
    await world.register_all()
    await world.redis.hset(pool_key("acme"), "placements", first.placement - 1)
    await world.confirmations.look()
    assert not await world.redis.exists(pool_key("acme"))


@pytest.mark.also_on_cluster
async def test_a_pool_that_lost_a_hold_is_dropped_even_if_later_holds_were_placed(
    world: World,
) -> None:
    """Seen to fail when the hold is added instead: other losses of the old pool would stay undetected."""
    await placed(world)
    await world.save()
    lost = await placed(world)
    await world.go_back()
    world.placements = 0  # another replica, which has not noticed
    assert (await placed(world)).placement == lost.placement
    await world.register_all()
    await world.confirmations.look()
    assert not await world.redis.exists(pool_key("acme"))
    assert world.confirmations.waiting > 0


async def test_a_hold_that_was_settled_meanwhile_is_not_added(world: World) -> None:
    """Seen to fail without reading the holds table: the hold stayed in Redis forever."""
    await placed(world)
    await world.lose()
    await world.register_all()
    await settle(world.owner, 1)
    await world.begin_seeding()
    await world.land_everything()
    await world.confirmations.look()
    assert world.confirmations.waiting == 0
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def test_a_hold_whose_settlement_redis_already_followed_is_not_added(world: World) -> None:
    """Seen to fail without the comparison of sequences."""
    hold = await lost_and_open(world)
    sequence, _ = await world.store.open_among("acme", [hold.hold_id])
    await settle(world.owner, 1)
    await world.follow()
    assert not await world.counters.add(hold, "before", sequence)
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def test_a_hold_is_not_added_to_a_counter_seeded_with_its_settlement(world: World) -> None:
    """Seen to fail without the sequence with which a counter was seeded: the counter would never be released."""
    hold = await lost_and_open(world)
    sequence, _ = await world.store.open_among("acme", [hold.hold_id])
    await settle(world.owner, 1)
    assert isinstance(await world.try_place(), Missing)
    await world.land_everything()
    assert not await world.counters.add(hold, "before", sequence)
    await world.follow()
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def test_a_counter_read_before_a_hold_was_added_is_not_seeded(world: World) -> None:
    """Seen to fail without counting additions: the counter lacked the hold, and its settlement made it negative."""
    await placed(world)
    await world.lose()
    await world.begin_seeding()
    await world.land_everything()
    assert isinstance(await world.try_place(), Missing)
    await world.register_all()
    await world.confirmations.look()
    await world.land_everything()
    await placed(world)
    await world.register_all()
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def test_a_hold_is_added_only_once(world: World) -> None:
    """Seen to fail without checking whether it is there."""
    hold = await lost_and_open(world)
    sequence, _ = await world.store.open_among("acme", [hold.hold_id])
    assert await world.counters.add(hold, "before", sequence)
    assert await world.counters.add(hold, "before", sequence)
    await expect_redis_equals_the_holds_table(world.owner, world.redis)


async def lost_and_open(world: World) -> Hold:
    """A recorded hold that a rebuilt pool lacks."""
    hold = await placed(world)
    await world.lose()
    await world.begin_seeding()
    await world.register_all()
    await world.land_everything()
    return hold


async def test_an_added_hold_counts_against_the_concurrency_limit(world: World) -> None:
    """Seen to fail when only the counters were updated: a concurrency limit admitted one call too many."""
    throttle = Throttle(ThrottleKind.CALLS, Scope(ScopeKind.MEMBER, "mia"))
    hold = with_changes(EXAMPLE, organization="acme", counters=SHARED, throttles=(throttle,), shadow_refusals=())
    await world.counters.seed_pool("acme", balance=100, sequence=0, generation="new", placements=1, open_holds={})
    assert await world.counters.seed_calls("acme", throttle, open_holds={}, sequence=0, expire_epoch_s=4_000_000_000)
    assert await world.counters.add(hold, "old", 0)
    calls = await world.redis.zrange(throttle_key("acme", throttle.encode()), 0, -1)
    assert hold.hold_id in [call.decode() if isinstance(call, bytes) else call for call in calls]
