"""A call that is open over a whole period of a budget with rollover: the budget bears it twice, and nothing is spent twice."""

import asyncpg
import pytest

from tests.contract.usage_service.carried_budget import BUDGET, CALL, DAY_S, Budget
from tests.contract.usage_service.settlement_cases import make_settlement
from usage_service.settlement.store import settle_batch


@pytest.mark.parametrize("is_open_over_a_period", [False, True])
async def test_what_it_holds_is_not_carried_and_its_charge_counts_on_the_present_period(
    owner: asyncpg.Connection, *, is_open_over_a_period: bool
) -> None:
    budget = Budget(owner, "UTC")
    await budget.begin(2)
    hold = await budget.place(budget.now_s - 2 * DAY_S)
    held = hold.amount_nano_credits / CALL
    if not is_open_over_a_period:
        await settle_batch(owner, [make_settlement(hold)])
    await budget.open(1)
    await budget.open(0)
    if not is_open_over_a_period:
        assert await budget.left() == 3 * BUDGET - 1
        return
    assert await budget.left() == 3 * BUDGET - held
    await settle_batch(owner, [make_settlement(hold)])
    assert await budget.left() == 3 * BUDGET - held - 1
