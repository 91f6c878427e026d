"""Finds the objects that a call names (INV-21), and waits a moment for those that an answer has only just handed out.

A caller may name an id within milliseconds of the answer. The id is bound to the caller when that answer is settled, a
tenth of a second later. So a lookup looks again for up to a second before it calls an id unknown.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from authz_service.stored_objects.store import Owner
from gateway_core.model.calls.stored_objects import ObjectName, StoredObject
from gateway_core.runtime.bounded_memory import BoundedMemory

PAUSES_S: Final = (0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.2, 0.4)
"""Between two lookups of the same ids; in total one second."""
_ENTRIES: Final = 20_000
_MAX_AGE_S: Final = 60.0
"""How long a found object is remembered. An id that the operator removes passes this long."""
_MAX_WAITING: Final = 256
_MAX_WAITING_OF_OWNER: Final = 32

_Key = tuple[Owner, str | None, ObjectName]


class TooManyLookupsError(Exception):
    """Too many calls wait for ids that are unknown so far."""


class Store(Protocol):
    """Where objects are looked up."""

    async def objects_of(self, owner: Owner, provider: str | None, names: Sequence[ObjectName]) -> list[StoredObject]:
        """Returns those of the objects that the owner may name."""

    async def end(self, owner: Owner, stored: StoredObject) -> bool:
        """Lets the owner name an object for five more minutes. Returns False if no answer handed it out to the owner."""


class StoredObjects:
    """The objects that callers name, with a bounded memory of those found."""

    def __init__(
        self,
        store: Store,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._found: BoundedMemory[_Key, tuple[float, StoredObject]] = BoundedMemory(_ENTRIES)
        self._waiting: Counter[Owner] = Counter()

    async def find(
        self, owner: Owner, provider: str | None, names: Sequence[ObjectName]
    ) -> Mapping[ObjectName, StoredObject]:
        """Returns those of the objects that the owner may name, of one provider or, with None, of any.

        Raises:
            TooManyLookupsError: an id is unknown, and too many calls wait for theirs.
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        found = self._remembered(owner, provider, names)
        if len(found) < len(set(names)):
            await self._look_up(owner, provider, names, found)
        missing = [name for name in names if name not in found]
        if any(not name.kind.is_handed_out for name in missing) or not missing:
            return found
        return await self._wait(owner, provider, names, found)

    async def end(self, owner: Owner, stored: StoredObject) -> bool:
        """Ends the owner's right to name an object soon. Returns False if no answer handed it out to the owner.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        return await self._store.end(owner, stored)

    async def _wait(
        self, owner: Owner, provider: str | None, names: Sequence[ObjectName], found: dict[ObjectName, StoredObject]
    ) -> Mapping[ObjectName, StoredObject]:
        if self._waiting.total() >= _MAX_WAITING or self._waiting[owner] >= _MAX_WAITING_OF_OWNER:
            raise TooManyLookupsError
        self._waiting[owner] += 1
        try:
            for pause_s in PAUSES_S:
                await self._sleep(pause_s)
                await self._look_up(owner, provider, names, found)
                if all(name in found for name in names):
                    break
        finally:
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner]
        return found

    def _remembered(
        self, owner: Owner, provider: str | None, names: Sequence[ObjectName]
    ) -> dict[ObjectName, StoredObject]:
        now_s = self._monotonic_s()
        found = {}
        for name in names:
            known = self._found.get((owner, provider, name))
            if known is not None and now_s - known[0] < _MAX_AGE_S:
                found[name] = known[1]
        return found

    async def _look_up(
        self, owner: Owner, provider: str | None, names: Sequence[ObjectName], found: dict[ObjectName, StoredObject]
    ) -> None:
        asked = [name for name in dict.fromkeys(names) if name not in found]
        for stored in await self._store.objects_of(owner, provider, asked):
            found[stored.name] = stored
            self._found.remember((owner, provider, stored.name), (self._monotonic_s(), stored))
