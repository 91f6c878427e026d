"""Starts PostgreSQL, Redis and a Redis Cluster once per session. Every test gets its own database, a copy of a migrated template.

Tests marked `also_on_cluster` run twice: on one Redis server, and on a cluster of three.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.asyncio import RedisCluster as ClusterClient

from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import PostgresServer, start_postgres
from deploy.local.programs.redis import RedisServer, start_redis
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.stores.postgres.connecting.typed import TypedConnection
from gateway_core.stores.redis.connections import open_redis
from tests.support.ports import free_port
from tests.support.servers.memory_directory import memory_directory
from tests.support.servers.redis_cluster import RedisCluster, running_cluster

ABOUT_SERVERS = ("CONFIG SET", "CLIENT PAUSE", "INFO")
"""Commands that tests send to every server of a cluster."""

LOGINS = ", ".join(SERVICE_URLS)

logger = logging.getLogger(__name__)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with (
        memory_directory(tmp_path_factory.mktemp("postgres")) as directory,
        start_postgres(directory / "server", free_port()) as server,
    ):
        yield server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("also_on_cluster") and "redis_server" in metafunc.fixturenames:
        metafunc.parametrize("redis_server", ["server", "cluster"], indirect=True)


@pytest.fixture(scope="session")
def single_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with start_redis(tmp_path_factory.mktemp("redis"), free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), free_port) as cluster:
        yield cluster


@pytest.fixture
def redis_server(request: pytest.FixtureRequest) -> RedisServer | RedisCluster:
    """One server, or the cluster in the second run of a test that is marked `also_on_cluster`."""
    on_cluster = getattr(request, "param", "server") == "cluster"
    server: RedisServer | RedisCluster = request.getfixturevalue("redis_cluster" if on_cluster else "single_redis")
    return server


class Databases:
    """Creates databases for tests.

    It copies a template for the next test while the current one runs, because copying is mostly waiting.
    """

    def __init__(self, server_url: str, server: asyncpg.Pool) -> None:
        self._server_url = server_url
        self._server = server
        self._coming: dict[str, asyncio.Task[str]] = {}
        self._going: set[asyncio.Task[None]] = set()

    async def take(self, template: str) -> str:
        """Returns the URL of a database that no other test uses."""
        coming = self._coming.pop(template, None)
        name = await (coming or self._copy(template))
        self._coming[template] = asyncio.create_task(self._copy(template))
        return _with_database(self._server_url, name)

    def give_back(self, url: str) -> None:
        """Drops the database in the background."""
        task = asyncio.create_task(self._run(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)"))
        self._going.add(task)
        task.add_done_callback(self._dropped)

    def _dropped(self, task: asyncio.Task[None]) -> None:
        """Forgets a drop. One that failed leaves a database behind, until the server ends with the tests."""
        self._going.discard(task)
        if not task.cancelled() and task.exception():
            logger.warning("a test's database was not dropped: %r", task.exception())

    async def close(self) -> None:
        """Waits for copies and drops under way."""
        await asyncio.gather(*self._coming.values(), *self._going)

    async def make_template(self, name: str, prepare: Callable[[asyncpg.Connection], Awaitable[None]], of: str) -> str:
        """Copies a database and prepares the copy as a template for others."""
        await self._run(f"CREATE DATABASE {name} TEMPLATE {of}")
        connection = await asyncpg.connect(_with_database(self._server_url, name))
        await prepare(connection)
        await connection.close()
        return name

    async def _copy(self, template: str) -> str:
        name = f"test_{next(_numbers)}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        # A copy lacks the template's privileges on the database.
        await self._run(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {LOGINS}")
        return name

    async def _run(self, statement: str) -> None:
        await self._server.execute(statement)


async def _sign_in_quickly(server_url: str) -> None:
    """Hashes passwords with one round instead of 4,096. Tests open thousands of connections; hashing takes a third of the time."""
    password = urlsplit(server_url).password
    connection = await asyncpg.connect(server_url)
    await connection.execute("SET scram_iterations = 1")
    await connection.execute(f"ALTER USER CURRENT_USER PASSWORD '{password}'")
    await connection.close()


@pytest.fixture(scope="session")
async def databases(postgres_server: PostgresServer) -> AsyncIterator[Databases]:
    await _sign_in_quickly(postgres_server.url)
    async with asyncpg.create_pool(postgres_server.url, min_size=1, max_size=4) as server:
        made = Databases(postgres_server.url, server)
        yield made
        await made.close()


@pytest.fixture(scope="session")
async def template_database(databases: Databases, postgres_server: PostgresServer) -> str:
    """Name of a migrated, empty database, in which every organization has an unlimited credit line."""

    async def migrated(connection: asyncpg.Connection) -> None:
        await connection.execute("SET scram_iterations = 1")
        await migrate_with_derived_logins(connection, postgres_server.url)
        await connection.execute("ALTER TABLE credit_lines ALTER line_nano_credits SET DEFAULT NULL")

    return await databases.make_template("template_migrated", migrated, of="template1")


@pytest.fixture
async def database_url(databases: Databases, template_database: str) -> AsyncIterator[str]:
    url = await databases.take(template_database)
    yield url
    databases.give_back(url)


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with every privilege, for preparation and assertions."""
    connection = await asyncpg.connect(database_url, connection_class=TypedConnection)
    yield connection
    await connection.close()


@pytest.fixture
async def redis(redis_server: RedisServer | RedisCluster) -> AsyncIterator[Redis | ClusterClient]:
    """An empty Redis."""
    if isinstance(redis_server, RedisCluster):
        async with open_redis(redis_server.url) as cluster:
            assert isinstance(cluster, ClusterClient)
            cluster.command_flags.update(dict.fromkeys(ABOUT_SERVERS, ClusterClient.PRIMARIES))
            await cluster.flushall()
            yield cluster
        return
    client = Redis.from_url(redis_server.url, decode_responses=True)
    await client.flushall()
    yield client
    await client.aclose()


def _with_database(url: str, name: str) -> str:
    return url.rsplit("/", 1)[0] + f"/{name}?sslmode=disable"
