"""Unconfirmed and doubtful calls are told once a day and provider, and anomalies each once."""

import datetime as dt
import json
import time

import asyncpg

from tests.contract.usage_service.alerts.sources.conftest import Company
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement
from tests.support.usage.histories import expiry
from usage_service.settlement.store import settle_batch

CONTRADICTORY = {"usage": json.dumps({"prompt_tokens": 40, "completion_tokens": 5 * 10**9})}


async def test_calls_whose_report_never_came_are_told_once_a_day(company: Company) -> None:
    await company.rule("usage.unconfirmed", recipient="SUPER_ADMINS")
    for _ in range(2):
        hold = make_hold(counters=(), placed_epoch_us=int(time.time() * 1e6))
        await settle_batch(company.owner, [expiry(make_settlement(hold))])
        await company.step()
    first = await company.owner.fetchval("SELECT hold_id FROM usage_records ORDER BY sequence LIMIT 1")
    data = await company.data()
    assert (data["provider"], data["proof"]["call"]) == ("acme", f"organizations/acme/calls/{first}")
    assert await company.inbox() == ["sue"]


async def test_doubtful_usage_is_told_once_a_day_and_kind(company: Company) -> None:
    await company.rule("usage.doubtful")
    for _ in range(2):
        await company.calls(2, facts=CONTRADICTORY)
        await company.step()
    assert (await company.data())["kinds"] == ["implausible_size"]


async def test_regular_calls_are_not_told(company: Company) -> None:
    await company.rule("usage.doubtful", "usage.unconfirmed")
    await company.calls(2)
    await company.step()
    assert await company.told() == []


async def found(
    owner: asyncpg.Connection, anomaly: str, explained_by: str | None = None, hours_ago: int = 0, days_ago: int = 0
) -> None:
    await owner.execute(
        "INSERT INTO usage_anomalies (organization_id, anomaly_id, scope_kind, scope_id, local_day, granularity, start_time,"
        " end_time, time_zone, group_path, member_id, actual_nano_credits, expected_nano_credits, lowest_usual_nano_credits,"
        " highest_usual_nano_credits, volume_nano_credits, size_nano_credits, price_nano_credits, parts, explained_by,"
        " ledger_sequence, create_time)"
        " VALUES ('acme', $1, 'member', 'mia', $2, 'DAY', now(), now(), 'UTC', '{research}', 'mia', 50, 10, 5, 15, 40, 0, 0, '[]',"
        " $3, 1, now() - make_interval(hours => $4))",
        anomaly, dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days_ago), explained_by, hours_ago,
    )  # fmt: skip


async def test_an_anomaly_is_told_once_to_whom_it_concerns(company: Company) -> None:
    await company.rule("anomaly.found")
    await company.step(look=True)
    await found(company.owner, "a-1")
    await company.step(look=True)
    await company.step(look=True)
    data = await company.data()
    assert (data["anomaly"], data["spentNanoCredits"], data["expectedNanoCredits"]) == (
        "organizations/acme/anomalies/a-1", "50", "10",
    )  # fmt: skip
    assert await company.inbox() == ["mia"]


async def test_anomalies_that_another_explains_or_that_were_found_before_are_not_told(company: Company) -> None:
    await company.rule("anomaly.found")
    await company.step(look=True)
    await found(company.owner, "a-1", hours_ago=1)
    await found(company.owner, "a-2", explained_by="a-1", days_ago=1)
    await company.step(look=True)
    assert await company.told() == []
