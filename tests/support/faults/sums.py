"""Checks after a fault that the provider's tally, usage records, ledger, spend of every scope and Redis agree."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from redis.exceptions import RedisClusterException, RedisError

from gateway_core.model.catalog.entries import Catalog
from gateway_core.stores.redis.connections import RedisClient, open_redis
from tests.support.books import cost, counted, recorded
from tests.support.data.tenants import CREDIT, Tenant
from usage_service.audit.database import audit_database, open_snapshot
from usage_service.audit.redis_comparison import compare

PAID_IN = 10_000 * CREDIT
AUDIT_GRACE_S = 60
AUDIT_ROWS = 5
REGISTERED_WITHIN_S = 0.3


@dataclass
class Sum:
    """How the calls of one load are recorded."""

    served: int = 0
    """Calls that reached the provider."""
    confirmed: int = 0
    """Records with the provider's token counts."""
    estimated: Counter[str] = field(default_factory=Counter)
    """Records settled by estimate or without charge, by detail."""
    unconfirmed: int = 0
    """Expired holds without a report of the actual usage."""
    corrected: int = 0
    """Expired holds that were corrected to the actual usage."""


async def settled(tenants: Sequence[Tenant], timeout_s: float = 30.0) -> None:
    """Waits until no hold of the tenants is open."""
    organizations = [tenant.organization for tenant in tenants]
    rows: list[asyncpg.Record] = []
    try:
        async with asyncio.timeout(timeout_s):
            while rows := await tenants[0].database.fetch(
                "SELECT hold_id, place_time FROM holds WHERE state = 'HELD' AND organization_id = ANY($1)",
                organizations,
            ):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{len(rows)} holds stay open: {rows[:3]}") from None


async def recorded_calls(database: asyncpg.Pool, request_ids: Sequence[str]) -> int:
    """Returns how many of these calls have a usage record or a correction."""
    return int(
        await database.fetchval(
            "SELECT count(DISTINCT request_id) FROM (SELECT request_id FROM usage_records"
            " UNION ALL SELECT request_id FROM usage_corrections) AS known WHERE request_id = ANY($1)",
            request_ids,
        )
    )


async def books_equal(
    database: asyncpg.Pool, request_ids: Sequence[str], timeout_s: float = 30.0, look_interval_s: float = 0.02
) -> None:
    """Waits until each of these calls has a record. Choose a longer `look_interval_s` for many calls: the query is slow."""
    missing = -1
    try:
        async with asyncio.timeout(timeout_s):
            while missing := len(request_ids) - await _patiently(database, request_ids):
                await asyncio.sleep(look_interval_s)
    except TimeoutError:
        raise AssertionError(f"{missing} of {len(request_ids)} calls have no record") from None


async def _patiently(database: asyncpg.Pool, request_ids: Sequence[str]) -> int:
    """Returns the number of recorded calls, or -1 while PostgreSQL is down."""
    try:
        return await recorded_calls(database, request_ids)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return -1


async def assert_books(
    database: asyncpg.Pool,
    urls: tuple[str, str],
    catalog: Catalog,
    tenants: Sequence[Tenant],
    tally: Callable[[], Awaitable[list[dict[str, Any]]]],
    answered: Sequence[str],
    *,
    lossy: bool = False,
) -> Sum:
    """Asserts everything that must hold when no call is running.

    Args:
        database: of the gateway.
        urls: of PostgreSQL and Redis.
        catalog: the prices.
        tenants: all tenants that made calls.
        tally: returns the provider's calls.
        answered: request ids of the calls whose callers got the whole answer.
        lossy: whether reports were lost, so some holds expire.
    """
    await asyncio.sleep(REGISTERED_WITHIN_S)
    if not lossy:
        await books_equal(database, answered)
    await settled(tenants)
    total = await assert_sum(catalog, tenants, await tally(), answered)
    await assert_counters_equal(urls[1], tenants)
    await run_audit(*urls)
    return total


async def assert_sum(
    catalog: Catalog, tenants: Sequence[Tenant], tally: Iterable[Mapping[str, Any]], answered: Iterable[str]
) -> Sum:
    """Asserts that every call at the provider is recorded exactly once, and that every amount follows from the provider's counts.

    Args:
        catalog: the prices.
        tenants: all tenants that made calls.
        tally: the provider's calls.
        answered: request ids of the calls whose callers got the whole answer. These must not be settled by estimate.
    """
    calls = {call["request_id"]: call for call in tally}
    answered_ids = set(answered)
    assert answered_ids <= calls.keys(), "a caller got an answer to a call that never reached the provider"
    total = Sum(served=len(calls))
    seen: set[str] = set()
    for tenant in tenants:
        corrections = {row["hold_id"]: row for row in await corrections_of(tenant)}
        charged = 0
        for record in await tenant.records():
            record_or_correction = _final_record_of(record, corrections.get(record["hold_id"]), total)
            charged += (record_or_correction or record)["charge_nano_credits"]
            if record_or_correction is None:
                continue  # An expired hold does not name its call yet.
            assert record_or_correction["request_id"] not in seen, "a call was billed twice"
            seen.add(record_or_correction["request_id"])
            _assert_record(catalog, record_or_correction, calls.get(record_or_correction["request_id"]), total)
            if record_or_correction["request_id"] in answered_ids:
                assert record_or_correction["source"] == "provider", record_or_correction
        await _assert_ledger(tenant, charged)
    missing = calls.keys() - seen
    assert len(missing) <= total.unconfirmed, f"{len(missing)} calls have no record: {sorted(missing)[:3]}; {total}"
    return total


