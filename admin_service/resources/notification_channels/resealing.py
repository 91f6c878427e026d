"""Seals channels again while the key of channels is replaced, so that the previous key can be removed.

Whatever the new key does not open and the previous one does is sealed again. Replicas that still have the old key go on sealing new
channels with it, so this is repeated. Each value changes only if it is still the one that was read.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.serving.seal_progress import SealProgress
from gateway_core.stores.channel_seals import Place, SealError, Use, is_sealed_with, open_seal, seal
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0
_PAGE: Final = 500
_CHANNELS: Final = "SELECT organization_id, channel_id FROM sealed_channels($1, $2, $3)"
_READ: Final = """
SELECT sealed_target, sealed_secret, sealed_former_secret FROM notification_channels WHERE organization_id = $1 AND channel_id = $2
"""
# `update_time` stays: for admins, nothing has changed.
_WRITE: Final = """
UPDATE notification_channels
   SET sealed_target = CASE WHEN sealed_target = $3 THEN $4 ELSE sealed_target END,
       sealed_secret = CASE WHEN sealed_secret = $5 THEN $6 ELSE sealed_secret END,
       sealed_former_secret = CASE WHEN sealed_former_secret = $7 THEN $8 ELSE sealed_former_secret END
 WHERE organization_id = $1 AND channel_id = $2
"""
# A former secret was sealed as `secret`, and moved.
_USES: Final[tuple[Use, ...]] = ("target", "secret", "secret")


@dataclass(frozen=True, slots=True)
class Resealed:
    """What came of a pass over all channels."""

    changed: int
    """Channels that were sealed again."""
    unknown: int
    """Channels that neither key opens. Somebody has to set their target again."""


class Resealing:
    """Replaces one key by another."""

    def __init__(
        self, pool: asyncpg.Pool, key: bytes, previous_key: bytes, random_bytes: Callable[[int], bytes]
    ) -> None:
        """Prepares sealing.

        Args:
            pool: logged in as admin_service's role.
            key: the new one.
            previous_key: the one that is replaced.
            random_bytes: returns unpredictable bytes.
        """
        self._pool = pool
        self._key = key
        self._previous_key = previous_key
        self._random_bytes = random_bytes

    async def keep_sealing(self, interval_s: float = INTERVAL_S) -> None:
        """Passes over all channels every `interval_s` seconds until canceled."""
        progress = SealProgress("channels")
        while True:
            try:
                done = await self.seal_all()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("cannot seal channels again", extra={"error": type(error).__name__})
            else:
                progress.passed(done.changed, done.unknown)
            await asyncio.sleep(interval_s)

    async def seal_all(self) -> Resealed:
        """Seals everything again that the new key does not open. Repeating that changes nothing."""
        changed = unknown = 0
        after = ("", "")
        while page := await self._pool.fetch(_CHANNELS, *after, _PAGE):
            for organization, channel in page:
                outcome = await self._seal_one(organization, channel)
                changed += outcome is True
                unknown += outcome is None
            after = tuple(page[-1])
        return Resealed(changed, unknown)

    async def _seal_one(self, organization: str, channel: str) -> bool | None:
        """Returns whether a channel had to be sealed again; None if something in it cannot be opened."""
        async with acting_for(self._pool, organization) as connection:
            row = await connection.fetchrow(_READ, organization, channel)
            return False if row is None else await self._seal_row(connection, organization, channel, tuple(row))

    async def _seal_row(
        self, connection: Connection, organization: str, channel: str, before: tuple[bytes | None, ...]
    ) -> bool | None:
        try:
            after = [
                None if sealed is None else self._sealed_again(sealed, Place(organization, channel, use))
                for sealed, use in zip(before, _USES, strict=True)
            ]
        except SealError:
            logger.warning("no key opens a channel", extra={"organization": organization, "channel": channel})
            return None
        if list(before) == after:
            return False
        changes = [value for pair in zip(before, after, strict=True) for value in pair]
        await connection.execute(_WRITE, organization, channel, *changes)
        return True

    def _sealed_again(self, sealed: bytes, place: Place) -> bytes:
        if is_sealed_with(sealed, place, self._key):
            return sealed
        return seal(open_seal(sealed, place, (self._previous_key,)), place, self._key, self._random_bytes)
