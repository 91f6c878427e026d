"""Stores ratings in PostgreSQL, by a function that can do nothing else."""

import asyncio
import enum
from typing import Final

import asyncpg

from authz_service.feedback.rating import Rating
from authz_service.stored_objects.store import Owner

_RATE: Final = "SELECT rate_call($1, $2, $3, $4, $5, $6)"
_CONCURRENT_STATEMENTS: Final = 1
"""Fewer than the connections of the pool, which identities and holds need too."""


class Rated(enum.StrEnum):
    """What became of a rating."""

    RECORDED = "recorded"
    PENDING = "pending"
    """The caller has open calls, and the call may be one of them. The rating waits for its settlement."""
    UNKNOWN = "unknown"
    """The caller has no such call."""


class RatingStore:
    """Stores ratings."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._statements = asyncio.Semaphore(_CONCURRENT_STATEMENTS)

    async def rate(self, owner: Owner, rating: Rating, *, may_wait: bool) -> Rated:
        """Stores a rating. It replaces an earlier one of the same call.

        Args:
            owner: who rates.
            rating: the rating.
            may_wait: whether it is stored although the call is not settled yet.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        async with self._statements:
            found = await self._pool.fetchval(
                _RATE, owner.organization, owner.member, rating.request_id, rating.rating, rating.reason, may_wait
            )
        return Rated(found)
