"""Identities in memory, never trusted beyond the moment their changes are pushed.

A change is pushed by PostgreSQL and drops what it touches. While nothing can be pushed, nothing is remembered: each call asks
the database, and is refused if the database does not answer (INV-13). What is remembered is renewed all the same before it is too
old, organization by organization.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from authz_service.identities.memory import IdentityMemory
from gateway_core.model.calls.principals import Identity, Principal
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.runtime.single_flight import SingleFlight

logger = logging.getLogger(__name__)

_UNKNOWN_ENTRIES: Final = 10_000


class IdentitySource(Protocol):
    """Where identities come from."""

    async def identity_of(self, secret_hash: bytes) -> Identity | None:
        """The identity of a key's hash, or None."""

    async def identities_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, Identity]:
        """The identities of those hashes that there are keys for."""

    async def revisions_of(self, organizations: Sequence[str]) -> Mapping[str, int]:
        """The present revision of each organization; 0 is left out."""


class IdentityCache:
    """A bounded cache of principals by key hash, with one lookup at a time for each hash."""

    def __init__(
        self, source: IdentitySource, entries: int, max_age_ms: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._memory = IdentityMemory(entries, max_age_ms / 1_000)
        self._unknown: BoundedMemory[bytes, None] = BoundedMemory(_UNKNOWN_ENTRIES)
        self._lookups: SingleFlight[bytes, Principal | None] = SingleFlight()
        self._generation = 0
        self._trusted = False

    def remembered(self, secret_hash: bytes) -> Principal | None:
        """The principal of a key's hash if it can be told without asking."""
        return self._memory.find(secret_hash, self._monotonic()) if self._trusted else None

    async def principal_of(self, secret_hash: bytes) -> Principal | None:
        """The principal of a key's hash, None when there is no such key.

        Raises:
            whatever the source raises when it does not answer.
        """
        known = self.remembered(secret_hash)
        if known is not None or (self._trusted and secret_hash in self._unknown):
            return known
        return await self._lookups.run(secret_hash, lambda: self._look_up(secret_hash))

    async def _look_up(self, secret_hash: bytes) -> Principal | None:
        generation, asked_s = self._generation, self._monotonic()
        identity = await self._source.identity_of(secret_hash)
        # What was read before a change must not be remembered after it.
        if self._trusted and generation == self._generation:
            self._remember(secret_hash, identity, asked_s)
        return None if identity is None else identity.principal

    def _remember(self, secret_hash: bytes, identity: Identity | None, asked_s: float) -> None:
        if identity is not None:
            self._memory.add(secret_hash, identity, asked_s)
            return
        self._unknown.remember(secret_hash, None)

    async def warm(self, hashes: Sequence[bytes]) -> bool:
        """Remembers identities before anybody asks for them, as far as there is room: they push nothing out, and go first.

        Args:
            hashes: those that are wanted most at first.

        Returns:
            False when changes came in between or are not pushed: what was read may be older than they, and is not remembered.

        Raises:
            whatever the source raises when it does not answer.
        """
        generation, asked_s = self._generation, self._monotonic()
        wanted = [secret_hash for secret_hash in hashes if secret_hash not in self._memory][: self._memory.room]
        found = await self._source.identities_of(wanted) if wanted and self._trusted else {}
        if not self._trusted or generation != self._generation:
            return False
        for secret_hash in wanted:
            identity = found.get(secret_hash)
            if identity is not None:
                self._memory.add_ahead(secret_hash, identity, asked_s)
        return True

    def due(self, age_s: float) -> Sequence[str]:
        """Organizations whose identities were not renewed for so long."""
        return self._memory.due(self._monotonic(), age_s)

    async def renew(self, organizations: Sequence[str]) -> None:
        """Renews all identities of those of the organizations that were not changed, or whose changes have been pushed.

        Raises:
            whatever the source raises when it does not answer.
        """
        asked_s = self._monotonic()
        present = await self._source.revisions_of(organizations)
        for organization in organizations:
            self._memory.compare(organization, present.get(organization, 0), asked_s)

    def tidy(self, patience_s: float, most: int) -> None:
        """Forgets what was read too long ago, so much of it at once, and organizations with a change that was not pushed.

        Args:
            patience_s: how long a change may be on its way.
            most: identities of the first kind.
        """
        now_s = self._monotonic()
        self._memory.expire(now_s, most)
        for organization in self._memory.lost(now_s, patience_s):
            logger.warning("a change was not pushed: identities are read again", extra={"organization": organization})

    def changed(self, payload: str) -> None:
        """Drops what a notification (`organization kind id`) touches."""
        self._generation += 1
        self._lookups.forget()
        organization, kind, entity_id = payload.split(" ", 2)
        if kind == "api_key":
            self._unknown.clear()
        self._memory.change(organization, kind, entity_id)

    def revised(self, payload: str) -> None:
        """Notes that all changes of a transaction have been pushed: `organization revision`."""
        organization, revision = payload.split(" ")
        self._memory.revise(organization, int(revision))

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
        self._lookups.forget()
        self._memory.clear()
        self._unknown.clear()
