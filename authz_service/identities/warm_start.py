"""Reads again who calls, after a start or after changes may have been missed, before their next calls come.

Without it the first call of every busy key waits for PostgreSQL, all of them in the same seconds. It is a convenience: what it
cannot load is looked up when it is asked for, and a call never waits for it.
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
"""A statement takes a tenth of a second. A change within that time has it repeated, so more would be in vain more often."""
_ATTEMPTS: Final = 5
_PAUSE_S: Final = 0.1
_READINESS_BOUND_S: Final = 1.0


class UseStore(Protocol):
    """What tells which keys were used."""

    async def used_lately(self, entries: int) -> Sequence[bytes]:
        """Hashes of keys, the latest used first, at most so many."""


class WarmStart:
    """Fills the cache of identities, one statement at a time, each time that it has become empty."""

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
        """Whether the first loading has ended, or has taken so long that nobody should wait for it any more."""
        return self._has_loaded or (
            self._begun_s is not None and self._monotonic() - self._begun_s >= _READINESS_BOUND_S
        )

    def restored(self) -> None:
        """Changes are pushed from now on: identities are remembered, those that are used loaded soon."""
        self._identities.trust()
        if self._begun_s is None:
            self._begun_s = self._monotonic()
        self._wanted.set()

    async def run(self) -> None:
        """Fills whenever it is told to, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._load()
            except UNAVAILABLE as error:
                logger.info("identities are not loaded ahead", extra={"error": type(error).__name__})
            self._has_loaded = True

    async def _load(self) -> None:
        begun_s = self._monotonic()
        hashes = await self._uses.used_lately(self._entries)
        for begin in range(0, len(hashes), _HASHES_PER_STATEMENT):
            if not await self._warm(hashes[begin : begin + _HASHES_PER_STATEMENT]):
                logger.info("identities change too fast to be loaded ahead", extra={"loaded": begin})
                return
        took_ms = round((self._monotonic() - begun_s) * 1_000)
        logger.info("identities loaded ahead", extra={"keys": len(hashes), "duration_ms": took_ms})

    async def _warm(self, hashes: Sequence[bytes]) -> bool:
        """Again when changes came in between, a few times."""
        for _ in range(_ATTEMPTS):
            if await self._identities.warm(hashes):
                return True
            await sleep(_PAUSE_S)
        return False
