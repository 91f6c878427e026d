"""admin_service as a gRPC service."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg
import grpc

from admin_service.api_keys import ApiKeysApi
from admin_service.credits import CreditsApi
from admin_service.directory import Directory
from admin_service.guard import Guard, ResourceApi
from admin_service.page_tokens import PageTokens
from gateway_core.domain.catalog import Catalog
from gateway_core.edges.background import in_background
from gateway_core.edges.postgres.catalog_store import sync_catalog
from gateway_core.edges.postgres.connections import UNAVAILABLE, open_pool, until_available
from gateway_core.edges.postgres.migrations import migrate
from gateway_core.edges.settings import AdminSettings
from gateway_core.edges.telemetry.tracing import Tracing

logger = logging.getLogger(__name__)

ROLE: Final = "megarouter_admin"
_PROBE_INTERVAL_S: Final = 0.5
_PROBE_TIMEOUT_S: Final = 1.0


class AdminService:
    """What the service shell runs."""

    def __init__(self, pool: asyncpg.Pool, apis: Sequence[ResourceApi], guard: Guard) -> None:
        self._pool = pool
        self._handlers: list[grpc.GenericRpcHandler[Any, Any]] = [guard.generic_handler(api) for api in apis]
        self.service_names: Sequence[str] = tuple(api.service.full_name for api in apis)
        self._answers = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the handlers."""
        server.add_generic_rpc_handlers(self._handlers)

    def begin_stop(self) -> None:
        """Every call of this service ends by itself."""

    def is_ready(self) -> bool:
        """Whether PostgreSQL answered the last probe."""
        return self._answers

    async def watch_database(self) -> None:
        """Probes PostgreSQL until cancelled."""
        while True:
            answers = await self._probe()
            if answers != self._answers:
                logger.info("PostgreSQL answers" if answers else "PostgreSQL does not answer")
            self._answers = answers
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def _probe(self) -> bool:
        with suppress(*UNAVAILABLE, asyncpg.PostgresError):
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                return await self._pool.fetchval("SELECT true") is True
        return False


@asynccontextmanager
async def open_service(settings: AdminSettings, tracing: Tracing, catalog: Catalog) -> AsyncIterator[AdminService]:
    """The service with its connections, the schema migrated and the catalogue stored. Waits for PostgreSQL without end."""
    await migrate(settings)
    async with open_pool(settings, ROLE) as pool:
        await until_available(lambda: _store(pool, catalog))
        pepper = bytes.fromhex(settings.key_pepper.get_secret_value())
        guard = Guard(Directory(pool, pepper), tracing, make_incident_id=lambda: secrets.token_hex(8))
        page_tokens = PageTokens(pepper, time.time)
        apis: Sequence[ResourceApi] = (ApiKeysApi(pool, page_tokens), CreditsApi(pool, page_tokens))
        service = AdminService(pool, apis, guard)
        async with in_background(service.watch_database()):
            yield service


async def _store(pool: asyncpg.Pool, catalog: Catalog) -> None:
    async with pool.acquire() as connection:
        await sync_catalog(connection, catalog)
