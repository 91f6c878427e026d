"""Two whole gateways on one PostgreSQL and one Redis, behind a load balancer."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.stack.state import Health
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.catalog_file import load_catalog
from tests.e2e.conftest import Witness
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.faults.sums import Sum, assert_books
from tests.support.ports import free_port_base
from tests.support.upgrades.balancer import Backend, Balancer

WORKERS = (2, 1)
"""Processes of authz_service and of ratelimit_service in each gateway."""
SERVICES = ("authz_service", "ratelimit_service", "usage_service", "admin_service", "notification_service")
KEPT_S = 5.0


@dataclass(frozen=True)
class Gateway:
    """A stack, and its place behind the load balancer."""

    stack: Stack
    backend: Backend
    witness: Witness

    @property
    def services(self) -> list[str]:
        """The names of its services' processes, in the order in which they may stop once Envoy has."""
        names = [process.name for process in self.stack.state.processes]
        own = [name for name in names if name.startswith(SERVICES)]
        return sorted(own, key=lambda name: name.startswith("usage_service"))

    def is_ready(self, name: str) -> bool:
        return self.stack.state.process(name).health is Health.READY


@dataclass(frozen=True)
class Fleet:
    """The gateways, and everything that a test needs to observe them."""

    gateways: tuple[Gateway, ...]
    balancer: Balancer
    database: asyncpg.Pool
    database_url: str
    redis_url: str
    session: aiohttp.ClientSession

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.balancer.model_port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.balancer.admin_port}"

    async def tenants(self, count: int) -> list[Tenant]:
        secrets = json.loads(self.gateways[0].stack.home.secrets_file.read_text(encoding="utf-8"))
        pepper = bytes.fromhex(secrets["key_pepper"])
        return [await make_tenant(self.database, pepper) for _ in range(count)]

    async def tally(self) -> list[int]:
        """Returns where the tally of each gateway's provider stands."""
        return [await gateway.witness.last_sequence() for gateway in self.gateways]

    async def calls_after(self, before: list[int]) -> list[dict[str, Any]]:
        pairs = zip(self.gateways, before, strict=True)
        return [call for gateway, sequence in pairs for call in await gateway.witness.calls_after(sequence)]

    async def check(self, tenants: list[Tenant], answered: list[str], before: list[int]) -> Sum:
        """Asserts that every call is recorded once, at its price, and that the audit passes. No call may run."""
        return await assert_books(
            self.database,
            (self.database_url, self.redis_url),
            load_catalog(DEFAULT_CATALOG),
            tenants,
            lambda: self.calls_after(before),
            answered,
        )


@asynccontextmanager
async def running_fleet(
    directory: Path, database_url: str, redis_url: str, settings: Mapping[str, str]
) -> AsyncIterator[Fleet]:
    """Runs the gateways. They have the same secrets, as the replicas of one deployment do."""
    shared = {**settings, "MEGAROUTER_DATABASE_URL": database_url, "MEGAROUTER_REDIS_URL": redis_url}
    async with AsyncExitStack() as opened:
        stacks: list[Stack] = []
        for number, workers in enumerate(WORKERS):
            stack = Stack(directory / f"gateway-{number}", free_port_base(20), workers=workers, settings=shared)
            if stacks:
                _share_secrets(stacks[0], stack)
            opened.push_async_callback(asyncio.to_thread, stack.stop)
            await asyncio.to_thread(stack.start)
            stacks.append(stack)
        pool = await opened.enter_async_context(asyncpg.create_pool(database_url, min_size=1, max_size=4))
        # As the clients of OpenAI, it closes its own idle connections before a draining Envoy does.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S)
        session = await opened.enter_async_context(aiohttp.ClientSession(connector=connector))
        gateways = tuple(
            Gateway(
                stack,
                Backend(stack.ports.model, stack.ports.admin),
                Witness(f"http://127.0.0.1:{stack.ports.mock_provider}", session),
            )
            for stack in stacks
        )
        balancer = await opened.enter_async_context(Balancer([gateway.backend for gateway in gateways]))
        yield Fleet(gateways, balancer, pool, database_url, redis_url, session)


def _share_secrets(source: Stack, target: Stack) -> None:
    target.home.directory.mkdir(mode=0o700)
    for before, after in (
        (source.home.secrets_file, target.home.secrets_file),
        (source.home.demo_secrets_file, target.home.demo_secrets_file),
    ):
        shutil.copy2(before, after)
