"""The real stack with databases that can be broken, a load, and the checks after it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import asyncpg
import pytest
from megarouter_envoy.settings.variables import DRAIN_GRACE

from deploy.local.stack.environment import ALLOWED_TARGETS
from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog_file import load_catalog
from gateway_core.stores.redis.connections import open_pipelined
from tests.e2e.conftest import Witness, wait_settled
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.faults import databases
from tests.support.faults.counted_calls import Held, find_held
from tests.support.faults.load import Load, Outcome, call, chat
from tests.support.faults.recovery import FIGURES, Recovery
from tests.support.faults.sums import Sum, assert_books, books_equal, settled
from tests.support.ports import free_port, free_port_base
from usage_service.counters.progress import counted_holds

TENANTS = 3
CALLS_BEFORE = 60
CALLS_AFTER = 40
DATABASE_TIMEOUT_S = 1.5
"""The statement timeout of the services. It is shorter than the default, so that an outage of seconds outlasts it."""

DRAIN_GRACE_S = 8
"""How long the calls of a replaced Envoy may take."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: takes minutes; runs only with -m soak")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "soak" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="run with -m soak"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := FIGURES.lines():
        terminalreporter.section("recovery and bounds")
        for line in lines:
            terminalreporter.write_line(line)


@dataclass
class World:
    """A running stack and everything that a test needs to observe it."""

    stack: Stack
    database: asyncpg.Pool
    database_url: str
    redis_url: str
    session: aiohttp.ClientSession
    witness: Witness
    catalog: Catalog

    @property
    def base_url(self) -> str:
        return self.stack.environment["MEGAROUTER_BASE_URL"]

    async def tenants(self, count: int = TENANTS) -> list[Tenant]:
        secrets = json.loads(self.stack.home.secrets_file.read_text(encoding="utf-8"))
        pepper = bytes.fromhex(secrets["key_pepper"])
        return [await make_tenant(self.database, pepper) for _ in range(count)]

    async def until_counted(self, tenant: Tenant, count: int, timeout_s: float = 5.0) -> None:
        """Waits until Redis counts `count` open holds of a tenant, so their calls are admitted. Ignores the holds table."""
        async with open_pipelined(self.redis_url) as client, asyncio.timeout(timeout_s):
            while len((await counted_holds(client, tenant.organization))[1]) != count:
                await asyncio.sleep(0.02)

    async def until_open(self, tenant: Tenant, count: int, timeout_s: float = 5.0) -> None:
        """Waits until the holds table has `count` open holds of a tenant."""
        async with asyncio.timeout(timeout_s):
            while await tenant.open_holds() != count:
                await asyncio.sleep(0.02)

    async def check(self, tenants: list[Tenant], answered: list[str], before: int, *, lossy: bool = False) -> Sum:
        """Asserts everything that must hold when no call is running. `lossy`: reports were lost, so some holds expire."""
        return await assert_books(
            self.database,
            (self.database_url, self.redis_url),
            self.catalog,
            tenants,
            lambda: self.witness.calls_after(before),
            answered,
            lossy=lossy,
        )


async def limited(world: World, places: int) -> tuple[Tenant, Outcome, int]:
    """Returns a tenant with a limit of `places` concurrent calls, its first call, and the charge of a call."""
    (tenant,) = await world.tenants(1)
    first = await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await tenant.guard("member", "mia", concurrency_limit=places)
    await asyncio.sleep(0.3)
    return tenant, first, int(record["charge_nano_credits"])


Fault = Callable[[], Awaitable[float | None]]
"""Breaks something and repairs it. Returns the monotonic second of the repair, or None if that is the moment it returns."""


async def survive(world: World, name: str, fault: Fault, *, guarded: bool = False, lossy: bool = False) -> Sum:
    """Causes a fault under load, waits until calls are served again, and checks the accounting. Records how long recovery took.

    Args:
        world: the stack.
        name: the fault's name in the table of figures.
        fault: breaks something and repairs it.
        guarded: whether the callers have rate limits, so that every call needs ratelimit_service.
        lossy: whether reports are lost permanently. The accounting then agrees once the holds of these calls have expired.
    """
    tenants = await world.tenants()
    for tenant in tenants if guarded else ():
        await tenant.guard("member", "mia", requests_per_minute=100_000)
    before = await world.witness.last_sequence()
    async with Load(world.session, world.base_url, tenants) as load:
        await load.until_served(CALLS_BEFORE)
        mended_s = await fault() or time.monotonic()
        owed = [outcome.request_id for outcome in load.served if outcome.ended_s <= mended_s and outcome.request_id]
        books = None if lossy else asyncio.create_task(timed(books_equal(world.database, owed), mended_s))
        first_s = await load.until_served(1, started_after_s=mended_s)
        await load.until_served(CALLS_AFTER, started_after_s=mended_s)
    books_s = await books if books else await timed(settled(tenants), mended_s)
    answered = [outcome.request_id for outcome in load.served if outcome.request_id]
    total = await world.check(tenants, answered, before, lossy=lossy)
    refused = sum(not outcome.is_served for outcome in load.outcomes)
    said = f"{len(load.served)} served, {refused} not" + (f", {total.unconfirmed} unconfirmed" if lossy else "")
    FIGURES.recoveries.append(Recovery(name, first_s - mended_s, books_s, said))
    return total


async def timed(work: Awaitable[None], since_s: float) -> float:
    await work
    return time.monotonic() - since_s


@asynccontextmanager
async def open_world(stack: Stack, database_url: str, redis_url: str) -> AsyncIterator[World]:
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        witness = Witness(f"http://127.0.0.1:{stack.ports.mock_provider}", session)
        yield World(stack, pool, database_url, redis_url, session, witness, load_catalog(DEFAULT_CATALOG))


Servers = tuple[databases.Postgres, databases.Redis]


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with databases.running(tmp_path_factory.mktemp("databases")) as running:
        yield running


@pytest.fixture(scope="package")
def postgres(servers: Servers) -> databases.Postgres:
    return servers[0]


@pytest.fixture(scope="package")
def redis(servers: Servers) -> databases.Redis:
    return servers[1]


@pytest.fixture(scope="package")
def callback_port() -> int:
    """A port of this machine to which alerts may go."""
    return free_port()


@pytest.fixture(scope="package")
def stack(servers: Servers, callback_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "MEGAROUTER_DATABASE_URL": servers[0].proxied_url,
        "MEGAROUTER_REDIS_URL": servers[1].proxied_url,
        "MEGAROUTER_DATABASE_TIMEOUT_MS": f"{DATABASE_TIMEOUT_S * 1_000:.0f}",
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1500",
        DRAIN_GRACE: str(DRAIN_GRACE_S),
        ALLOWED_TARGETS: f"127.0.0.1:{callback_port}",
    }
    with Stack(tmp_path_factory.mktemp("stack"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture(scope="package")
async def world(stack: Stack, servers: Servers) -> AsyncIterator[World]:
    async with open_world(stack, servers[0].url, servers[1].url) as opened:
        yield opened


@pytest.fixture(scope="package")
async def held(world: World) -> Held:
    (tenant,) = await world.tenants(1)
    return await find_held(world.session, world.base_url, tenant)
