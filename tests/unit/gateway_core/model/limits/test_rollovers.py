"""What is carried into a period, from its base and what the period before used."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.limits.cycles import Cycle, period_at, period_before
from gateway_core.model.limits.rollovers import Carry, Rollover, rollover_of
from gateway_core.model.limits.soft_budgets import PercentOfBudget, SoftBudget, threshold_of

amounts = st.integers(0, 2**63 - 1)


@given(base=amounts, cap=amounts, used=amounts)
def test_a_carry_is_within_its_cap_and_never_more_than_what_was_left(base: int, cap: int, used: int) -> None:
    carried = Carry(base, cap).carried(used)
    assert 0 <= carried <= cap
    assert carried <= max(0, base - used)
    assert carried in {0, cap, base - used}


@given(budgets=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 200)), min_size=1), cap=st.integers(0, 100))
def test_periods_never_spend_more_together_than_their_budgets(budgets: list[tuple[int, int]], cap: int) -> None:
    carried = spent = 0
    for budget, wanted in budgets:
        used = min(wanted, budget + carried)
        spent += used
        carried = Carry(budget + carried, cap).carried(used)
    assert spent <= sum(budget for budget, _ in budgets)


@pytest.mark.parametrize("rollover", [Rollover(), Rollover(5)])
def test_a_stored_rollover_is_read_as_it_was(rollover: Rollover) -> None:
    assert rollover_of(rollover.stored()) == rollover


def test_without_a_cap_one_budget_is_carried() -> None:
    assert (Rollover().most(7), Rollover(3).most(7)) == (7, 3)


def test_a_threshold_in_percent_counts_what_is_carried_and_one_in_credits_does_not() -> None:
    assert threshold_of(SoftBudget(percent=50), 7, carries_over=True) == PercentOfBudget(50, 7)
    assert PercentOfBudget(50, 7).threshold(2) == 5
    assert threshold_of(SoftBudget(percent=50), 7, carries_over=False) == 4
    assert threshold_of(SoftBudget(amount_nano_credits=3), 7, carries_over=True) == 3
    assert threshold_of(None, 7, carries_over=True) is None


@given(
    instant=st.integers(0, 2**32),
    cycle=st.sampled_from([Cycle.DAILY, Cycle.WEEKLY, Cycle.MONTHLY]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/Havana", "Australia/Lord_Howe"]),
)
def test_the_period_before_ends_where_the_present_one_starts(instant: int, cycle: Cycle, zone: str) -> None:
    start = period_at(cycle, ZoneInfo(zone), instant).start_epoch_s
    assert period_before(cycle, ZoneInfo(zone), start).end_epoch_s == start
