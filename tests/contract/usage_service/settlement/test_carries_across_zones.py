"""After a change of the time zone, a carry that was spent is not spent again, nor what a period that goes on again had left."""

import random

import asyncpg
import pytest

from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.carried_budget import BUDGET, DAY_S, Budget, other_zone_of_the_same_day
from usage_service.settlement.store import settle_batch

WEST, EAST = "Etc/GMT+12", "Etc/GMT-14"
"""26 hours apart, so their dates always differ."""
ZONES = (WEST, "Etc/GMT+5", "UTC", "Etc/GMT-3", EAST)


@pytest.mark.parametrize("changes", [1, 2])
async def test_a_late_charge_that_counts_today_still_does_in_another_zone(
    owner: asyncpg.Connection, database_url: str, changes: int
) -> None:
    budget = Budget(owner, "UTC")
    await budget.begin(3)
    late = await budget.call_that_expires(budget.now_s - 3 * DAY_S)
    for days_ago in (2, 1, 0):
        await budget.open(days_ago)
    assert (await budget.carried(), await budget.left()) == (15, 20)
    await settle_batch(owner, [late])
    assert await budget.left() == 19
    for zone in (other_zone_of_the_same_day(budget.now_s), "UTC")[:changes]:
        await budget.move_to(zone)
        assert await budget.left() == 19
    assert broken(await audit(database_url)) == {}


async def test_a_charge_that_is_later_than_the_change_counts_in_the_new_zone(owner: asyncpg.Connection) -> None:
    budget = Budget(owner, "UTC")
    await budget.begin(3)
    late = await budget.call_that_expires(budget.now_s - 3 * DAY_S)
    for days_ago in (2, 1, 0):
        await budget.open(days_ago)
    zone = other_zone_of_the_same_day(budget.now_s)
    await budget.move_to(zone)
    await settle_batch(owner, [late])
    assert await budget.left() == 19
    await budget.move_to("UTC")
    assert await budget.left() == 19


async def test_a_day_that_goes_on_again_does_not_get_what_it_left(owner: asyncpg.Connection) -> None:
    budget = Budget(owner, EAST)
    await budget.begin(2)
    for _ in range(3):
        await budget.call(budget.now_s - DAY_S)
    await budget.open(1)
    await budget.open(0)
    assert await budget.carried() == 7
    await budget.move_to(WEST)
    # At most what yesterday began with. Which day goes on again depends on the time of day.
    assert await budget.carried() <= 5


async def test_a_day_that_begins_early_does_not_get_a_carry_that_was_spent(owner: asyncpg.Connection) -> None:
    budget = Budget(owner, WEST)
    await budget.begin(1)
    await budget.open(0)
    start = budget.counter(0).cycle_start_epoch_s
    for _ in range(8):
        await budget.call(start)
    assert (await budget.carried(), await budget.left()) == (5, 2)
    await budget.move_to(EAST)
    # Either the new day counts the calls, or they are left out and used up 3 of the carry.
    counted = budget.counter(0).cycle_start_epoch_s <= start
    assert (await budget.carried(), await budget.left()) == ((5, 2) if counted else (2, 7))


@pytest.mark.parametrize("seed", range(12))
async def test_no_change_of_zone_leaves_more_than_a_budget_that_starts_again(
    owner: asyncpg.Connection, database_url: str, seed: int
) -> None:
    """Days that begin later in the new zone leave out calls, for which a budget starts again. No carry does.

    A day that is overspent has less than nothing left. What it owes for calls that are left out is forgotten, as after any day.
    The same goes for late charges of older days where nothing is carried: they count today only to reduce what is carried.
    """
    dice = random.Random(seed)
    budget = Budget(owner, dice.choice(ZONES))
    await budget.begin(4)
    calls: list[float] = []
    late = []
    for days_ago in (4, 3, 2, 1, 0):
        await budget.open(days_ago)
        start = budget.counter(days_ago).cycle_start_epoch_s
        end = min(start + DAY_S, budget.now_s)
        for _ in range(dice.randint(0, 9)):
            calls.append(dice.uniform(start, end))
            await budget.call(calls[-1])
        if dice.random() < 0.5:
            calls.append(dice.uniform(start, end))
            late.append(await budget.call_that_expires(calls[-1]))
    late = late[: dice.randint(0, len(late))]
    for settlement in late:
        await settle_batch(owner, [settlement])
    for _ in range(3):
        left, carried, day = await budget.left(), await budget.carried(), budget.counter(0).cycle_start_epoch_s
        await budget.move_to(dice.choice(ZONES))
        start = budget.counter(0).cycle_start_epoch_s
        left_out = sum(day <= placed < start for placed in calls)
        assert await budget.carried() <= max(carried, BUDGET * 4)
        if start >= day:
            assert await budget.carried() <= carried
            forgotten = left_out if carried else left_out + len(late)
            assert await budget.left() <= min(left + forgotten, max(left, 0) + BUDGET)
    assert broken(await audit(database_url)) == {}
