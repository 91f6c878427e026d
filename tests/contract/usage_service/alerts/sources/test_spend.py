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
