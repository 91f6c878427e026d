"""Creates correct accounting data, which tests audit and corrupt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg

from gateway_core.model.ledger.transfers import adjustment, refund
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.usage_service.settlement_cases import (
    SCHEDULE,
    make_hold,
    make_report,
    make_settlement,
    prepare,
    register,
)
from usage_service.audit.check import Finding
from usage_service.audit.database import Report, audit_database, open_snapshot
from usage_service.settlement.charge_decision import CallReport, ExpiredHoldPolicy, expire
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

FAR_EPOCH_US = 4_000_000_000_000_000


def expiry(settlement: Settlement) -> Settlement:
    """Returns the expiry of a hold without a report."""
    report: CallReport = replace(make_report(settlement.hold), facts={}, http_status=0, request_id="")
    return Settlement(settlement.hold, report, expire(settlement.hold, ExpiredHoldPolicy.CHARGE_HOLD, SCHEDULE))


async def keep_books(owner: asyncpg.Connection) -> None:
    """Creates two organizations with every kind of record.

    There are settled, voided, expired, corrected and open holds, a call beyond its hold, a budget whose cycle changed, an
    adjustment and a refund.
    """
    await prepare(owner, "acme", "other")
    settled = [make_settlement() for _ in range(3)]
    beyond = make_settlement(input_tokens=100, output_tokens=60)
    voided = make_settlement(facts={}, http_status=429, upstream_host=None, flags=frozenset({"RL"}))
    lost, found = make_settlement(), make_settlement()
    await register(owner, *(entry.hold for entry in (*settled, beyond, voided, lost, found)))
    await settle_batch(owner, [*settled, beyond, voided, make_settlement(make_hold("other"))])
    await settle_batch(owner, [expiry(lost), expiry(found)])
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', 'group', 'vision', 'NEVER'),"
        " ('acme', 'organization', 'acme', 'NEVER'), ('acme', 'member', 'mia', 'NEVER'), ('acme', 'api_key', 'key-1', 'NEVER')"
    )
    await settle_batch(owner, [found])
    await settle_batch(owner, [make_settlement()])
    await register(owner, make_hold(expires_epoch_us=FAR_EPOCH_US))
    words = {"actor": "users/test", "reason": "test"}
    await post_transfers(
        owner, "acme", [adjustment(-5, idempotency_key="a", **words), refund(7, idempotency_key="r", **words)]
    )


async def audit(database_url: str, *, rows: int = 20) -> Report:
    async with open_snapshot(database_url) as connection:
        return await audit_database(connection, grace_s=60, rows_per_check=rows)


def broken(report: Report) -> dict[str, Finding]:
    """Returns the violations that the audit reports, by the name of the check."""
    return {finding.name: finding for finding in report.findings if finding.breach_count}


@asynccontextmanager
async def unguarded(owner: asyncpg.Connection) -> AsyncIterator[None]:
    """Disables triggers and foreign keys, as an attacker with control of the server could."""
    await owner.execute("SET session_replication_role = replica")
    yield
    await owner.execute("SET session_replication_role = origin")
