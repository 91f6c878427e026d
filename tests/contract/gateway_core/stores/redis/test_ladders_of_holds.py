"""The placing script takes the holds of a call on several models, and places the first after which no budget is used too much."""

import asyncio

import pytest
from redis.asyncio import Redis

from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import ExhaustedCounter, Placed, PlacedBefore, Placement, Refused, Taken
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.keys import counter_key, pool_key
from gateway_core.stores.redis.placing import Rung, placing_terms
from tests.contract.authz_service.holds.test_placing_together import UNLIMITED, hold, numbers, seeded
from tests.support.data.example_hold import HOLD, with_changes

BUDGET = 1_000
DEAR, CHEAP = 300, 20
FIRST, SECOND = 1, 2


def rung(number: int, model: str, amount: int, degrade_at: int | None, *, shadow: bool = False) -> Rung:
    one = hold(number, amount)
    one = with_changes(one, requested_model=model)
    scopes = frozenset({one.claims.counters[0].scope}) if shadow else frozenset()
    limits = Limits(budgets=(BUDGET, *UNLIMITED[1:]), reset_epoch_s=tuple(UNLIMITED), shadows=scopes)
    return Rung(placing_terms(one.claims, limits), one, None, degrade_at)


async def place(counters: HoldCounters, number: int, attempt: int = FIRST, *, shadow: bool = False) -> Placement:
    rungs = [rung(number, "dear", DEAR, 80, shadow=shadow), rung(number, "cheap", CHEAP, None, shadow=shadow)]
    return await counters.place_first(rungs, 0, attempt)


@pytest.mark.parametrize(("settled", "placed"), [(500, 0), (501, 1), (800, 1), (980, 1)])
async def test_the_first_hold_is_placed_after_which_no_budget_is_used_by_more_than_the_share(
    redis: Redis, settled: int, placed: int
) -> None:
    counters = await seeded(redis, settled=settled)
    assert await place(counters, 1) == Placed(1, "first", rung=placed)
    held = (DEAR, CHEAP)[placed]
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held", "placements") == [held, 1]
    for counter in HOLD.claims.counters:
        assert await numbers(redis, counter_key(HOLD.claims.organization, counter.encode()), "held") == [held]


async def test_the_last_hold_is_refused_as_any_other(redis: Redis) -> None:
    counters = await seeded(redis, settled=981)
    assert await place(counters, 1) == Refused((ExhaustedCounter(0, 981, 0),))
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held") == [0]


async def test_a_budget_in_shadow_mode_degrades_nothing(redis: Redis) -> None:
    counters = await seeded(redis, settled=600)
    placed = await place(counters, 1, shadow=True)
    assert isinstance(placed, Placed)
    assert placed.rung == 0


async def test_another_attempt_gets_the_hold_that_was_placed_whatever_the_budget_is_now(redis: Redis) -> None:
    """Seen to fail without the comparison of terms: the second attempt was `taken`, and its call refused."""
    counters = await seeded(redis, settled=500)
    await place(counters, 1)
    again = await place(counters, 1, SECOND)
    assert again == Placed(1, "first", before=PlacedBefore(HOLD.placed_epoch_us, DEAR), rung=0)
    cheap = await place(counters, 2)
    assert isinstance(cheap, Placed)
    again = await place(counters, 2, SECOND)
    assert again == Placed(2, "first", before=PlacedBefore(HOLD.placed_epoch_us, CHEAP), rung=1)
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held", "placements") == [DEAR + CHEAP, 2]


async def test_another_attempt_gets_the_refusal_whatever_the_budget_is_now(redis: Redis) -> None:
    """Seen to fail without the look at refusals: the second attempt was `taken` until its call failed."""
    counters = await seeded(redis, settled=981)
    refused = await place(counters, 1)
    assert isinstance(refused, Refused)
    await redis.hset(counter_key(HOLD.claims.organization, HOLD.claims.counters[0].encode()), "settled", 0)
    assert await place(counters, 1, SECOND) == Taken(), "the first attempt is about to answer"
    await asyncio.sleep(0.1)
    assert await place(counters, 1, SECOND) == refused
    assert await numbers(redis, pool_key(HOLD.claims.organization), "held") == [0]


async def test_calls_with_and_without_a_ladder_share_a_command(redis: Redis) -> None:
    counters = await seeded(redis, settled=400)
    single: Hold = hold(9, 1)
    limits = Limits(budgets=(BUDGET, *UNLIMITED[1:]), reset_epoch_s=tuple(UNLIMITED))
    answers = [
        await placement
        for placement in (
            counters.place_first([rung(1, "dear", DEAR, 80), rung(1, "cheap", CHEAP, None)], 0, FIRST),
            counters.place_on(placing_terms(single.claims, limits), single, 0),
            counters.place_first([rung(2, "dear", DEAR, 80), rung(2, "cheap", CHEAP, None)], 0, FIRST),
        )
    ]
    assert [one.rung if isinstance(one, Placed) else None for one in answers] == [0, 0, 1]
