"""Examines the pooler and the replica of the settings, and whether a URL that names several servers asks for the primary."""

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from admin_service.doctor.findings import Finding, Verdict
from gateway_core.runtime.database_urls.postgres import url_at, urls_of_hosts
from gateway_core.runtime.settings import AdminSettings, DatabaseSettings
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import UNAVAILABLE

_TIMEOUT_S: Final = 5.0
_WANTED: Final = frozenset({"primary", "read-write"})
_PRIMARY: Final = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_REPLICA: Final = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END"


async def examine_places(settings: DatabaseSettings, role: str) -> list[Finding]:
    """Returns what is found where the settings name more than one server. It writes nothing."""
    url = settings.database_url.get_secret_value()
    found = _of_url(url)
    if settings.database_pooler is not None:
        found.append(await _pooler(url_at(url, settings.database_pooler), role))
    if isinstance(settings, AdminSettings) and settings.database_replica is not None:
        found.append(await _replica(url, url_at(url, settings.database_replica)))
    return found


def _of_url(url: str) -> list[Finding]:
    count = len(urls_of_hosts(url))
    if count == 1:
        return []
    wanted = parse_qs(urlsplit(url).query).get("target_session_attrs", [""])[-1]
    if wanted in _WANTED:
        return [Finding("postgres servers", Verdict.OK, f"{count}, of which the primary is used")]
    text = f"{count}, of which any is used: add target_session_attrs=primary to the URL"
    return [Finding("postgres servers", Verdict.FAULT, text)]


async def _pooler(url: str, role: str) -> Finding:
    try:
        login = await _asked(url, "SELECT session_user", statement_cache_size=0)
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        return Finding("postgres pooler", Verdict.FAULT, f"cannot be reached as {role}: {type(error).__name__}")
    if login != role:
        return Finding("postgres pooler", Verdict.FAULT, f"logs in to the server as {login}, which must be {role}")
    return Finding("postgres pooler", Verdict.OK, f"reaches the server as {role}")


async def _replica(primary_url: str, url: str) -> Finding:
    """A replica that is not used is no fault, because the primary answers for it."""
    try:
        replayed = await _asked(url, _REPLICA)
        position = await _asked(primary_url, _PRIMARY)
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        return Finding("postgres replica", Verdict.WARNING, f"cannot be used: {type(error).__name__}")
    if replayed is None:
        return Finding("postgres replica", Verdict.FAULT, "is no standby: name a streaming replica")
    return Finding("postgres replica", Verdict.OK, f"{max(0, int(position - replayed))} bytes behind the primary")


async def _asked(url: str, statement: str, **options: int) -> Any:  # noqa: ANN401 - whatever the statement returns
    connection = await connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S, **options)
    try:
        return await connection.fetchval(statement)
    finally:
        connection.terminate()
