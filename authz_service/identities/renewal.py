"""Renews identities before they are too old, so that calls need not wait: one row for each organization that calls.

This is an optimization. A call that needs an identity that was not renewed looks it up itself.
"""

import logging
from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import Final

from authz_service.identities.cache import IdentityCache
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_ORGANIZATIONS_PER_STATEMENT: Final = 500
"""Comparing this many takes a millisecond; then calls get their turn."""
_ROUNDS_PER_AGE: Final = 6
_DUE_AFTER_ROUNDS: Final = 2
"""A third of the maximum age. An organization that cannot be renewed then is retried several times."""
_SHORTEST_PAUSE_S: Final = 0.05
_FORGOTTEN_PER_ROUND: Final = 1_000


class Renewal:
    """Renews the cached identities in rounds."""

    def __init__(
        self, identities: IdentityCache, max_age_ms: int, pause: Callable[[float], Awaitable[None]] = sleep
    ) -> None:
        self._identities = identities
        self._round_s = max(max_age_ms / 1_000 / _ROUNDS_PER_AGE, _SHORTEST_PAUSE_S)
        self._pause = pause

    async def run(self) -> None:
        """Renews until canceled."""
        while True:
            await self._pause(self._round_s)
            try:
                await self._renew()
            except UNAVAILABLE as error:
                logger.info("identities are not renewed", extra={"error": type(error).__name__})

    async def _renew(self) -> None:
        self._identities.tidy(self._round_s, _FORGOTTEN_PER_ROUND)
        due = self._identities.due(self._round_s * _DUE_AFTER_ROUNDS)
        for begin in range(0, len(due), _ORGANIZATIONS_PER_STATEMENT):
            await self._identities.renew(due[begin : begin + _ORGANIZATIONS_PER_STATEMENT])
