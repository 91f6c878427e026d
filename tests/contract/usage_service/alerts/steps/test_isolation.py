"""A source that fails stops no other source. When it succeeds again, it has lost nothing and tells nothing twice."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from tests.contract.usage_service.alerts.sources.conftest import Company, Guard, company, guard, pool
from tests.contract.usage_service.settlement_cases import charge
from usage_service.alerts.sources.source import Found, Source, View
from usage_service.alerts.steps import decisions

__all__ = ["company", "guard", "pool"]

CALL = charge()


class Faults:
    """Makes sources fail."""

    def __init__(self) -> None:
        self.failing: dict[str, Callable[[View], Awaitable[Any]]] = {}

    def wrapped(self, source: Source) -> Source:
        async def find(view: View) -> Found:
            fault = self.failing.get(source.name)
            if fault is not None:
                await fault(view)
            return await source.find(view)

        return replace(source, find=find)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    made = Faults()
    sources = tuple(made.wrapped(source) for source in decisions.ALL_SOURCES)
    monkeypatch.setattr(decisions, "ALL_SOURCES", sources)
    return made


async def bad_sql(view: View) -> None:
    await view.connection.fetch("SELECT 1 / 0")


async def bad_value(_view: View) -> None:
    raise KeyError("whatever the data had")


async def bad_time(view: View) -> None:
    await view.connection.execute("SELECT pg_sleep(30)", timeout=0.2)


async def keys(company: Company, *numbers: int) -> None:
    for number in numbers:
        await company.logged(f"apiKeys/key-{number}", None, {"state": "STATE_ACTIVE"})


async def lagging(company: Company) -> Sequence[str]:
    return [row[0] for row in await company.owner.fetch("SELECT source FROM alert_lags ORDER BY 1")]


async def retry(company: Company) -> None:
    await company.owner.execute("UPDATE alert_lags SET retry_time = now()")
    await company.step()


@pytest.mark.parametrize("fault", [bad_sql, bad_value, bad_time])
async def test_the_others_go_on_while_a_source_fails(
    company: Company, faults: Faults, guard: Guard, fault: Callable[[View], Awaitable[Any]]
) -> None:
    """Seen to tell nothing at all when the step had no savepoints."""
    await company.rule("key.created", "seats.threshold_reached", percents=[100])
    await guard("organization", "acme", seat_limit=3)
    faults.failing["life"] = fault
    await keys(company, 1)
    await company.step(look=True)
    assert await company.told() == ["seats.threshold_reached organization acme 100%"]
    assert (await lagging(company), company.follower.failures["life"]) == (["life"], 1)


@pytest.fixture
def no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of the audit log are passed at once."""
    monkeypatch.setattr("usage_service.alerts.store._ENTRIES_OVERLAP", dt.timedelta())


async def test_what_happened_meanwhile_is_told_once_when_the_source_succeeds(
    company: Company, faults: Faults, no_overlap: None
) -> None:
    """Seen to lose both keys when a source had no position of its own."""
    await company.rule("key.created")
    faults.failing["life"] = bad_sql
    await keys(company, 1)
    await company.step()
    await company.step()
    await keys(company, 2)
    await company.step()
    assert await company.told() == []
    faults.failing.clear()
    await retry(company)
    for _ in range(2):
        await company.step()
    assert (len(await company.told()), await lagging(company)) == (2, [])


async def test_a_budget_that_cannot_be_decided_about_is_told_of_later_with_its_crossing_call(
    company: Company, faults: Faults, guard: Guard
) -> None:
    await guard("member", "mia", budget_nano_credits=10 * CALL)
    await company.rule("budget.threshold_reached", "credit.topped_up", percents=[80, 100])
    await company.step()
    faults.failing["budgets"] = bad_sql
    counter = await company.owner.fetchval("SELECT present_counters('acme', 'member', 'mia')")
    await company.charged(counter, 8)
    await company.step()
    assert (await company.told(), await lagging(company)) == ([], ["budgets"])
    await company.charged(counter, 1)
    await company.step()
    faults.failing.clear()
    await retry(company)
    await company.step()
    assert await company.told() == ["budget.threshold_reached member mia 80%"]
    assert await company.owner.fetchval("SELECT ledger_sequence FROM alert_events") == await company.owner.fetchval(
        "SELECT sequence FROM usage_records ORDER BY sequence OFFSET 7 LIMIT 1"
    )


async def test_a_source_is_asked_again_after_longer_and_longer_pauses(company: Company, faults: Faults) -> None:
    await company.rule("key.created")
    faults.failing["life"] = bad_sql
    await keys(company, 1)
    pauses = []
    for _ in range(3):
        await retry(company)
        pauses.append(
            round(await company.owner.fetchval("SELECT extract(epoch FROM retry_time - now())::float8 FROM alert_lags"))
        )
    assert pauses == [5, 10, 20]
    await company.step()
    assert company.follower.failures["life"] == 3, "it waits for its time"


async def test_a_source_that_no_rule_asks_any_more_lags_no_longer(company: Company, faults: Faults) -> None:
    await company.rule("key.created")
    faults.failing["life"] = bad_sql
    await keys(company, 1)
    await company.step()
    await company.owner.execute("DELETE FROM notification_rules")
    await retry(company)
    assert await lagging(company) == []


async def test_incidents_that_cannot_be_compared_stop_no_source(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise KeyError("whatever an incident had")

    await company.rule("key.created")
    monkeypatch.setattr("usage_service.alerts.incidents.store.Incidents.close", fail)
    await keys(company, 1)
    await company.step()
    assert (len(await company.told()), await lagging(company)) == (1, [])
    assert company.follower.failures["incidents"] == 1


async def test_a_lost_connection_is_no_fault_of_a_source(
    company: Company, faults: Faults, owner: asyncpg.Connection
) -> None:
    await company.rule("key.created")

    async def cut(view: View) -> None:
        pid = await view.connection.fetchval("SELECT pg_backend_pid()")
        await owner.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(0.1)

    faults.failing["life"] = cut
    await keys(company, 1)
    await company.step()
    assert await lagging(company) == []
    faults.failing.clear()
    await company.step()
    assert len(await company.told()) == 1


async def test_a_burst_of_entries_in_the_audit_log_is_told_completely(
    company: Company, monkeypatch: pytest.MonkeyPatch, no_overlap: None
) -> None:
    """Seen to tell of the first entries only, because the position passed those that no step had read."""
    monkeypatch.setattr("usage_service.alerts.sources.life.ENTRIES_PER_STEP", 4)
    monkeypatch.setattr("usage_service.alerts.store.ENTRIES_PER_STEP", 4)
    await company.rule("key.created")
    await keys(company, *range(10))
    for _ in range(4):
        await company.step()
    assert len(await company.told()) == 10
