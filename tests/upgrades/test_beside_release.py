"""A rolling update: a gateway of an earlier release goes on beside one of the present release, on the migrated schema."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.data.tenants import Tenant
from tests.support.faults import databases
from tests.support.faults.load import long_stream
from tests.support.faults.recovery import FIGURES
from tests.support.faults.steady_load import SteadyLoad
from tests.support.faults.sums import books_equal, run_audit, settled
from tests.support.ports import free_port_base
from tests.support.upgrades.balancer import Backend, Balancer
from tests.support.upgrades.fleet import KEPT_S
from tests.support.upgrades.releases import Release, ReleasedStack

CALLS_PER_SECOND = 15
STREAMS_PER_SECOND = 1
STREAM_S = 3.0
ALONE_S = 3.0
TOGETHER_S = 5.0
NOTICED_S = 1.0


async def replace_gateway(balancer: Balancer, old: ReleasedStack, new: Stack) -> None:
    """Starts the new gateway, which migrates the database, lets both serve, and stops the old one."""
    await asyncio.to_thread(new.start)
    backend = Backend(new.ports.model, new.ports.admin)
    balancer.backends.append(backend)
    await balancer.until_chosen(backend)
    await asyncio.sleep(TOGETHER_S)
    balancer.backends[0].is_aside = True
    await asyncio.sleep(NOTICED_S + STREAM_S)
    await asyncio.to_thread(old.stop)
    await asyncio.sleep(ALONE_S)


async def settle_what_is_left(successor: Stack, database: asyncpg.Pool, request_ids: list[str]) -> None:
    """Has the present release read the journal of the gateway that stopped, as its next pod does with a persistent one.

    usage_service of 0.2.0 does not read it to the end when it stops. What its stream lost in the last moment is only there.
    """
    await asyncio.to_thread(successor.start)
    try:
        await books_equal(database, request_ids)
    finally:
        await asyncio.to_thread(successor.stop)


async def charged_once(database: asyncpg.Pool, request_ids: list[str]) -> bool:
    """Returns whether each call has one record and no other call of the organization has any."""
    rows = await database.fetch("SELECT request_id FROM usage_records WHERE organization_id = 'acme'")
    return sorted(row["request_id"] for row in rows) == sorted(request_ids)


@pytest.mark.timeout(900)
async def test_a_gateway_of_a_release_serves_beside_its_successor_until_it_stops(
    release: Release, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory: Path = tmp_path_factory.mktemp("beside")
    with databases.running(directory) as (postgres, redis):
        settings = {"MEGAROUTER_DATABASE_URL": postgres.url, "MEGAROUTER_REDIS_URL": redis.url}
        old = ReleasedStack(release, directory / "old", free_port_base(), settings)
        # The catalog changes when no gateway of the release is left, because that one refuses what it does not know.
        catalog = release.checkout() / "deploy" / "catalog" / "catalog.yaml"
        new = Stack(directory / "new", free_port_base(), catalog=catalog, settings=settings)
        try:
            await asyncio.to_thread(old.start)
            new.home.directory.mkdir(mode=0o700)
            for name in ("secrets.json", "demo-secrets.json"):
                shutil.copy2(old.home / name, new.home.directory / name)
            async with (
                asyncpg.create_pool(postgres.url, min_size=1, max_size=2) as database,
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S)) as session,
                Balancer([Backend(old.port_base, old.port_base + 1)]) as balancer,
            ):
                base_url = f"http://127.0.0.1:{balancer.model_port}"
                caller = Tenant(database, b"", "acme", old.demo["api_keys"][0]["key"])
                calls = SteadyLoad(session, base_url, [caller], CALLS_PER_SECOND)
                streams = SteadyLoad(session, base_url, [caller], STREAMS_PER_SECOND, long_stream(STREAM_S))
                async with calls, streams:
                    await asyncio.sleep(ALONE_S)
                    await replace_gateway(balancer, old, new)
                outcomes = [*calls.outcomes, *streams.outcomes]
                assert [one.status for one in outcomes if not one.is_served] == []
                request_ids = [str(one.request_id) for one in outcomes]
                successor = Stack(old.home, old.port_base, catalog=catalog, settings=settings)
                await settle_what_is_left(successor, database, request_ids)
                await settled([caller])
                assert await charged_once(database, request_ids)
                await asyncio.sleep(0.5)
                await run_audit(postgres.url, redis.url)
        finally:
            await asyncio.to_thread(old.stop)
            await asyncio.to_thread(new.stop)
    FIGURES.notes.append(
        f"{release.version} beside its successor: {len(calls.outcomes)} calls and {len(streams.outcomes)} streams, none lost;"
        f" slowest call {calls.slowest_s * 1000:.0f} ms"
    )
