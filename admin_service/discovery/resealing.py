"""Seals the credentials of providers again while their key is replaced, so that the previous key can be removed."""

import asyncio
import logging
from typing import Final

import asyncpg

from admin_service.resources.catalog_changes.sealing import CredentialKeys
from gateway_core.stores.channel_seals import SealError
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0
_READ: Final = "SELECT provider_id, sealed FROM provider_credentials ORDER BY provider_id"
_READ_OWN: Final = "SELECT organization_id, provider_id, credential_id, sealed FROM sealed_own_credentials()"
_WRITE_OWN: Final = "SELECT reseal_own_credential($1, $2, $3)"
_WRITE: Final = "UPDATE provider_credentials SET sealed = $3 WHERE provider_id = $1 AND sealed = $2"


async def keep_resealing(pool: asyncpg.Pool, keys: CredentialKeys, interval_s: float = INTERVAL_S) -> None:
    """Seals with the new key what it does not open, every `interval_s` seconds until canceled.

    Replicas that still have the old key go on sealing with it, so this is repeated.
    """
    while True:
        try:
            async with pool.acquire() as connection:
                changed, unknown = await reseal(connection, keys)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("cannot seal credentials again", extra={"error": type(error).__name__})
        else:
            if changed or unknown:
                logger.info(
                    "sealed credentials of providers with the new key", extra={"changed": changed, "unknown": unknown}
                )
            else:
                logger.info("every credential is sealed with the new key: the previous one can be removed")
        await asyncio.sleep(interval_s)


async def reseal(connection: Connection, keys: CredentialKeys) -> tuple[int, int]:
    """Returns how many credentials were sealed again, and how many no key opens."""
    newest = CredentialKeys(keys.accepted[:1], keys.random_bytes)
    changed = unknown = 0
    for provider, sealed in await connection.fetch(_READ):
        try:
            newest.open(sealed, provider)
        except SealError:
            try:
                again = keys.seal(keys.open(sealed, provider), provider)
            except SealError:
                unknown += 1
                continue
            await connection.execute(_WRITE, provider, sealed, again)
            changed += 1
    of_own = await _reseal_own(connection, keys, newest)
    return changed + of_own[0], unknown + of_own[1]


async def _reseal_own(connection: Connection, keys: CredentialKeys, newest: CredentialKeys) -> tuple[int, int]:
    """Does the same with the own keys of organizations."""
    changed = unknown = 0
    for organization, provider, credential, sealed in await connection.fetch(_READ_OWN):
        try:
            newest.open_own(sealed, organization, provider)
        except SealError:
            try:
                again = keys.seal_own(keys.open_own(sealed, organization, provider), organization, provider)
            except SealError:
                unknown += 1
                continue
            await connection.execute(_WRITE_OWN, credential, sealed, again)
            changed += 1
    return changed, unknown
