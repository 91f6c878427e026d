"""Runs the checks on one connection, in one read-only snapshot, with read rights only."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.schema.logins import AUDIT_ROLE
from gateway_core.stores.postgres.connecting.hosts import connect
from usage_service.audit.check import Breach, Check, Finding
from usage_service.audit.credit_checks import CREDIT_HAS_AUTHORITY, CREDIT_LINE_GUARD
from usage_service.audit.figures import Figures, read_figures
from usage_service.audit.guard_checks import GUARD_CHECKS
from usage_service.audit.ledger_checks import LEDGER_CHECKS
from usage_service.audit.rights_checks import LEAST_RIGHTS, ROLES_CONFINED
from usage_service.audit.rollup_checks import ROLLUP_CHECKS
from usage_service.audit.standing_checks import STANDING_CHECKS
from usage_service.audit.usage_checks import USAGE_CHECKS

ROLE: Final = AUDIT_ROLE
CHECKS: Final = (
    *LEDGER_CHECKS,
    CREDIT_HAS_AUTHORITY,
    *USAGE_CHECKS,
    *ROLLUP_CHECKS,
    *STANDING_CHECKS,
    *GUARD_CHECKS,
    CREDIT_LINE_GUARD,
    LEAST_RIGHTS,
    ROLES_CONFINED,
)

_CONNECT_TIMEOUT_S: Final = 10
_SETTINGS: Final = {
    "role": ROLE,
    "application_name": ROLE,
    "default_transaction_read_only": "on",
    # Fail fast instead of waiting for a migration that is under way.
    "lock_timeout": "2s",
    "statement_timeout": "10min",
    "work_mem": "64MB",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that an audit found in the database."""

    findings: tuple[Finding, ...]
    figures: Figures
    duration_s: float


@asynccontextmanager
async def open_snapshot(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Opens a connection in one read-only snapshot. It takes no lock that keeps a service from reading or writing."""
    connection = await connect(database_url, timeout=_CONNECT_TIMEOUT_S, server_settings=_SETTINGS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()


async def audit_database(connection: asyncpg.Connection, *, grace_s: int, rows_per_check: int) -> Report:
    """Runs every check.

    Args:
        connection: a connection in its snapshot (`open_snapshot`).
        grace_s: how many seconds a hold may stay open after its expiry.
        rows_per_check: how many breaches to return for each check.
    """
    started = time.monotonic()
    await connection.execute("SELECT set_config('megarouter.audit_grace', $1, true)", f"{grace_s} seconds")
    sizes = await _sizes(connection)
    findings = [await _run(connection, check, sizes, rows_per_check) for check in CHECKS]
    figures = await read_figures(connection)
    return Report(tuple(findings), figures, time.monotonic() - started)


async def _sizes(connection: asyncpg.Connection) -> dict[str, int]:
    tables = sorted({table for check in CHECKS for table in check.tables})
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608 - our names


async def _run(connection: asyncpg.Connection, check: Check, sizes: dict[str, int], limit: int) -> Finding:
    started = time.monotonic()
    rows = await connection.fetch(
        f"SELECT breach.*, count(*) OVER () FROM ({check.query}) AS breach (organization, row, fault) LIMIT $1",  # noqa: S608
        limit,
    )
    return Finding(
        check.name,
        check.invariants,
        check.promise,
        examined=sum(sizes[table] for table in check.tables),
        breach_count=rows[0][3] if rows else 0,
        breaches=tuple(Breach(row[0], row[1], row[2]) for row in rows),
        duration_s=time.monotonic() - started,
    )
