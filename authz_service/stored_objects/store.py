"""Reads from PostgreSQL what a member may name, and ends it. The functions that it calls do nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from gateway_core.model.calls.stored_objects import ObjectName, StoredObject, name_of

_SELECT: Final = "SELECT * FROM stored_objects_of($1, $2, $3, $4, $5)"
_END: Final = "SELECT end_stored_object($1, $2, $3, $4, $5)"
_CONCURRENT_STATEMENTS: Final = 2
"""Fewer than the connections of the pool, which identities and holds need too."""


class Owner(NamedTuple):
    """A member of an organization."""

    organization: str
    member: str


class StoredObjectStore:
    """Looks up ids."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._statements = asyncio.Semaphore(_CONCURRENT_STATEMENTS)

    async def objects_of(self, owner: Owner, provider: str | None, names: Sequence[ObjectName]) -> list[StoredObject]:
        """Returns those of the objects that the owner may name, of one provider or, with None, of any.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        kinds, ids = [name.kind for name in names], [name.object_id for name in names]
        async with self._statements:
            rows = await self._pool.fetch(_SELECT, owner.organization, owner.member, provider, kinds, ids)
        return [
            StoredObject(name_of(kind, object_id), provider_id, response_id, model, tokens)
            for provider_id, kind, object_id, response_id, model, tokens in rows
        ]

    async def end(self, owner: Owner, stored: StoredObject) -> bool:
        """Lets the owner name an object for five more minutes. Returns False if no answer handed it out to the owner.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        kind, object_id = stored.name
        async with self._statements:
            ended = await self._pool.fetchval(_END, owner.organization, owner.member, stored.provider, kind, object_id)
        return bool(ended)
