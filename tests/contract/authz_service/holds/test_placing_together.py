"""One command places and settles concurrent calls, each with the same result as if it were alone."""

import asyncio
import time
from itertools import accumulate, repeat
from typing import cast

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from authz_service.holds.admission import Admissions
from authz_service.holds.placement_floors import PlacementFloors
from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import ExhaustedCounter, Placed, PlacedBefore, Placement, Refused
from gateway_core.stores.postgres.hold_store import SpendStore
from gateway_core.stores.redis.hold_counters import CounterEvent, HoldCounters
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key
from gateway_core.stores.redis.placing import Rung, placing_terms
from tests.support.data.example_hold import HOLD, with_changes

BALANCE = 2**62
UNLIMITED = [None] * len(HOLD.claims.counters)
# Near the limit of exact integers in a double, and near a whole credit.
AMOUNTS = st.one_of(st.integers(0, 5), st.integers(10**9 - 2, 10**9 + 2), st.integers(2**53 - 2, 2**53 + 2))


def hold(number: int, amount: int) -> Hold:
    return with_changes(HOLD, hold_id=f"hold-{number}", amount_nano_credits=amount, throttles=())


async def seeded(redis: Redis, balance: int = BALANCE, settled: int = 0) -> HoldCounters:
    await redis.flushall()
    counters = HoldCounters(redis)
    await counters.seed_pool(
        HOLD.claims.organization, balance=balance, sequence=1, generation="first", placements=0, open_holds={}
    )
    for counter in HOLD.claims.counters:
        await counters.seed_counter(
            HOLD.claims.organization,
            counter.encode(),
            settled=settled,
            open_holds={},
            sequence=1,
            expire_epoch_s=None,
            edition="first:0",
        )
    return counters


async def numbers(redis: Redis, key: str, *fields: str) -> list[int]:
    return [int(str(value)) for value in await redis.hmget(key, list(fields))]


async def place_together(counters: HoldCounters, holds: list[Hold], limit: int | None) -> list[Placement]:
    limits = [limit, *UNLIMITED[1:]]
    return await asyncio.gather(*(counters.place(one, limits) for one in holds))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(amounts=st.lists(AMOUNTS, min_size=1, max_size=70), limit=st.one_of(st.none(), AMOUNTS))
async def test_each_call_of_a_command_sees_the_holds_before_it(
    redis: Redis, amounts: list[int], limit: int | None
) -> None:
    """Seen to fail when a command does not carry its sums from one call to the next."""
    counters = await seeded(redis)
    holds = [hold(number, amount) for number, amount in enumerate(amounts)]
    answers = await place_together(counters, holds, limit)
    held, placed = 0, 0
    expected: list[Placement] = []
    for amount in amounts:
        if limit is not None and held + amount > limit:
            expected.append(Refused((ExhaustedCounter(0, 0, held),)))
            continue
        held, placed = held + amount, placed + 1
        expected.append(Placed(placed, "first"))
    assert answers == expected
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held", "placements") == [held, placed]
    for counter in HOLD.claims.counters:
        assert await numbers(redis, counter_key(HOLD.claims.organization, counter.encode()), "held") == [held]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(charges=st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=40), unknown=st.sets(st.integers(0, 39)))
async def test_events_of_one_command_add_up_to_the_nano_credit(
    redis: Redis, charges: list[tuple[int, int]], unknown: set[int]
) -> None:
    """Nothing is released for holds that Redis does not count. Seen to fail with sums in doubles."""
    counters = await seeded(redis)
    known = [hold(number, amount) for number, (amount, _) in enumerate(charges) if number not in unknown]
    await place_together(counters, known, None)
    names = tuple(counter.encode() for counter in HOLD.claims.counters)
    events = [
        CounterEvent(2 + number, f"hold-{number}", charge, -charge, names)
        for number, (amount, charge) in enumerate(charges)
    ]
    last = await counters.apply(HOLD.claims.organization, 1, events)
    assert last == 1 + len(charges)
    assert await counters.apply(HOLD.claims.organization, 1, events) == last  # repetition changes nothing
    spent = sum(charge for _, charge in charges)
    assert await numbers(redis, pool_key(HOLD.claims.organization), "balance", "held") == [BALANCE - spent, 0]
    for name in names:
        assert await numbers(redis, counter_key(HOLD.claims.organization, name), "settled", "held") == [spent, 0]
    assert await redis.hgetall(holds_key(HOLD.claims.organization)) == {}


async def test_a_hold_that_is_requested_twice_in_one_command_is_placed_once(redis: Redis) -> None:
    counters = await seeded(redis)
    assert await place_together(counters, [hold(1, 7), hold(1, 7), hold(2, 7)], None) == [
        Placed(1, "first"),
        Placed(1, "first", before=PlacedBefore(HOLD.placed_epoch_us, 7)),
        Placed(2, "first"),
    ]
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held") == [14]


async def test_a_withdrawn_hold_is_not_placed_with_others(redis: Redis) -> None:
    counters = await seeded(redis)
    await counters.release(hold(2, 7))
    answers = await place_together(counters, [hold(number, 7) for number in (1, 2, 3)], None)
    assert [isinstance(answer, Placed) for answer in answers] == [True, False, True]
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held") == [14]


@pytest.mark.parametrize("balance", [0, -(10**9) - 1, -1])
async def test_an_empty_pool_refuses_all_calls_of_a_command(redis: Redis, balance: int) -> None:
    counters = await seeded(redis, balance=balance)
    answers = await place_together(counters, [hold(number, 1) for number in range(3)], None)
    assert answers == [Refused((ExhaustedCounter(None, balance, 0),))] * 3


async def test_credit_for_some_calls_of_a_command_admits_the_first_ones(redis: Redis) -> None:
    counters = await seeded(redis, balance=25)
    answers = await place_together(counters, [hold(number, 10) for number in range(4)], None)
    helds = list(accumulate(repeat(10, 2)))
    assert answers == [Placed(1, "first"), Placed(2, "first"), *[Refused((ExhaustedCounter(None, 25, helds[-1]),))] * 2]


class SlowRegister:
    async def highest_placement(self, _organization: str) -> int:
        await asyncio.sleep(1.9)
        return 0


@pytest.mark.usefixtures("usual_deadlines")
async def test_a_hold_that_is_placed_when_envoy_times_out_is_withdrawn(redis: Redis) -> None:
    """PostgreSQL is down for two seconds. Seen to fail without the time limit: the hold stayed until it expired."""
    counters = await seeded(redis)
    floors = PlacementFloors(SlowRegister().highest_placement, time.monotonic)
    admissions = Admissions(counters, SpendStore(cast("asyncpg.Pool", None)), floors, 1, lambda: "second", lambda: 0)
    one = hold(1, 7)
    terms = placing_terms(one.claims, Limits(budgets=tuple(UNLIMITED), reset_epoch_s=tuple(UNLIMITED)))
    with pytest.raises(TimeoutError):
        await admissions.place([Rung(terms, one)])
    async with asyncio.timeout(30):
        while await numbers(redis, pool_key(HOLD.claims.organization), "held") != [0]:
            await asyncio.sleep(0.01)
    assert await numbers(redis, pool_key(HOLD.claims.organization), "placements") == [1]
