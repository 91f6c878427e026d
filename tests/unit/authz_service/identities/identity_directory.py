"""A directory of identities and a clock for tests of the identity cache."""

import asyncio
from collections.abc import Mapping, Sequence

from gateway_core.model.calls.principals import Principal, RevisedPrincipal
from tests.support.data.examples import principal

MAX_AGE_MS = 30_000
HASH = b"h" * 32


class Directory:
    """A directory whose identities tests can change, and whose lookups they can count and block."""

    def __init__(self) -> None:
        self.known: dict[bytes, Principal] = {HASH: principal()}
        self.revisions: dict[str, int] = {}
        self.lookups = 0
        self.asked_for: list[bytes] = []
        self.comparisons: list[list[str]] = []
        self.held_back: asyncio.Event | None = None
        self.failure: Exception | None = None

    def identity(self, secret_hash: bytes) -> RevisedPrincipal | None:
        found = self.known.get(secret_hash)
        return None if found is None else RevisedPrincipal(found, self.revisions.get(found.organization, 0))

    async def identity_of(self, secret_hash: bytes) -> RevisedPrincipal | None:
        self.lookups += 1
        found = self.identity(secret_hash)
        if self.held_back is not None:
            await self.held_back.wait()
        if self.failure is not None:
            raise self.failure
        return found

    async def identities_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, RevisedPrincipal]:
        self.lookups += 1
        self.asked_for.extend(hashes)
        found = {secret_hash: identity for secret_hash in hashes if (identity := self.identity(secret_hash))}
        if self.held_back is not None:
            await self.held_back.wait()
        return found

    async def revisions_of(self, organizations: Sequence[str]) -> Mapping[str, int]:
        self.comparisons.append(list(organizations))
        found = {name: self.revisions[name] for name in organizations if name in self.revisions}
        if self.held_back is not None:
            await self.held_back.wait()
        if self.failure is not None:
            raise self.failure
        return found

    async def has_been_asked(self, times: int) -> None:
        """Waits until `count` lookups are under way or answered, and then until no task makes progress."""
        for _ in range(10):
            await asyncio.sleep(0)
        assert self.lookups == times


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def several(directory: Directory, count: int) -> list[bytes]:
    hashes = [bytes([number]) * 32 for number in range(1, count + 1)]
    for number, secret_hash in enumerate(hashes):
        directory.known[secret_hash] = principal(api_key=f"key-{number}")
    return hashes
