"""Examines the pooler and the replica of the settings, and each of several servers that a URL names."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from admin_service.doctor.certificates import POSTGRES, examine_certificates
from admin_service.doctor.findings import Finding, Verdict
from gateway_core.runtime.database_urls.postgres import url_at
from gateway_core.runtime.settings import AdminSettings, DatabaseSettings
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import UNAVAILABLE

_TIMEOUT_S: Final = 5.0
_WANTED: Final = frozenset({"primary", "read-write"})
_PRIMARY: Final = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_REPLAYED: Final = "SELECT pg_last_wal_replay_lsn() - '0/0'"
_SERVER: Final = "SELECT system_identifier FROM pg_control_system()"
_REPLICA: Final = f"SELECT pg_is_in_recovery(), ({_SERVER}), current_setting('hot_standby_feedback')"
_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Server:
    """One of the servers that a URL names."""

    finding: Finding
    is_primary: bool


async def examine_places(settings: DatabaseSettings, role: str) -> list[Finding]:
    """Returns what is found where the settings name more than one server. It writes nothing."""
    url = settings.database_url.get_secret_value()
    found = await _of_url(url)
    if settings.database_pooler is not None:
        found.append(await _pooler(url_at(url, settings.database_pooler), role))
        found += _certificates("postgres pooler", url, settings.database_pooler)
    if isinstance(settings, AdminSettings) and settings.database_replica is not None:
        replica = url_at(url, settings.database_replica)
        found += await _replica(url, replica, settings.replica_lag_ms / 1_000)
        found += _certificates("postgres replica", url, settings.database_replica)
    return found


def _certificates(server: str, url: str, place: str) -> Iterator[Finding]:
    """Without options of its own, a place has those of the URL, which are examined already."""
    if urlsplit(place).query:
        yield from examine_certificates(server, url_at(url, place), POSTGRES)


async def _of_url(url: str) -> list[Finding]:
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    if len(hosts) == 1:
        return []
    servers = await asyncio.gather(*(_server(host, url_at(url, f"postgresql://{host}")) for host in hosts))
    primaries = [host for host, server in zip(hosts, servers, strict=True) if server.is_primary]
    return [_judged(url, len(hosts), primaries), *(server.finding for server in servers)]


def _judged(url: str, count: int, primaries: Sequence[str]) -> Finding:
    wanted = parse_qs(urlsplit(url).query).get("target_session_attrs", [""])[-1]
    if wanted not in _WANTED:
        text = f"{count}, of which any is used: add target_session_attrs=primary to the URL"
    elif len(primaries) > 1:
        text = f"{' and '.join(primaries)} are both primaries, and each has a ledger of its own: stop the former one at once"
    elif not primaries:
        text = f"{count}, none of which is a primary that answers: start it, or promote a standby"
    else:
        return Finding("postgres servers", Verdict.OK, f"{count}, of which the primary is used, {primaries[0]}")
    return Finding("postgres servers", Verdict.FAULT, text)


async def _server(host: str, url: str) -> _Server:
    subject = f"postgres server {host}"
    try:
        is_standby = await _asked(url, "SELECT pg_is_in_recovery()")
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        text = f"cannot be reached, so services cannot fail over to it: start it ({type(error).__name__})"
        return _Server(Finding(subject, Verdict.WARNING, text), is_primary=False)
    return _Server(
        Finding(subject, Verdict.OK, "a standby" if is_standby else "the primary"), is_primary=not is_standby
    )


async def _pooler(url: str, role: str) -> Finding:
    try:
        login, is_server_itself = await _login(url)
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        text = f"cannot be reached as {role}: start it, and give it the password of this role ({type(error).__name__})"
        return Finding("postgres pooler", Verdict.FAULT, text)
    if login != role:
        return Finding("postgres pooler", Verdict.FAULT, f"logs in to the server as {login}, which must be {role}")
    if is_server_itself:
        text = "is PostgreSQL itself: name the pooler, or remove MEGAROUTER_DATABASE_POOLER"
        return Finding("postgres pooler", Verdict.WARNING, text)
    return Finding("postgres pooler", Verdict.OK, f"reaches the server as {role}")


async def _replica(primary_url: str, url: str, most_lag_s: float) -> list[Finding]:
    """A replica that is not used is no fault, because the primary answers for it."""
    subject = "postgres replica"
    try:
        is_standby, server, feedback = await _row(url, _REPLICA)
        if not is_standby:
            return [Finding(subject, Verdict.FAULT, "is no standby: name a streaming replica")]
        if server != await _asked(primary_url, _SERVER):
            return [Finding(subject, Verdict.FAULT, "is a standby of another server: name a replica of this primary")]
        lag = await _lag(primary_url, url, most_lag_s)
    except (asyncpg.PostgresError, *UNAVAILABLE, ValueError) as error:
        text = f"cannot be used, so the primary answers: start it, or correct its address ({type(error).__name__})"
        return [Finding(subject, Verdict.WARNING, text)]
    found = [lag]
    if feedback != "on":
        text = "may cancel long questions: set hot_standby_feedback = on there"
        found.append(Finding("postgres replica feedback", Verdict.WARNING, text))
    return found


async def _lag(primary_url: str, url: str, most_s: float) -> Finding:
    """Waits until the replica has what the primary has now, but no longer than admin_service lets it be behind."""
    position = await _asked(primary_url, _PRIMARY)
    started = time.monotonic()
    while (behind := position - await _asked(url, _REPLAYED)) > 0:
        if time.monotonic() - started > most_s:
            text = (
                f"is more than {most_s:g} s behind ({int(behind)} bytes), so the primary answers: look at its pg_stat_replication,"
                " and at questions on the replica that keep it from replaying"
            )
            return Finding("postgres replica", Verdict.WARNING, text)
        await asyncio.sleep(_PAUSE_S)
    return Finding(
        "postgres replica", Verdict.OK, f"has what the primary has, after {time.monotonic() - started:.1f} s"
    )


async def _login(url: str) -> tuple[str, bool]:
    """Returns who a server says logged in, and whether that server answered itself. A pooler shows numbers of its own."""
    connection = await connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S, statement_cache_size=0)
    try:
        process = await connection.fetchval("SELECT pg_backend_pid()")
        return await connection.fetchval("SELECT session_user"), process == connection.get_server_pid()
    finally:
        connection.terminate()


async def _row(url: str, statement: str) -> Sequence[Any]:
    connection = await connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)
    try:
        return [*(await connection.fetch(statement))[0]]
    finally:
        connection.terminate()


async def _asked(url: str, statement: str) -> Any:  # noqa: ANN401 - whatever the statement returns
    return (await _row(url, statement))[0]
