"""Purges deleted organizations once their `purge_time` has passed: everything but the books."""

import asyncio
import logging
from typing import Final

import asyncpg

from admin_service.access.authorization import Origin
from admin_service.api.names import ResourceName
from admin_service.serving.audit_entries import Author
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

METHOD: Final = "megarouter.admin.v1.Deployment/PurgeOrganization"
INTERVAL_S: Final = 600.0
ROWS_AT_ONCE: Final = 5_000
"""Of each table. Calls wait no longer than for such a batch."""
_MAX_BATCHES: Final = 1_000
"""Of one round, so that PostgreSQL has other work to do."""
_PURGE: Final = "SELECT * FROM purge_deleted_organization($1)"


async def purge_once(pool: asyncpg.Pool, rows_at_once: int = ROWS_AT_ONCE) -> bool:
    """Deletes a batch. Returns whether there was an organization to purge. The operators' log has an entry for each that ended.

    Several replicas may do this at a time: each takes an organization of its own.
    """
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(_PURGE, rows_at_once)
        if row is None or row["organization_id"] is None:
            return False
        if row["has_ended"]:
            organization = str(row["organization_id"])
            name = str(ResourceName(organization))
            await Author("", METHOD, Origin()).write_for_operators(connection, organization, name, None, None)
            logger.info("purged a deleted organization", extra={"organization": organization})
        return True


async def keep_purging(pool: asyncpg.Pool, interval_s: float = INTERVAL_S) -> None:
    """Purges what is due now and every `interval_s` seconds until canceled."""
    while True:
        try:
            for _ in range(_MAX_BATCHES):
                if not await purge_once(pool):
                    break
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("cannot purge deleted organizations", extra={"error": type(error).__name__})
        await asyncio.sleep(interval_s)
