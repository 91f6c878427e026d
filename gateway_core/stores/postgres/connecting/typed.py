"""Connections that ask for PostgreSQL's own types once per process."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

_FIRST_OF_USERS: Final = 16_384
"""PostgreSQL gives its own types lower numbers, which are the same in every database (`FirstNormalObjectId`)."""

_known: dict[frozenset[int], Sequence[Any]] = {}


@dataclass(frozen=True, slots=True)
class _NoStatement:
    """Stands for the statement that would have asked. asyncpg only looks whether it has a name."""

    name: str = "not asked"


class TypedConnection(asyncpg.Connection):
    """A connection that asks for PostgreSQL's own types once per process.

    asyncpg knows only some of them. For others, such as `bigint[]`, each new connection asks the catalog before its first
    statement with one. That takes 11 ms of the server's processor, twice as much as the rest of such a connection. The answer
    for a built-in type is always the same.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Sequence[Any], Any]:
        asked = frozenset(typeoids)
        if asked in _known:
            return _known[asked], _NoStatement()
        rows, statement = await super()._introspect_types(asked, timeout)  # type: ignore[misc] # the stubs leave it out
        if max(asked) < _FIRST_OF_USERS:
            _known[asked] = rows
        return rows, statement
