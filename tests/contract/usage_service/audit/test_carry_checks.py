"""The audit recomputes what budgets carried over, and names a carry that is not what was left."""

import asyncpg
import pytest

from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.carried_budget import CALL, DAY_S, Budget
from usage_service.settlement.store import settle_batch

CHECK = "carries-are-recomputed"


@pytest.fixture
async def budget(owner: asyncpg.Connection) -> Budget:
    """A budget of five calls a day, three of which were made on the day before yesterday. Before it, two days were idle."""
    budget = Budget(owner, "UTC")
    await budget.begin(5)
    for _ in range(2):
        await budget.call(budget.now_s - 5 * DAY_S)
    await budget.open(2)
    for _ in range(3):
        await budget.call(budget.now_s - 2 * DAY_S)
    await budget.open(1)
    await budget.open(0)
    assert await budget.carried() == 20
    return budget


async def test_periods_that_began_with_what_was_left_are_right(budget: Budget, database_url: str) -> None:
    finding = next(found for found in (await audit(database_url)).findings if found.name == CHECK)
    assert (finding.breach_count, finding.examined) == (0, 4)


async def test_what_settles_later_does_not_change_what_a_period_began_with(
    owner: asyncpg.Connection, budget: Budget, database_url: str
) -> None:
    for days_ago in (0, 1, 2, 5):
        await settle_batch(owner, [await budget.call_that_expires(budget.now_s - days_ago * DAY_S)])
    assert broken(await audit(database_url)) == {}


async def test_an_open_call_may_count_or_not(owner: asyncpg.Connection, database_url: str) -> None:
    """Its hold may have reached the table only after the next period began."""
    budget = Budget(owner, "UTC")
    await budget.begin(2)
    await budget.open(1)
    await budget.place(budget.now_s - 2 * DAY_S)
    await budget.open(0)
    assert broken(await audit(database_url)) == {}
    await owner.execute(
        "UPDATE budget_carries SET base_nano_credits = base_nano_credits + $1 WHERE counter = $2",
        CALL, budget.counter(0).encode(),
    )  # fmt: skip
    assert broken(await audit(database_url)) == {}


@pytest.mark.parametrize("days_ago", [0, 1, 2, 5])
async def test_a_carry_of_more_than_was_left_is_reported(
    owner: asyncpg.Connection, budget: Budget, database_url: str, days_ago: int
) -> None:
    counter = budget.counter(days_ago).encode()
    await owner.execute(
        "UPDATE budget_carries SET base_nano_credits = base_nano_credits + 1 WHERE counter = $1", counter
    )
    found = broken(await audit(database_url))[CHECK]
    assert counter in {breach.row.removeprefix("counter ") for breach in found.breaches}


async def test_a_carry_of_less_than_was_left_is_reported(
    owner: asyncpg.Connection, budget: Budget, database_url: str
) -> None:
    counter = budget.counter(1).encode()
    await owner.execute(
        "UPDATE budget_carries SET base_nano_credits = base_nano_credits - 1 WHERE counter = $1", counter
    )
    assert CHECK in broken(await audit(database_url))


@pytest.mark.parametrize("more", [0, 1])
async def test_a_change_of_zone_keeps_at_most_what_was_carried(
    owner: asyncpg.Connection, budget: Budget, database_url: str, more: int
) -> None:
    await budget.move_to("Etc/GMT-1")
    await owner.execute(
        "UPDATE budget_carries SET base_nano_credits = (SELECT max(cap_nano_credits) FROM budget_carries) + $1 WHERE revision = $2",
        more, budget.revision,
    )  # fmt: skip
    assert (CHECK in broken(await audit(database_url))) == bool(more)
