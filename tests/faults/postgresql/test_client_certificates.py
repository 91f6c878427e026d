"""The stack on a PostgreSQL and a Redis that accept only clients with a certificate of their authority. Foreign peers are refused.

The stack was seen to fail without `ssl_certfile` in the services' client of Redis: it did not start.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from deploy.local.stack.database_urls import login_url
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.stores.redis.connections import open_pipelined
from tests.faults.conftest import World, open_world, survive
from tests.support.ports import free_port_base
from tests.support.postgresql.encrypted import EncryptedPostgres, EncryptedRedis, postgres_with_tls
from tests.support.servers.certificates import Authority, Pair

OWNER = "megarouter"
AUTHZ, USAGE = "megarouter_authz", "megarouter_usage"


@dataclass(frozen=True)
class Servers:
    """Both servers, and who issues certificates."""

    postgres: EncryptedPostgres
    redis: EncryptedRedis
    authority: Authority
    foreign: Authority
    folder: Path

    def certificate(self, name: str, authority: Authority | None = None) -> Pair:
        pair = (authority or self.authority).issue(
            name, self.folder / f"{name}-{(authority or self.authority).file.stem}"
        )
        for file in (pair.certificate, pair.key):
            file.chmod(0o644)
        return pair

    def postgres_url(self, role: str, pair: Pair | None) -> str:
        owner = self.postgres.url.replace("127.0.0.1", "localhost")
        base = owner if role == OWNER else login_url(owner, role)
        files = {} if pair is None else {"sslcert": str(pair.certificate), "sslkey": str(pair.key)}
        options = {"sslmode": "verify-full", "sslrootcert": str(self.authority.file), **files}
        return f"{base}?{urlencode(options, safe='/')}"

    def redis_url(self, pair: Pair | None) -> str:
        files = {} if pair is None else {"ssl_certfile": str(pair.certificate), "ssl_keyfile": str(pair.key)}
        return f"{self.redis.url}?{urlencode({'ssl_ca_certs': str(self.authority.file), **files}, safe='/')}"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """The servers in a folder that their users can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="megarouter-certificates-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority, foreign = Authority("company", folder), Authority("foreign", folder)
        postgres = EncryptedPostgres(folder / "postgres", postgres_with_tls(folder), authority)
        redis = EncryptedRedis(folder / "redis", authority)
        try:
            for server in (postgres, redis):
                server.prepare()
                server.wait(server.launch())
            yield Servers(postgres, redis, authority, foreign, folder)
        finally:
            postgres.stop()
            redis.stop()


@pytest.fixture(scope="module")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    urls = {variable: servers.postgres_url(role, servers.certificate(role)) for role, variable in SERVICE_URLS.items()}
    settings = {
        "MEGAROUTER_DATABASE_URL": servers.postgres_url(OWNER, servers.certificate(OWNER)),
        "MEGAROUTER_REDIS_URL": servers.redis_url(servers.certificate("services")),
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1500",
        **urls,
    }
    with Stack(tmp_path_factory.mktemp("certificates"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
async def world(stack: Stack) -> AsyncIterator[World]:
    urls = stack.environment
    async with open_world(stack, urls["MEGAROUTER_DATABASE_URL"], urls["MEGAROUTER_REDIS_URL"]) as opened:
        yield opened


@pytest.mark.timeout(180)
async def test_calls_are_served_and_charged_and_every_connection_has_its_services_certificate(world: World) -> None:
    async def look() -> None:
        rows = await world.database.fetch(
            "SELECT a.usename, s.ssl, s.client_dn FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)"
            " WHERE a.usename LIKE 'megarouter\\_%'"
        )
        assert {row["usename"] for row in rows} == SERVICE_URLS.keys()
        assert all(row["ssl"] and row["client_dn"] == f"/CN={row['usename']}" for row in rows)

    total = await survive(world, "PostgreSQL and Redis with client certificates", look)
    assert total.unconfirmed == 0


@pytest.mark.parametrize("peer", ["without a certificate", "of a foreign authority", "of another service"])
@pytest.mark.usefixtures("stack")
async def test_postgresql_refuses_a_foreign_peer_with_the_right_password(servers: Servers, peer: str) -> None:
    own = await asyncpg.connect(servers.postgres_url(AUTHZ, servers.certificate(AUTHZ)))
    await own.close()
    pairs = {
        "without a certificate": None,
        "of a foreign authority": servers.certificate(AUTHZ, servers.foreign),
        "of another service": servers.certificate(USAGE),
    }
    with pytest.raises((asyncpg.InvalidAuthorizationSpecificationError, asyncpg.ConnectionDoesNotExistError, OSError)):
        await asyncpg.connect(servers.postgres_url(AUTHZ, pairs[peer]))


@pytest.mark.usefixtures("stack")
async def test_postgresql_refuses_who_does_not_encrypt(servers: Servers) -> None:
    plain = servers.postgres_url(AUTHZ, None).partition("?")[0] + "?sslmode=disable"
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(plain)


@pytest.mark.parametrize("peer", ["without a certificate", "of a foreign authority"])
async def test_redis_refuses_a_foreign_peer_with_the_right_password(servers: Servers, peer: str) -> None:
    pair = servers.certificate("services", servers.foreign) if peer == "of a foreign authority" else None
    async with open_pipelined(servers.redis_url(servers.certificate("services"))) as client:
        await client.ping()
    async with open_pipelined(servers.redis_url(pair)) as client:
        with pytest.raises(RedisConnectionError):
            await client.ping()


@pytest.mark.usefixtures("stack")
async def test_a_service_refuses_a_server_of_a_foreign_authority(servers: Servers) -> None:
    own = servers.certificate(AUTHZ)
    distrustful = servers.postgres_url(AUTHZ, own).replace(str(servers.authority.file), str(servers.foreign.file))
    with pytest.raises(OSError, match="certificate verify failed"):
        await asyncpg.connect(distrustful)
