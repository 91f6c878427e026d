"""Holds without a report expire by policy. A late report replaces the estimate by the exact charge (INV-06, faults B4, C6)."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from gateway_core.model.calls.holds import Hold
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.redis.keys import counter_key
from tests.contract.usage_service.service_runs import (
    START_BALANCE,
    append,
    message,
    numbers,
    place,
    pool_of,
    running,
    until,
    until_offset,
    until_pool,
)
from tests.contract.usage_service.settlement_cases import (
    INPUT_PRICE,
    SCHEDULE,
    breaches,
    charge,
    make_hold,
    make_report,
    make_settlement,
    prepare,
    register,
    the_row,
)
from usage_service.settlement.charge_decision import CallReport, ExpiredHoldPolicy, expire
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch
from usage_service.stream import UsageService

PAST = 1_780_007_200_123_456
POLICIES = [
    pytest.param("CHARGE_HOLD", charge(100, 50), id="all it held"),
    pytest.param("CHARGE_INPUT", 100 * INPUT_PRICE, id="its input"),
    pytest.param("RELEASE", 0, id="nothing"),
]
LATE_USAGES = [
    pytest.param({"input_tokens": 400, "output_tokens": 200}, charge(400, 200), id="dearer"),
    pytest.param({"input_tokens": 1, "output_tokens": 0}, charge(1, 0), id="cheaper"),
    pytest.param({"input_tokens": 100, "output_tokens": 50}, charge(100, 50), id="equal to the hold"),
    pytest.param({"facts": {}, "http_status": 429, "upstream_host": None}, 0, id="never called"),
]


def expired_hold() -> Hold:
    return make_hold(expires_epoch_us=PAST)


async def set_policy(owner: asyncpg.Connection, policy: str) -> None:
    await owner.execute("UPDATE organizations SET expired_hold_policy = $1", policy)


@pytest.fixture
def settings(settings: UsageSettings) -> UsageSettings:
    return settings.model_copy(update={"sweep_interval_ms": 20})


async def until_expired(service: UsageService, count: int) -> None:
    await until(lambda: service.counts.expired == count)


async def expect_spend(owner: asyncpg.Connection, redis: Redis, hold: Hold, spent: int, calls: int = 1) -> None:
    """Asserts that balance, spend and Redis agree."""
    balance = await owner.fetchval("SELECT balance_nano_credits FROM ledger_accounts WHERE account = 'CREDIT_POOL'")
    assert balance == START_BALANCE - spent
    rows = await owner.fetch("SELECT settled_nano_credits, call_count FROM scope_spend")
    assert {tuple(row) for row in rows} == {(spent, calls)}
    head = await owner.fetchval("SELECT sequence FROM ledger_heads")
    await until_pool(redis, (START_BALANCE - spent, 0, head))
    for counter in hold.claims.counters:
        assert await numbers(redis, counter_key("acme", counter.encode()), "settled", "held") == [spent, 0]
    assert await breaches(owner) == []


@pytest.mark.parametrize(("policy", "cost"), POLICIES)
async def test_a_hold_without_a_report_expires_by_the_policy_of_its_organization(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings, policy: str, cost: int
) -> None:
    await prepare(owner)
    await set_policy(owner, policy)
    hold = expired_hold()
    await register(owner, hold)
    await place(redis, hold)
    async with running(settings) as service:
        await until_expired(service, 1)
        await expect_spend(owner, redis, hold, cost)
    record = await the_row(owner, "SELECT outcome, source, detail, charge_nano_credits FROM usage_records")
    assert record == {"outcome": "EXPIRED", "source": "estimated", "detail": "unconfirmed", "charge_nano_credits": cost}
    assert await owner.fetchval("SELECT state FROM holds") == "EXPIRED"


async def test_a_hold_that_has_not_expired_stays(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    await register(owner, make_hold(), expired_hold())
    async with running(settings) as service:
        await until_expired(service, 1)
        await asyncio.sleep(0.1)
    assert sorted(row[0] for row in await owner.fetch("SELECT state FROM holds")) == ["EXPIRED", "HELD"]


@pytest.mark.parametrize("way", ["stream", "journal"])
@pytest.mark.parametrize(("policy", "_cost"), POLICIES)
@pytest.mark.parametrize(("usage", "actual"), LATE_USAGES)
async def test_a_report_after_expiry_corrects_the_charge_exactly_once(
    owner: asyncpg.Connection,
    redis: Redis,
    settings: UsageSettings,
    journal: Path,
    policy: str,
    _cost: int,
    usage: dict[str, Any],
    actual: int,
    way: str,
) -> None:
    """Seen to fail without corrections (the report of an expired hold counted as a contradiction)."""
    await prepare(owner)
    await set_policy(owner, policy)
    hold = expired_hold()
    await register(owner, hold)
    await place(redis, hold)
    report = make_report(hold, **usage)
    async with running(settings) as service:
        await until_expired(service, 1)
        for _ in range(2):
            await tell(service, owner, journal, way, report)
        await until(lambda: service.counts.corrected == 1)
        await expect_spend(owner, redis, hold, actual, calls=int("http_status" not in usage))
    correction = await the_row(owner, "SELECT charge_nano_credits, outcome FROM usage_corrections")
    assert correction == {"charge_nano_credits": actual, "outcome": "VOIDED" if "http_status" in usage else "SETTLED"}
    assert await owner.fetchval("SELECT outcome FROM usage_records") == "EXPIRED"
    assert await owner.fetchval("SELECT count(*) FROM usage_discrepancies") == 0


async def tell(service: UsageService, owner: asyncpg.Connection, journal: Path, way: str, report: CallReport) -> None:
    if way == "stream":
        seen = service.counts.corrected + service.counts.repeated
        await service.take(message(report))
        await until(lambda: service.counts.corrected + service.counts.repeated > seen)
    else:
        append(journal, [report])
        await until_offset(owner, journal)


async def test_a_second_late_report_with_other_usage_is_a_discrepancy(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    hold = expired_hold()
    await register(owner, hold)
    async with running(settings) as service:
        await until_expired(service, 1)
        await service.take(message(make_report(hold), make_report(hold, output_tokens=21)))
        await until(lambda: service.counts.discrepancies == 1)
    assert await owner.fetchval("SELECT charge_nano_credits FROM usage_corrections") == charge()
    assert await breaches(owner) == []


async def test_a_correction_refers_to_the_corrected_charge(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    hold = expired_hold()
    await register(owner, hold)
    async with running(settings) as service:
        await until_expired(service, 1)
        await service.take(message(make_report(hold)))
        await until(lambda: service.counts.corrected == 1)
    row = await the_row(
        owner,
        "SELECT c.debit_account, c.amount_nano_credits, t.kind, t.hold_id FROM ledger_transfers c"
        " JOIN ledger_transfers t ON t.organization_id = c.organization_id AND t.sequence = c.corrects_sequence"
        " WHERE c.kind = 'CORRECTION'",
    )
    assert row == {
        "debit_account": "USAGE",
        "amount_nano_credits": hold.amount_nano_credits - charge(),
        "kind": "USAGE",
        "hold_id": hold.hold_id,
    }


async def test_redis_follows_a_correction_without_a_notification(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    """Seen to fail when the ledger's events omit corrections."""
    await prepare(owner)
    hold = make_hold()
    await place(redis, hold)
    await settle_batch(owner, [expiry_of(hold)])
    await settle_batch(owner, [make_settlement(hold)])
    async with running(settings):
        await expect_spend(owner, redis, hold, charge())