def _final_record_of(record: asyncpg.Record, correction: asyncpg.Record | None, total: Sum) -> dict[str, Any] | None:
    """Returns a call's record or its correction, or None for an expired hold without a report."""
    if record["outcome"] != "EXPIRED":
        assert correction is None, "a correction of a hold that had not expired"
        return dict(record)
    assert (record["source"], record["detail"]) == ("estimated", "unconfirmed"), dict(record)
    if correction is None:
        total.unconfirmed += 1
        return None
    total.corrected += 1
    assert correction["delta_nano_credits"] == correction["charge_nano_credits"] - record["charge_nano_credits"]
    return {**record, **correction}


def _assert_record(catalog: Catalog, record: Mapping[str, Any], call: Mapping[str, Any] | None, total: Sum) -> None:
    if record["source"] != "provider":
        total.estimated[record["detail"]] += 1
        if record["outcome"] == "VOIDED":
            assert call is None, "a served call was not charged"
        return
    total.confirmed += 1
    assert call is not None, "a call is recorded that never reached the provider"
    assert recorded(record) == counted(dict(call)), (call, dict(record))
    assert record["charge_nano_credits"] == cost(dict(call), catalog, record["requested_model"]), (call, dict(record))


async def corrections_of(tenant: Tenant) -> list[asyncpg.Record]:
    """Returns the corrections of expired holds."""
    return list(
        await tenant.database.fetch("SELECT * FROM usage_corrections WHERE organization_id = $1", tenant.organization)
    )


async def _assert_ledger(tenant: Tenant, charged: int) -> None:
    """Asserts that the pool, the usage account and the spend of every scope moved by the sum of the records."""
    assert await tenant.balance() == PAID_IN - charged
    rows = await tenant.database.fetch(
        "SELECT account, balance_nano_credits FROM ledger_accounts WHERE organization_id = $1", tenant.organization
    )
    kept = {row["account"]: row["balance_nano_credits"] for row in rows}
    assert (kept["CREDIT_POOL"], kept["USAGE"]) == (PAID_IN - charged, charged)
    # A change of a guardrail starts a new counter, which carries over the spend.
    spend = await tenant.database.fetch(
        "SELECT split_part(counter, ':', 1) || split_part(counter, ':', 2) AS scope, max(settled_nano_credits) AS spent"
        " FROM scope_spend WHERE organization_id = $1 GROUP BY scope HAVING count(*) = 1",
        tenant.organization,
    )
    assert {row["spent"] for row in spend} <= {charged}, (charged, spend)


async def assert_counters_equal(url: str, tenants: Sequence[Tenant], timeout_s: float = 15.0) -> None:
    """Asserts that every counter in Redis equals PostgreSQL and holds nothing. No call may be running.

    An organization that is missing in Redis counts as equal, because its next call seeds it.
    """
    deadline_s = time.monotonic() + timeout_s
    async with open_redis(url, timeout_ms=2_000) as client:
        while different := await _all_differences(client, tenants):
            # Do not cancel the query: the client would take that for a late answer.
            assert time.monotonic() < deadline_s, f"Redis differs: {different[:5]}"
            await asyncio.sleep(0.05)


async def _all_differences(client: RedisClient, tenants: Sequence[Tenant]) -> list[str]:
    try:
        return [text for tenant in tenants for text in await _differences(client, tenant)]
    except (RedisError, RedisClusterException) as error:
        return [type(error).__name__]


async def _differences(client: RedisClient, tenant: Tenant) -> list[str]:
    prefix = f"mr:{{{tenant.organization}}}:"
    pool = await client.hgetall(prefix + "pool")
    if not pool:
        return []
    expected = {"balance": str(await tenant.balance()), "held": "0"}
    found = [
        f"pool {name}: {pool[name]!r} instead of {value}" for name, value in expected.items() if pool[name] != value
    ]
    if holds := await client.hgetall(prefix + "holds"):
        found.append(f"open holds {holds}")
    generation = pool.get("generation")
    rows = await tenant.database.fetch("SELECT * FROM scope_spend WHERE organization_id = $1", tenant.organization)
    for row in rows:
        counter = await client.hgetall(prefix + "c:" + row["counter"])
        # A counter from another generation counts as missing.
        if counter and counter.get("generation") == generation:
            facts = (int(counter["settled"]), counter["held"])
            if facts != (row["settled_nano_credits"], "0"):
                found.append(f"{row['counter']}: {facts} instead of {row['settled_nano_credits']}")
    return found


async def run_audit(database_url: str, redis_url: str) -> None:
    """Asserts that the audit of PostgreSQL and Redis finds no violation."""
    async with open_snapshot(database_url) as connection:
        report = await audit_database(connection, grace_s=AUDIT_GRACE_S, rows_per_check=AUDIT_ROWS)
    async with open_redis(redis_url) as redis:
        findings = [*report.findings, await compare(database_url, redis, rows_per_check=AUDIT_ROWS)]
    breaches = [finding for finding in findings if finding.breach_count]
    assert not breaches, breaches
