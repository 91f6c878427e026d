"""Examines PostgreSQL as a service sees it: reachability, version, schema, rights, encryption and clock."""

import time
from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from admin_service.doctor.findings import Finding, Verdict
from gateway_core.runtime.telemetry.dependencies import CLOCK
from gateway_core.schema.files import SchemaError, load_migrations
from gateway_core.schema.history import COMMAND, missing, read_applied
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import UNAVAILABLE

OLDEST_VERSION: Final = 16
"""The migration sets `scram_iterations`, which earlier versions do not have."""
CLOCK_OFFSET_S: Final = 1.0
_TIMEOUT_S: Final = 5.0
_LOGIN: Final = """
SELECT session_user AS login, rolsuper OR rolcreaterole OR rolbypassrls AS is_mighty,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
       inet_server_addr() IS NULL OR inet_server_addr() << inet '127.0.0.0/8' AS is_local,
       pg_is_in_recovery() AS is_standby, pg_backend_pid() AS process
  FROM pg_roles WHERE rolname = session_user
"""


async def examine_postgres(url: str, role: str) -> list[Finding]:
    """Returns what is found with a service's URL. It writes nothing."""
    try:
        connection = await connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S, statement_cache_size=0)
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        # Only the type of the error: its message may quote a URL with a password.
        return [Finding("postgres", Verdict.FAULT, f"cannot be reached as {role}: {type(error).__name__}")]
    try:
        return [finding async for finding in _examined(connection, role)]
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        return [Finding("postgres", Verdict.FAULT, f"does not answer {role}: {type(error).__name__}")]
    finally:
        connection.terminate()


async def _examined(connection: asyncpg.Connection, role: str) -> AsyncIterator[Finding]:
    version = connection.get_server_version()
    yield _judged(
        "postgres version",
        version.major >= OLDEST_VERSION,
        f"{version.major}.{version.minor}",
        f"{OLDEST_VERSION} or newer",
    )
    login = await connection.fetchrow(_LOGIN)
    if login is None or login["login"] != role:
        yield Finding("postgres login", Verdict.FAULT, f"the URL must log in as {role}")
    elif login["is_mighty"]:
        yield Finding(
            "postgres login", Verdict.FAULT, f"{role} is a superuser, makes roles or passes row security: run {COMMAND}"
        )
    else:
        yield Finding("postgres login", Verdict.OK, f"{role}, without rights beyond its own")
    if login is not None:
        encrypted = login["is_encrypted"] or login["is_local"]
        text = (
            "encrypted, or on this machine"
            if encrypted
            else "not encrypted: add sslmode=verify-full&sslrootcert=FILE to the URL"
        )
        yield Finding("postgres connection", Verdict.OK if encrypted else Verdict.WARNING, text)
        if login["is_standby"]:
            yield Finding(
                "postgres server", Verdict.FAULT, "is a standby, which cannot write: name the primary in the URL"
            )
        if login["process"] != connection.get_server_pid():
            yield Finding(
                "postgres server", Verdict.FAULT,
                "is behind a connection pooler, which loses notifications: name PostgreSQL itself in the URL, and the pooler in"
                " MEGAROUTER_DATABASE_POOLER",
            )  # fmt: skip
    yield await _schema(connection)
    before_s = time.time()
    offset_s = await connection.fetchval(CLOCK) - (before_s + time.time()) / 2
    yield clock_finding("postgres", offset_s)


async def _schema(connection: asyncpg.Connection) -> Finding:
    migrations = load_migrations()
    try:
        applied = await read_applied(connection)
        lacking = missing(applied or {}, migrations)
    except SchemaError as error:
        return Finding("postgres schema", Verdict.FAULT, str(error))
    if lacking:
        return Finding(
            "postgres schema", Verdict.FAULT, f"lacks {len(lacking)} migrations of this release: run {COMMAND}"
        )
    newer = len((applied or {}).keys() - {migration.name for migration in migrations})
    if newer:
        return Finding(
            "postgres schema", Verdict.WARNING, f"has {newer} migrations of a newer release, which this one ignores"
        )
    return Finding("postgres schema", Verdict.OK, migrations[-1].name)


def clock_finding(name: str, offset_s: float) -> Finding:
    """Returns whether a server's clock agrees with the one here."""
    is_right = abs(offset_s) <= CLOCK_OFFSET_S
    advice = "" if is_right else ": set both by NTP"
    return Finding(
        f"{name} clock", Verdict.OK if is_right else Verdict.FAULT, f"{offset_s:+.3f} s from the one here{advice}"
    )


def _judged(subject: str, is_right: bool, text: str, wanted: str) -> Finding:  # noqa: FBT001
    return Finding(
        subject, Verdict.OK if is_right else Verdict.FAULT, text if is_right else f"{text}: {wanted} is needed"
    )
