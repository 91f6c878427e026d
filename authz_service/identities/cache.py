"""The cache of identities. An identity is never used after a change to it has been pushed.

PostgreSQL pushes every change, and the change drops what it touches. While changes cannot be pushed, nothing is cached:
each call queries the database, and is refused if the database does not answer (INV-13). Cached identities are also
renewed before they reach their maximum age, one organization at a time.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from authz_service.identities.memory import IdentityMemory
from gateway_core.model.calls.principals import Principal, RevisedPrincipal
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.runtime.single_flight import SingleFlight

logger = logging.getLogger(__name__)

DEPLOYMENT: Final = "deployment"
"""The kind of a change to the settings of the deployment."""

_UNKNOWN_ENTRIES: Final = 10_000


class IdentitySource(Protocol):
    """Where identities come from."""

    async def identity_of(self, secret_hash: bytes) -> RevisedPrincipal | None:
        """Returns the identity of the key with this hash, or None if there is no such key."""

    async def identities_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, RevisedPrincipal]:
        """Returns the identities of the hashes that belong to a key."""

    async def revisions_of(self, organizations: Sequence[str]) -> Mapping[str, int]:
        """Returns the current revision of each organization. Organizations at revision 0 are omitted."""


class IdentityCache:
    """A bounded cache of principals by key hash. It runs at most one lookup for each hash at a time."""

    def __init__(
        self, source: IdentitySource, entries: int, max_age_ms: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._memory = IdentityMemory(entries, max_age_ms / 1_000)
        self._unknown: BoundedMemory[bytes, None] = BoundedMemory(_UNKNOWN_ENTRIES)
        self._unknown_to_all: BoundedMemory[bytes, None] = BoundedMemory(_UNKNOWN_ENTRIES)
        """First hashes of keys that `principal_of_any` did not find under any hash."""
        self._lookups: SingleFlight[bytes, Principal | None] = SingleFlight()
        self._lookups_of_any: SingleFlight[bytes, tuple[bytes, Principal] | None] = SingleFlight()
        self._generation = 0
        self._trusted = False

    def remembered(self, secret_hash: bytes) -> Principal | None:
        """Returns the cached principal of a key's hash; None if the source must be queried."""
        return self._memory.find(secret_hash, self._monotonic()) if self._trusted else None

    async def principal_of(self, secret_hash: bytes) -> Principal | None:
        """Returns the principal of a key's hash, or None if there is no such key.

        Raises:
            Errors of the source, if it does not answer.
        """
        known = self.remembered(secret_hash)
        if known is not None or (self._trusted and secret_hash in self._unknown):
            return known
        return await self._lookups.run(secret_hash, lambda: self._look_up(secret_hash))

    async def principal_of_any(self, hashes: Sequence[bytes]) -> tuple[bytes, Principal] | None:
        """Returns the principal of a key that may be stored under any of these hashes, and the hash; None if there is none.

        One statement looks up all hashes, so it finds a key whose hash is replaced meanwhile.

        Raises:
            Errors of the source, if it does not answer.
        """
        for secret_hash in hashes:
            if known := self.remembered(secret_hash):
                return secret_hash, known
        if self._trusted and hashes[0] in self._unknown_to_all:
            return None
        return await self._lookups_of_any.run(hashes[0], lambda: self._look_up_any(hashes))

    async def _look_up_any(self, hashes: Sequence[bytes]) -> tuple[bytes, Principal] | None:
        generation, asked_s = self._generation, self._monotonic()
        found = await self._source.identities_of(hashes)
        if self._trusted and generation == self._generation:
            for secret_hash, identity in found.items():
                self._memory.add(secret_hash, identity, asked_s)
            if not found:
                self._unknown_to_all.remember(hashes[0], None)
        return next(((secret_hash, identity.principal) for secret_hash, identity in found.items()), None)

    async def _look_up(self, secret_hash: bytes) -> Principal | None:
        generation, asked_s = self._generation, self._monotonic()
        identity = await self._source.identity_of(secret_hash)
        # Do not cache what was read before a change.
        if self._trusted and generation == self._generation:
            self._remember(secret_hash, identity, asked_s)
        return None if identity is None else identity.principal

    def _remember(self, secret_hash: bytes, identity: RevisedPrincipal | None, asked_s: float) -> None:
        if identity is not None:
            self._memory.add(secret_hash, identity, asked_s)
            return
        self._unknown.remember(secret_hash, None)

    async def warm(self, hashes: Sequence[bytes]) -> bool:
        """Caches identities before calls need them, while there is room. They evict nothing, and are evicted first.

        Args:
            hashes: key hashes, the most wanted first.

        Returns:
            False if changes arrived in between or are not pushed. The identities read may then be outdated and are not
                cached.

        Raises:
            Errors of the source, if it does not answer.
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
        """Returns the organizations whose identities were last renewed at least `age_s` seconds ago."""
        return self._memory.due(self._monotonic(), age_s)

    async def renew(self, organizations: Sequence[str]) -> None:
        """Renews all identities of the given organizations, except where a change has not been pushed yet.

        Raises:
            Errors of the source, if it does not answer.
        """
        asked_s = self._monotonic()
        present = await self._source.revisions_of(organizations)
        for organization in organizations:
            self._memory.compare(organization, present.get(organization, 0), asked_s)

    def tidy(self, patience_s: float, most: int) -> None:
        """Drops identities that were read too long ago, and organizations with a change that was never pushed.

        Args:
            patience_s: how many seconds a change may take to be pushed.
            most: how many old identities to drop at most.
        """
        now_s = self._monotonic()
        self._memory.expire(now_s, most)
        for organization in self._memory.lost(now_s, patience_s):
            logger.warning("a change was not pushed: reading identities again", extra={"organization": organization})

    def changed(self, payload: str) -> bool:
        """Drops what a notification (`organization kind id`) touches. A setting of the deployment touches everything.

        Returns:
            Whether everything was dropped.
        """
        self._generation += 1
        self._lookups.forget()
        self._lookups_of_any.forget()
        organization, kind, entity_id = payload.split(" ", 2)
        if kind == DEPLOYMENT:
            self._drop_all()
            return True
        if kind == "api_key":
            self._unknown.clear()
            self._unknown_to_all.clear()
        self._memory.change(organization, kind, entity_id)
        return False

    def revised(self, payload: str) -> None:
        """Handles `organization revision`: all changes of one transaction have been pushed."""
        organization, revision = payload.split(" ")
        self._memory.revise(organization, int(revision))

    def trust(self) -> None:
        """Starts caching, because changes are pushed from now on. Drops everything cached before."""
        self._drop_all()
        self._trusted = True

    def distrust(self) -> None:
        """Stops caching, because changes may be missed from now on. Every call queries the source."""
        self._trusted = False
        self._drop_all()

    def _drop_all(self) -> None:
        self._generation += 1
        self._lookups.forget()
        self._lookups_of_any.forget()
        self._memory.clear()
        self._unknown.clear()
        self._unknown_to_all.clear()