async def test_an_expiry_after_the_settlement_changes_nothing(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    settlement = make_settlement(expired_hold())
    await settle_batch(owner, [settlement])
    result = await settle_batch(owner, [expiry_of(settlement.hold)])
    assert (result.recorded, result.discrepancy_count) == ((), 0)
    assert await breaches(owner) == []


def expiry_of(hold: Hold) -> Settlement:
    return Settlement(hold, make_report(hold, facts={}), expire(hold, ExpiredHoldPolicy.CHARGE_HOLD, SCHEDULE))


async def test_three_concurrent_sweepers_expire_every_hold_once(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings, tmp_path: Path
) -> None:
    await prepare(owner, "acme", "beta", "gamma")
    holds = [make_hold(name, expires_epoch_us=PAST) for name in ("acme", "beta", "gamma") for _ in range(100)]
    await register(owner, *holds)
    await place(redis, *holds[:100])
    small = settings.model_copy(update={"sweep_batch_entries": 7})
    others = [small.model_copy(update={"journal_file": tmp_path / f"{number}.log"}) for number in range(2)]
    async with running(small) as first, running(others[0]) as second, running(others[1]) as third:
        await until(lambda: sum(service.counts.expired for service in (first, second, third)) == 300, timeout_s=30)
        await until_pool(redis, (START_BALANCE - 100 * charge(100, 50), 0, 101))
    assert await owner.fetchval("SELECT count(*) FROM usage_records WHERE outcome = 'EXPIRED'") == 300
    assert await breaches(owner) == []


async def test_concurrent_sweepers_and_late_reports_keep_the_accounting_correct(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    holds = [expired_hold() for _ in range(200)]
    await register(owner, *holds)
    small = settings.model_copy(update={"sweep_batch_entries": 9, "settle_batch_entries": 11})
    async with running(small) as service:
        await service.take(message(*(make_report(hold) for hold in holds)))
        await until(lambda: service.counts.settled + service.counts.corrected == 200)
        assert service.counts.expired == service.counts.corrected
    spent = await owner.fetchval("SELECT balance_nano_credits FROM ledger_accounts WHERE account = 'USAGE'")
    assert spent == 200 * charge()
    assert await breaches(owner) == []


async def test_nothing_expires_before_the_journal_is_replayed(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings, journal: Path
) -> None:
    """The journal may contain the actual usage. Seen to fail with a sweeper that does not wait: most holds expired first."""
    await prepare(owner)
    holds = [expired_hold() for _ in range(1_000)]
    await register(owner, *holds)
    await place(redis, *holds)
    append(journal, [make_report(hold) for hold in holds])
    slow = settings.model_copy(update={"settle_batch_entries": 20})
    async with running(slow) as service:
        await until(lambda: service.counts.settled == 1_000, timeout_s=30)
        await until_pool(redis, (START_BALANCE - 1_000 * charge(), 0, 1_001))
        assert (service.counts.expired, service.counts.corrected) == (0, 0)
    assert await pool_of(redis) == (START_BALANCE - 1_000 * charge(), 0, 1_001)


async def test_an_unreadable_hold_does_not_stop_the_others(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    foreign, unpriced, good = expired_hold(), make_hold(expires_epoch_us=PAST - 1, price_version=99), expired_hold()
    await register(owner, foreign, unpriced, good)
    await owner.execute(
        "UPDATE holds SET token = 'v1.e30.x', expire_time = 'epoch' WHERE hold_id = $1", foreign.hold_id
    )
    async with running(settings.model_copy(update={"sweep_batch_entries": 1})) as service:
        await until_expired(service, 1)
    assert await owner.fetchval("SELECT count(*) FROM holds WHERE state = 'HELD'") == 2


async def test_a_new_period_starts_with_the_corrected_spend(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    """A changed cycle carries over the actual spend. Seen to fail without corrections in the sum."""
    await prepare(owner)
    hold = expired_hold()
    await register(owner, hold)
    async with running(settings) as service:
        await until_expired(service, 1)
        await service.take(message(make_report(hold)))
        await until(lambda: service.counts.corrected == 1)
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits) VALUES ('acme', 'member', 'mia', 1)"
    )
    spent = await owner.fetchval("SELECT settled_nano_credits FROM scope_spend WHERE counter LIKE 'member:mia:NEVER:%'")
    assert spent == charge()
