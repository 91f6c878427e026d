"""Finds keys whose hash was made with another pepper than the present one, while the deployment replaces its pepper.

Only a key that is unknown under the present pepper gets here, so calls of other keys cost nothing more.
"""

import logging
from asyncio import Queue, QueueFull
from typing import Final, Protocol

from authz_service.identities.cache import IdentityCache
from authz_service.request.credentials import KeyHashes
from gateway_core.model.calls.principals import Principal
from gateway_core.model.organization.bearer_secrets import Peppers
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_WAITING: Final = 1_000
"""Keys whose hash is to be replaced. A key that finds no room is queued again by its next call."""


class HashStore(Protocol):
    """Where the hashes of keys are stored."""

    async def rehash(self, old_hash: bytes, new_hash: bytes) -> None:
        """Replaces the hash of a key."""


class ReplacedPeppers:
    """Looks keys up under the other accepted peppers, and replaces hashes of the previous one."""

    def __init__(self, identities: IdentityCache, store: HashStore, peppers: Peppers) -> None:
        self._identities = identities
        self._store = store
        self._previous = KeyHashes(peppers.previous) if peppers.previous else None
        self._others = [self._previous] if self._previous else []
        if peppers.following:
            self._others.append(KeyHashes(peppers.following))
        self._waiting: Queue[tuple[bytes, bytes]] = Queue(_WAITING)
        self._queued: set[bytes] = set()

    async def find(self, key: str, present_hash: bytes) -> tuple[bytes, Principal] | None:
        """Returns the hash under which a key is stored, and its principal; None if there is no such key.

        Raises:
            Errors of the identities' source, if it does not answer.
        """
        hashes = [present_hash, *(other.hash_of(key) for other in self._others)]
        found = await self._identities.principal_of_any(hashes)
        if found and self._previous and found[0] == self._previous.hash_of(key):
            self._replace(found[0], present_hash)
        return found

    def _replace(self, old_hash: bytes, new_hash: bytes) -> None:
        if old_hash in self._queued:
            return
        try:
            self._waiting.put_nowait((old_hash, new_hash))
        except QueueFull:
            return
        self._queued.add(old_hash)

    async def run(self) -> None:
        """Replaces hashes until canceled. What fails is tried again after the key's next call."""
        while True:
            old_hash, new_hash = await self._waiting.get()
            try:
                await self._store.rehash(old_hash, new_hash)
            except UNAVAILABLE as error:
                logger.info("the hash of a key was not replaced", extra={"error": type(error).__name__})
            finally:
                self._queued.discard(old_hash)
