"""The pools of the services go through a real PgBouncer in transaction mode. Listeners and session locks connect directly.

The stack was seen to fail with the connections of a direct pool: PgBouncer refuses `statement_timeout` when one opens, and without
that, statements fail because the connection that prepared them is another transaction's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.stack.database_urls import service_database_urls
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.connections import open_pool
from tests.contract.usage_service.settlement_cases import make_settings
from tests.faults.conftest import World, open_world, survive
from tests.support.faults import databases
from tests.support.ports import free_port_base
from tests.support.postgresql.pgbouncer import PgBouncer, running_pgbouncer

ROLE = "megarouter_usage"
SERVER_CONNECTIONS = 3
"""Fewer than the clients of a role have, so that transactions of one client get different connections."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[databases.Postgres, databases.Redis]]:
    with databases.running(tmp_path_factory.mktemp("pooled")) as running:
        yield running


@pytest.fixture(scope="module")
async def bouncer(
    servers: tuple[databases.Postgres, databases.Redis], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PgBouncer]:
    url = servers[0].url
    owner = await asyncpg.connect(url)
    await migrate_with_derived_logins(owner, url)
    await owner.close()
    logins = list(service_database_urls(url, {}).values())
    folder: Path = tmp_path_factory.mktemp("pgbouncer")
    with running_pgbouncer(folder, logins, pool_size=SERVER_CONNECTIONS) as running:
        yield running


@pytest.fixture
def settings(servers: tuple[databases.Postgres, databases.Redis], bouncer: PgBouncer) -> UsageSettings:
    return make_settings(servers[0].url, "redis://unused", database_pooler=bouncer.place, database_pool_size=12)


async def test_every_transaction_has_the_settings_of_the_service(settings: UsageSettings) -> None:
    """Seen to fail without `begin_with`: the timeout is 0."""
    asked = "SELECT current_setting('statement_timeout'), current_setting('enable_seqscan'), current_setting('megarouter.pepper')"
    async with open_pool(settings, ROLE, by_index=True, pepper="pepper-1") as pool:
        found = await asyncio.gather(*(pool.fetchrow(asked) for _ in range(50)))
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            found.append(await connection.fetchrow(asked))
            assert await connection.fetchval("SHOW transaction_isolation") == "repeatable read"
    assert {tuple(row or ()) for row in found} == {("5s", "off", "pepper-1")}


async def test_no_setting_stays_on_a_connection_to_the_server(settings: UsageSettings, bouncer: PgBouncer) -> None:
    """Seen to fail with SET in place of SET LOCAL."""
    async with open_pool(settings, ROLE, by_index=True, pepper="pepper-1") as pool:
        await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(50)))
    other = await asyncpg.connect(bouncer.url_of(settings.database_url.get_secret_value()), statement_cache_size=0)
    try:
        kept = {await other.fetchval("SELECT current_setting('megarouter.pepper', true)") for _ in range(20)}
        assert kept <= {None, ""}
        assert await other.fetchval("SHOW enable_seqscan") == "on"
    finally:
        await other.close()


async def test_statements_of_many_clients_do_not_meet_on_a_connection_to_the_server(settings: UsageSettings) -> None:
    async def ask(number: int) -> None:
        assert await pool.fetchval("SELECT $1::bigint + 1", number) == number + 1
        assert await pool.fetchval("SELECT unnest($1::text[])", [str(number)]) == str(number)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('megarouter.organizations', $1, true)", str(number))
            await asyncio.sleep(0.001)
            assert await connection.fetchval("SELECT current_setting('megarouter.organizations')") == str(number)

    async with open_pool(settings, ROLE) as pool:
        await asyncio.gather(*(ask(number) for number in range(300)))


@pytest.fixture(scope="module")
def stack(
    servers: tuple[databases.Postgres, databases.Redis], bouncer: PgBouncer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    settings = {
        "MEGAROUTER_DATABASE_URL": servers[0].url,
        "MEGAROUTER_REDIS_URL": servers[1].url,
        "MEGAROUTER_DATABASE_POOLER": bouncer.place,
        "MEGAROUTER_DATABASE_TIMEOUT_MS": "1500",
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1500",
    }
    with Stack(tmp_path_factory.mktemp("pooled-stack"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
async def world(stack: Stack, servers: tuple[databases.Postgres, databases.Redis]) -> AsyncIterator[World]:
    async with open_world(stack, servers[0].url, servers[1].url) as opened:
        yield opened


@pytest.mark.timeout(180)
async def test_calls_are_served_and_charged_once_while_pgbouncer_dies_and_returns(
    world: World, bouncer: PgBouncer
) -> None:
    async def kill() -> None:
        await bouncer.restart()

    total = await survive(world, "PgBouncer: SIGKILL", kill)
    assert total.unconfirmed == 0


async def test_only_what_listens_or_locks_connects_directly(world: World, bouncer: PgBouncer) -> None:
    """A pool that went past PgBouncer would have the name of the role alone, and another client port than PgBouncer's."""
    rows = await world.database.fetch(
        "SELECT application_name, client_port, query FROM pg_stat_activity WHERE usename LIKE 'megarouter\\_%'"
    )
    ports = bouncer.ports_to_server()
    direct = {row["application_name"] for row in rows if row["client_port"] not in ports}
    # PgBouncer names a connection with the first statement that it sends on it.
    pooled = {row["application_name"] for row in rows if row["client_port"] in ports and row["query"]}
    assert direct
    assert all(name.endswith((" listener", " journal")) for name in direct), direct
    assert pooled <= {"megarouter_authz", "megarouter_usage", "megarouter_admin", "megarouter_notification"}
