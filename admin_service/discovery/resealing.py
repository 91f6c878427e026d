"""Seals credentials again while their key is replaced, so that the previous key can be removed."""

import asyncio
import logging
from typing import Final

import asyncpg

from admin_service.resources.catalog_changes.sealed import replace_seal, sealed_credentials
from admin_service.resources.catalog_changes.sealing import CredentialKeys
from admin_service.serving.seal_progress import SealProgress
from gateway_core.stores.channel_seals import SealError
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0


async def keep_resealing(pool: asyncpg.Pool, keys: CredentialKeys, interval_s: float = INTERVAL_S) -> None:
    """Seals with the new key what it does not open, every `interval_s` seconds until canceled.

    Replicas that still have the old key go on sealing with it, so this is repeated.
    """
    progress = SealProgress("credentials")
    while True:
        try:
            async with pool.acquire() as connection:
                changed, unknown = await reseal(connection, keys)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("cannot seal credentials again", extra={"error": type(error).__name__})
        else:
            progress.passed(changed, unknown)
        await asyncio.sleep(interval_s)


async def reseal(connection: Connection, keys: CredentialKeys) -> tuple[int, int]:
    """Returns how many credentials were sealed again, and how many no key opens."""
    newest = CredentialKeys(keys.accepted[:1], keys.random_bytes)
    changed = unknown = 0
    for one in await sealed_credentials(connection):
        try:
            newest.open(one.sealed, one.place)
        except SealError:
            try:
                again = keys.seal(keys.open(one.sealed, one.place), one.place)
            except SealError:
                unknown += 1
                continue
            await replace_seal(connection, one, again)
            changed += 1
    return changed, unknown
