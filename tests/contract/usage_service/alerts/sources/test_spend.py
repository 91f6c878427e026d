"""Amounts of scopes without a budget, and summaries of weeks and months."""

import datetime as dt

import asyncpg
import pytest

from tests.contract.usage_service.alerts.sources.conftest import Company, Guard, catch_up
from tests.contract.usage_service.settlement_cases import charge

CALL = charge()
TODAY = dt.datetime.now(dt.UTC)


@pytest.mark.parametrize("scope", ["organization:acme", "group:research", "member:mia", "api_key:key-1"])
async def test_an_amount_is_told_once_where_there_is_no_budget(
    company: Company, pool: asyncpg.Pool, scope: str
) -> None:
    await company.key("key-1")
    await company.rule("spend.threshold_reached", scope=scope, amounts=[2 * CALL, 50 * CALL])
    await company.calls(1)
    await catch_up(pool)
    await company.step(look=True)
    assert await company.told() == []
    await company.calls(1)
    await catch_up(pool)
    await company.step(look=True)
    await company.step(look=True)
    assert await company.told() == [f"spend.threshold_reached {scope.replace(':', ' ')} {2 * CALL}"]
    assert (await company.data())["spentNanoCredits"] == str(2 * CALL)


async def test_a_scope_with_a_budget_is_told_by_its_budget_alone(
    company: Company, guard: Guard, pool: asyncpg.Pool
) -> None:
    await company.rule("spend.threshold_reached", scope="member:mia", amounts=[CALL])
    await company.calls(2)
    await guard("member", "mia", budget_nano_credits=100 * CALL)
    await catch_up(pool)
    await company.step(look=True)
    assert await company.told() == []


async def test_new_calls_are_looked_at_within_seconds(company: Company) -> None:
    await company.rule("spend.threshold_reached", amounts=[CALL])
    await company.owner.execute("UPDATE alert_positions SET next_look_time = now() + interval '1 hour'")
    await company.calls(1)
    await company.step()
    assert await company.owner.fetchval("SELECT next_look_time - now() < interval '11 seconds' FROM alert_positions")


@pytest.mark.parametrize(
    ("event_type", "days"), [("summary.weekly", TODAY.weekday() + 1), ("summary.monthly", TODAY.day)]
)
async def test_a_period_that_ended_is_summed_up_once(
    company: Company, pool: asyncpg.Pool, event_type: str, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_service.alerts.sources.spend._LATE_S", 40 * 86_400)
    await company.rule(event_type, recipient="SUPER_ADMINS")
    await company.older_calls(3, days, pool)
    await company.step(look=True)
    await company.step(look=True)
    data = await company.data()
    assert (data["spentNanoCredits"], data["callCount"], data["spentBeforeNanoCredits"]) == (str(3 * CALL), "3", "0")
    assert data["topModels"] == [{"model": "acme-1", "spentNanoCredits": str(3 * CALL)}]
    assert data["topMembers"] == [
        {"name": "organizations/acme/members/mia", "displayName": "Mia", "spentNanoCredits": str(3 * CALL)}
    ]


async def test_a_period_that_ended_before_the_rule_is_history(
    company: Company, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_service.alerts.sources.spend._LATE_S", 40 * 86_400)
    await company.rule("summary.weekly")
    await company.owner.execute("UPDATE notification_rules SET create_time = now()")
    await company.older_calls(3, TODAY.weekday() + 1, pool)
    await company.step(look=True)
    assert await company.told() == []


async def test_a_period_without_calls_has_no_summary(company: Company, pool: asyncpg.Pool) -> None:
    await company.rule("summary.weekly", "summary.monthly")
    await catch_up(pool)
    await company.step(look=True)
    assert await company.told() == []


async def add_choice(
    company: Company, number: int, arm: str, *, simple: bool, baseline: int | None, chosen: int
) -> None:
    """A call of the last month, and what both models cost."""
    await company.owner.execute(
        "INSERT INTO routed_calls (organization_id, hold_id, sequence, virtual_model, revision, arm, reason, is_simple, use_case,"
        " baseline_model, baseline_price_version, chosen_model, chosen_price_version, baseline_nano_credits, chosen_nano_credits,"
        " place_time)"
        " VALUES ('acme', 'hold-' || $1::int, $1, 'auto', 1, $2, 'cheapest', $3, 'auto', 'top', 1, 'light', 1, $4, $5, $6)",
        number, arm, simple, baseline, chosen, TODAY - dt.timedelta(days=TODAY.day),
    )  # fmt: skip


async def test_the_savings_of_a_month_are_told_once_with_what_cost_more(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_service.alerts.sources.savings._LATE_S", 40 * 86_400)
    await company.rule("savings.monthly", recipient="SUPER_ADMINS")
    await add_choice(company, 1, "ROUTED", simple=True, baseline=1_000, chosen=300)
    await add_choice(company, 2, "ROUTED", simple=False, baseline=500, chosen=600)
    await add_choice(company, 3, "BASELINE", simple=False, baseline=700, chosen=700)
    await add_choice(company, 4, "ROUTED", simple=False, baseline=None, chosen=9)
    await add_choice(company, 5, "SHADOW", simple=True, baseline=1_000, chosen=1)
    await add_choice(company, 6, "OVERRIDDEN", simple=True, baseline=1_000, chosen=1)
    await company.step(look=True)
    await company.step(look=True)
    data = await company.data()
    assert (data["savedNanoCredits"], data["baselineNanoCredits"], data["callCount"]) == ("600", "2200", "3")
    assert data["unknownCallCount"] == "1"
    assert data["simple"] == {"savedNanoCredits": "700", "baselineNanoCredits": "1000", "callCount": "1"}
    assert data["complex"] == {"savedNanoCredits": "-100", "baselineNanoCredits": "1200", "callCount": "2"}


async def test_a_month_without_routed_calls_tells_of_no_savings(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage_service.alerts.sources.savings._LATE_S", 40 * 86_400)
    await company.rule("savings.monthly")
    await add_choice(company, 1, "SHADOW", simple=True, baseline=1_000, chosen=1)
    await company.step(look=True)
    assert await company.told() == []
