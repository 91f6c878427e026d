"""Identities in memory, never trusted beyond the moment their changes are pushed.

A change is pushed by PostgreSQL and drops what it touches. While nothing can be pushed, nothing is remembered: each call asks
the database, and is refused if the database does not answer (INV-13).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from gateway_core.domain.principals import Principal

_UNKNOWN_ENTRIES: Final = 10_000


class PrincipalSource(Protocol):
    """Where identities come from."""

    async def principal_of(self, secret_hash: bytes) -> Principal | None:
        """The principal of a key's hash, or None."""

    async def principals_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, Principal]:
        """The principals of those hashes that there are keys for."""


class IdentityCache:
    """A bounded cache of principals by key hash, with one look-up at a time for each hash."""

    def __init__(
        self, source: PrincipalSource, entries: int, max_age_ms: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._entries = entries
        self._max_age_s = max_age_ms / 1_000
        self._monotonic = monotonic
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._hashes: dict[str, set[bytes]] = {}
        self._unknown: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._generation = 0
        self._trusted = False

    def remembered(self, secret_hash: bytes) -> Principal | None:
        """The principal of a key's hash if it can be told without asking."""
        if self._trusted:
            entry = self._known.get(secret_hash)
            if entry is not None and self._monotonic() - entry[1] < self._max_age_s:
                return entry[0]
        return None

    async def principal_of(self, secret_hash: bytes) -> Principal | None:
        """The principal of a key's hash, None when there is no such key.

        Raises:
            whatever the source raises when it does not answer.
        """
        known = self.remembered(secret_hash)
        if known is not None or (self._trusted and secret_hash in self._unknown):
            return known
        task = self._under_way.get(secret_hash)
        if task is None:
            task = self._under_way[secret_hash] = asyncio.create_task(self._look_up(secret_hash))
            task.add_done_callback(lambda ended: self._end(secret_hash, ended))
        return await asyncio.shield(task)

    def _end(self, secret_hash: bytes, task: asyncio.Task[Principal | None]) -> None:
        """After a change another look-up for the same hash may be under way already: that one stays."""
        if self._under_way.get(secret_hash) is task:
            del self._under_way[secret_hash]

    async def _look_up(self, secret_hash: bytes) -> Principal | None:
        generation = self._generation
        principal = await self._source.principal_of(secret_hash)
        # What was read before a change must not be remembered after it.
        if self._trusted and generation == self._generation:
            self._remember(secret_hash, principal)
        return principal

    def _remember(self, secret_hash: bytes, principal: Principal | None) -> None:
        if principal is None:
            self._unknown[secret_hash] = None
            if len(self._unknown) > _UNKNOWN_ENTRIES:
                self._unknown.popitem(last=False)
            return
        self._forget(secret_hash)
        self._known[secret_hash] = (principal, self._monotonic())
        self._hashes.setdefault(principal.organization, set()).add(secret_hash)
        if len(self._known) > self._entries:
            self._forget(next(iter(self._known)))

    def _forget(self, secret_hash: bytes) -> None:
        entry = self._known.pop(secret_hash, None)
        if entry is not None:
            hashes = self._hashes[entry[0].organization]
            hashes.discard(secret_hash)
            if not hashes:
                del self._hashes[entry[0].organization]

    async def warm(self, hashes: Sequence[bytes]) -> bool:
        """Remembers identities before anybody asks for them, as far as there is room: they push nothing out, and go first.

        Args:
            hashes: those that are wanted most at first.

        Returns:
            False when changes came in between or are not pushed: what was read may be older than they, and is not remembered.

        Raises:
            whatever the source raises when it does not answer.
        """
        generation = self._generation
        wanted = [secret_hash for secret_hash in hashes if secret_hash not in self._known][: self._room]
        found = await self._source.principals_of(wanted) if wanted and self._trusted else {}
        if not self._trusted or generation != self._generation:
            return False
        for secret_hash in wanted:
            principal = found.get(secret_hash)
            if principal is not None and secret_hash not in self._known and self._room:
                self._remember_unasked(secret_hash, principal)
        return True

    @property
    def _room(self) -> int:
        return self._entries - len(self._known)

    def _remember_unasked(self, secret_hash: bytes, principal: Principal) -> None:
        """Its age begins anywhere below half of the maximum: what was read together shall not be read again in one moment."""
        age_s = self._max_age_s / 2 * secret_hash[0] / 256
        self._known[secret_hash] = (principal, self._monotonic() - age_s)
        self._known.move_to_end(secret_hash, last=False)
        self._hashes.setdefault(principal.organization, set()).add(secret_hash)

    def changed(self, payload: str) -> None:
        """Drops what a notification (`organization kind id`) touches."""
        self._generation += 1
        self._under_way.clear()
        organization, kind, entity_id = payload.split(" ", 2)
        if kind == "api_key":
            self._unknown.clear()
        for secret_hash in tuple(self._hashes.get(organization, ())):
            if _touches(self._known[secret_hash][0], kind, entity_id):
                self._forget(secret_hash)

    def trust(self) -> None:
        """Changes are pushed from now on; what was remembered before is dropped."""
        self._drop_all()
        self._trusted = True

    def distrust(self) -> None:
        """Changes may be missed from now on: every call asks the source."""
        self._trusted = False
        self._drop_all()

    def _drop_all(self) -> None:
        self._generation += 1
        self._under_way.clear()
        self._known.clear()
        self._hashes.clear()
        self._unknown.clear()


def _touches(principal: Principal, kind: str, entity_id: str) -> bool:
    """Whether a changed entity of the principal's organization is part of it. Groups may have moved: they touch all."""
    if kind == "api_key":
        return principal.api_key == entity_id
    if kind == "member":
        return principal.member == entity_id
    if kind == "guardrail":
        scope_kind, _, scope_id = entity_id.partition(":")
        return any(rail.scope.kind == scope_kind and rail.scope.scope_id == scope_id for rail in principal.guardrails)
    return True
