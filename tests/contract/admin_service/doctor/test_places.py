"""Several servers, a replica and a pooler, as the doctor sees them: real servers of PostgreSQL and a real PgBouncer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from admin_service.doctor.findings import Verdict
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.doctor.findings import found
from tests.support.faults.databases import running as running_databases
from tests.support.ports import free_port
from tests.support.postgresql.pgbouncer import running_pgbouncer
from tests.support.postgresql.replication import Pair, running_pair

URL, POOLER, REPLICA = "MEGAROUTER_ADMIN_DATABASE_URL", "MEGAROUTER_DATABASE_POOLER", "MEGAROUTER_DATABASE_REPLICA"
Environment = dict[str, str]


@pytest.fixture(scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as running:
        owner = await asyncpg.connect(running.primary.url)
        await migrate_with_derived_logins(owner, running.primary.url)
        await owner.close()
        await running.until_replayed()
        yield running


def address(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def naming(pair: Pair, *more: str) -> str:
    """The URL of admin_service that names both servers, and more."""
    hosts = [address(pair.primary.url), address(pair.replica.url), *more]
    own = login_url(pair.primary.url, "megarouter_admin")
    return own.replace(address(own), ",".join(hosts)) + "?target_session_attrs=primary"


async def test_each_of_several_servers_is_asked_what_it_is(administration: Environment, pair: Pair) -> None:
    away = f"127.0.0.1:{free_port()}"
    findings = await found("admin", administration | {URL: naming(pair, away)})
    primary, replica = address(pair.primary.url), address(pair.replica.url)
    assert findings["postgres servers"].verdict is Verdict.OK
    assert primary in findings["postgres servers"].text
    assert findings[f"postgres server {primary}"].text == "the primary"
    assert findings[f"postgres server {replica}"].text == "a standby"
    assert findings[f"postgres server {away}"].verdict is Verdict.WARNING
    assert "start it" in findings[f"postgres server {away}"].text


async def test_without_a_primary_among_them_nothing_can_be_written(administration: Environment, pair: Pair) -> None:
    standby, away = address(pair.replica.url), f"127.0.0.1:{free_port()}"
    only = naming(pair).replace(address(pair.primary.url), away)
    findings = await found("admin", administration | {URL: only})
    assert findings["postgres servers"].verdict is Verdict.FAULT
    assert "promote a standby" in findings["postgres servers"].text
    assert findings[f"postgres server {standby}"].text == "a standby"


async def test_two_primaries_are_a_fault(administration: Environment, pair: Pair) -> None:
    other = address(administration[URL])
    own = administration[URL].replace(other, f"{other},{other}")
    findings = await found("admin", administration | {URL: f"{own}&target_session_attrs=primary"})
    assert findings["postgres servers"].verdict is Verdict.FAULT
    assert "stop the former one" in findings["postgres servers"].text


async def test_a_replica_that_follows_is_well_and_one_that_stands_still_is_not(
    administration: Environment, pair: Pair
) -> None:
    own = administration | {
        URL: login_url(pair.primary.url, "megarouter_admin"),
        REPLICA: f"postgresql://{address(pair.replica.url)}",
        "MEGAROUTER_REPLICA_LAG_MS": "700",
    }
    findings = await found("admin", own)
    assert findings["postgres replica"].verdict is Verdict.OK, findings["postgres replica"].text
    assert "hot_standby_feedback = on" in findings["postgres replica feedback"].text
    replica, primary = await asyncpg.connect(pair.replica.url), await asyncpg.connect(pair.primary.url)
    try:
        await replica.execute("SELECT pg_wal_replay_pause()")
        await primary.execute("CREATE TABLE unreplayed (id text)")
        finding = (await found("admin", own))["postgres replica"]
        assert (finding.verdict, "more than 0.7 s behind" in finding.text) == (Verdict.WARNING, True), finding.text
    finally:
        await replica.execute("SELECT pg_wal_replay_resume()")
        await primary.execute("DROP TABLE unreplayed")
        await asyncio.gather(replica.close(), primary.close())


async def test_a_standby_of_another_server_is_a_fault(administration: Environment, pair: Pair) -> None:
    """The login is the same in both, because it comes from the owner's password."""
    own = administration | {REPLICA: f"postgresql://{address(pair.replica.url)}"}
    foreign = login_url(pair.primary.url, "megarouter_admin")
    password = urlsplit(foreign).password
    owner = await asyncpg.connect(pair.primary.url)
    try:
        await owner.execute(f"ALTER ROLE megarouter_admin PASSWORD '{urlsplit(administration[URL]).password}'")
        await pair.until_replayed()
        place = f"postgresql://{address(pair.replica.url)}{urlsplit(pair.primary.url).path}"
        finding = (await found("admin", own | {REPLICA: place}))["postgres replica"]
    finally:
        await owner.execute(f"ALTER ROLE megarouter_admin PASSWORD '{password}'")
        await owner.close()
    assert (finding.verdict, "of another server" in finding.text) == (Verdict.FAULT, True), finding.text


async def test_a_pooler_must_be_named_as_one(administration: Environment, tmp_path: Path) -> None:
    with running_databases(tmp_path) as (server, _redis):
        owner = await asyncpg.connect(server.url)
        await migrate_with_derived_logins(owner, server.url)
        await owner.close()
        own = administration | {URL: login_url(server.url, "megarouter_admin")}
        with running_pgbouncer(tmp_path / "pgbouncer", [own[URL]]) as bouncer:
            findings = await found("admin", own | {POOLER: bouncer.place})
            assert findings["postgres pooler"].verdict is Verdict.OK
            assert "postgres server" not in findings
            finding = (await found("admin", own | {URL: bouncer.url_of(own[URL])}))["postgres server"]
            assert (finding.verdict, POOLER in finding.text) == (Verdict.FAULT, True)
        itself = f"postgresql://{address(server.url)}"
        finding = (await found("admin", own | {POOLER: itself}))["postgres pooler"]
        assert (finding.verdict, "PostgreSQL itself" in finding.text) == (Verdict.WARNING, True)
