"""A budget that begins anew is told where a threshold of it had been told, and its states are forgotten."""

import datetime as dt
import time
from zoneinfo import ZoneInfo

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.usage_service.alerts.sources.conftest import Company, Guard
from tests.contract.usage_service.settlement_cases import charge, make_hold, make_settlement
from usage_service.settlement.store import settle_batch

CALL = charge()
EVENTS = ("budget.threshold_reached", "budget.reset")


async def use_up(company: Company, guard: Guard, cycle: str = "DAILY") -> None:
    await guard("member", "mia", budget_nano_credits=CALL, cycle=cycle)
    revision = await company.owner.fetchval("SELECT cycle_revision FROM guardrails")
    start = period_at(Cycle(cycle), ZoneInfo("UTC"), time.time()).start_epoch_s
    hold = make_hold(
        counters=(Counter(ScopeKind.MEMBER, "mia", Cycle(cycle), start, revision),),
        placed_epoch_us=int(time.time() * 1e6),
    )
    await settle_batch(company.owner, [make_settlement(hold)])
    await company.step()


async def day_passes(company: Company) -> None:
    """Makes the counters those of yesterday, as tomorrow sees them."""
    today = period_at(Cycle.DAILY, ZoneInfo("UTC"), time.time()).start_epoch_s
    for table, column in (("alert_states", "occasion"), ("alert_events", "occasion"), ("scope_spend", "counter")):
        await company.owner.execute(
            f"UPDATE {table} SET {column} = replace({column}, $1, $2)", str(today), str(today - 86_400)  # noqa: S608
        )  # fmt: skip


async def states(company: Company) -> int:
    return int(await company.owner.fetchval("SELECT count(*) FROM alert_states"))


async def test_a_new_period_is_told_once_and_the_states_of_the_old_one_are_forgotten(
    company: Company, guard: Guard
) -> None:
    await company.rule(*EVENTS, percents=[80, 100])
    await use_up(company, guard)
    await day_passes(company)
    await company.step(look=True)
    await company.step(look=True)
    assert await company.told() == ["budget.threshold_reached member mia 100%", "budget.reset member mia reset"]
    assert await states(company) == 0
    start = await company.owner.fetchval(
        "SELECT data -> 'budget' ->> 'periodStartTime' FROM alert_events WHERE threshold = 'reset'"
    )
    assert start[:10] == dt.datetime.now(dt.UTC).date().isoformat()


async def test_a_reset_by_an_admin_is_told_within_seconds(company: Company, guard: Guard) -> None:
    await company.rule(*EVENTS, percents=[100])
    await use_up(company, guard, "NEVER")
    await company.owner.execute("UPDATE guardrails SET reset_time = now(), update_time = now()")
    await company.owner.execute("UPDATE alert_positions SET next_look_time = now() + interval '1 hour'")
    await company.step()
    assert await company.owner.fetchval("SELECT next_look_time - now() < interval '6 seconds' FROM alert_positions")
    await company.step(look=True)
    assert await company.told() == ["budget.threshold_reached member mia 100%", "budget.reset member mia reset"]


async def test_a_rule_of_resets_alone_hears_of_them(company: Company, guard: Guard) -> None:
    await company.rule("budget.reset", percents=[100])
    await use_up(company, guard)
    await day_passes(company)
    await company.step(look=True)
    assert await company.told() == ["budget.reset member mia reset"]


async def test_a_budget_that_reached_no_threshold_begins_anew_in_silence(company: Company, guard: Guard) -> None:
    await company.rule(*EVENTS, percents=[200])
    await use_up(company, guard)
    await day_passes(company)
    await company.step(look=True)
    assert await company.told() == []


async def test_a_budget_that_had_recovered_starts_over_in_silence(company: Company, guard: Guard) -> None:
    await company.rule(*EVENTS, percents=[100])
    await use_up(company, guard)
    await guard("member", "mia", budget_nano_credits=100 * CALL)
    await company.step()
    await day_passes(company)
    await company.step(look=True)
    assert await company.told() == ["budget.threshold_reached member mia 100%"]
    assert await states(company) == 0


async def test_the_states_of_a_deleted_rule_and_of_a_removed_guardrail_are_forgotten(
    company: Company, guard: Guard
) -> None:
    await company.rule(*EVENTS, percents=[100])
    await company.rule(*EVENTS, percents=[100])
    await use_up(company, guard)
    assert await states(company) == 2
    await company.owner.execute("DELETE FROM notification_rules WHERE rule_id = 'r-0'")
    await company.step(look=True)
    assert await states(company) == 1
    await company.owner.execute("DELETE FROM guardrails")
    await company.step(look=True)
    assert await states(company) == 0


async def test_the_states_of_a_running_period_stay(company: Company, guard: Guard) -> None:
    await company.rule(*EVENTS, percents=[100])
    await use_up(company, guard)
    await company.step(look=True)
    assert await states(company) == 1
