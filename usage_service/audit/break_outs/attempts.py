"""Tries to break out of each service's role, with its own login, on the audited database."""

import time
from collections.abc import Mapping
from typing import Final

import asyncpg

from gateway_core.schema.logins import SERVICE_URLS
from usage_service.audit.break_outs.cases import ATTEMPTS, RETURNS, Attempt, Return
from usage_service.audit.check import Breach, Finding

_CONNECT_TIMEOUT_S: Final = 10
_SETTINGS: Final = {"application_name": "megarouter audit", "lock_timeout": "2s", "statement_timeout": "10s"}

_NAME: Final = "no-break-out"
_INVARIANTS: Final = "INV-02 INV-12"
_PROMISE: Final = (
    "each service's URL logs in as its role, and PostgreSQL refuses every attempt to do more than the role may"
)


async def try_break_outs(environment: Mapping[str, str], rows_per_check: int) -> Finding | None:
    """Makes every attempt with each service's URL in the environment. Changes nothing.

    Errors of asyncpg pass through, because a failed login or a locked table proves nothing.

    Returns:
        The attempts that succeeded; None if no URL is set.
    """
    started = time.monotonic()
    urls = {role: environment[variable] for role, variable in SERVICE_URLS.items() if environment.get(variable)}
    if not urls:
        return None
    breaches = [breach for role, url in urls.items() for breach in await _breaches(role, url)]
    return Finding(
        _NAME,
        _INVARIANTS,
        _PROMISE,
        examined=sum(len(ATTEMPTS[role]) + len(RETURNS) for role in urls),
        breach_count=len(breaches),
        breaches=tuple(breaches[:rows_per_check]),
        duration_s=time.monotonic() - started,
    )


async def _breaches(role: str, url: str) -> list[Breach]:
    connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S, server_settings=_SETTINGS)
    try:
        login = await connection.fetchval("SELECT session_user")
        if login != role:
            return [Breach(None, f"role {role}", f"its service logs in as {login}")]
        owner = await connection.fetchval(
            "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = 'schema_migrations'::regclass"
        )
        faults = [await fault_of_return(connection, role, back) for back in RETURNS]
        faults += [await fault_of_attempt(connection, attempt, owner) for attempt in ATTEMPTS[role]]
    finally:
        await connection.close()
    return [Breach(None, f"role {role}", fault) for fault in faults if fault]


async def fault_of_return(connection: asyncpg.Connection, role: str, back: Return) -> str | None:
    """Returns what the session became after the statement; None if its role is unchanged."""
    await connection.execute(back.statement)
    became = await connection.fetchval(
        "SELECT current_user || CASE current_setting('is_superuser') WHEN 'on' THEN ', a superuser' ELSE '' END"
    )
    if became != role:
        return f"could {back.name} and became {became}"
    return None


async def fault_of_attempt(connection: asyncpg.Connection, attempt: Attempt, owner: str) -> str | None:
    """Makes an attempt in a transaction that is rolled back.

    Returns:
        The fault; None if PostgreSQL refused the attempt for lack of a right.

    Raises:
        asyncpg.LockNotAvailableError: another session held a lock, which proves nothing.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(attempt.statement.format(owner=owner))
    except asyncpg.InsufficientPrivilegeError:
        return None
    except asyncpg.LockNotAvailableError:
        raise
    except asyncpg.PostgresError as error:
        return f"could {attempt.name}, but for an unrelated {type(error).__name__}"
    else:
        return f"could {attempt.name}"
    finally:
        await transaction.rollback()
