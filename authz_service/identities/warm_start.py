"""Loads the identities of recently used keys after a start, or after changes may have been missed.

Without it, the first call of every busy key would wait for PostgreSQL, all within the same seconds. This is an
optimization. A call that needs an identity that was not loaded looks it up itself.
"""

import logging
import time
from asyncio import Event, sleep
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from authz_service.identities.cache import IdentityCache
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_HASHES_PER_STATEMENT: Final = 500
"""One statement takes a tenth of a second, and a change within that time repeats it. A larger one would be repeated too often."""
_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.1
_READINESS_BOUND_S: Final = 1.0


class UseStore(Protocol):
    """Knows which keys were used recently."""

    async def used_lately(self, entries: int) -> Sequence[bytes]:
        """Returns hashes of keys, most recently used first, at most `entries`."""


class WarmStart:
    """Fills the identity cache, one statement at a time, whenever it has been emptied."""

    def __init__(
        self,
        identities: IdentityCache,
        uses: UseStore,
        entries: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identities = identities
        self._uses = uses
        self._entries = entries
        self._monotonic = monotonic
        self._wanted = Event()
        self._has_loaded = False
        self._begun_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the first load has ended, or has taken so long that readiness should no longer wait for it."""
        return self._has_loaded or (
            self._begun_s is not None and self._monotonic() - self._begun_s >= _READINESS_BOUND_S
        )

    def restored(self) -> None:
        """Starts caching, because changes are pushed from now on, and schedules a load of the keys in use."""
        self._identities.trust()
        if self._begun_s is None:
            self._begun_s = self._monotonic()
        self._wanted.set()

    def changed(self, payload: str) -> None:
        """Drops what a notification touches. If that is everything, schedules a load of the keys in use."""
        if self._identities.changed(payload):
            self._wanted.set()

    async def run(self) -> None:
        """Fills the cache each time it is requested, until canceled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._load()
            except UNAVAILABLE as error:
                logger.info("identities could not be preloaded", extra={"error": type(error).__name__})
            self._has_loaded = True

    async def _load(self) -> None:
        begun_s = self._monotonic()
        hashes = await self._uses.used_lately(self._entries)
        for begin in range(0, len(hashes), _HASHES_PER_STATEMENT):
            if not await self._warm(hashes[begin : begin + _HASHES_PER_STATEMENT]):
                logger.info("identities change too fast to be preloaded", extra={"loaded": begin})
                return
        took_ms = round((self._monotonic() - begun_s) * 1_000)
        logger.info("identities preloaded", extra={"keys": len(hashes), "duration_ms": took_ms})

    async def _warm(self, hashes: Sequence[bytes]) -> bool:
        """Loads identities. Retries a few times if changes arrive in between."""
        for _ in range(_ATTEMPTS):
            if await self._identities.warm(hashes):
                return True
            await sleep(_PAUSE_S)
        return False
