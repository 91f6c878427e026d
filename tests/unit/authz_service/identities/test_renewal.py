"""Renewal runs in the background in bounded statements, and survives a database that does not answer."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from authz_service.identities.cache import IdentityCache
from authz_service.identities.renewal import Renewal
from gateway_core.model.calls.principals import RevisedPrincipal
from tests.support.data.examples import principal

MAX_AGE_MS = 30_000
ROUND_S = 5.0


class Database:
    """A directory with one key for each of many organizations, or many keys of one."""

    def __init__(self) -> None:
        self.lookups = 0
        self.comparisons: list[int] = []
        self.organizations = 1
        self.failure: Exception | None = None

    def identity(self, secret_hash: bytes) -> RevisedPrincipal:
        number = int.from_bytes(secret_hash)
        return RevisedPrincipal(
            principal(api_key=f"key-{number}", organization=f"acme-{number % self.organizations}"), 0
        )

    async def identity_of(self, secret_hash: bytes) -> RevisedPrincipal | None:
        self.lookups += 1
        return self.identity(secret_hash)

    async def identities_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, RevisedPrincipal]:
        self.lookups += 1
        return {secret_hash: self.identity(secret_hash) for secret_hash in hashes}

    async def revisions_of(self, organizations: Sequence[str]) -> Mapping[str, int]:
        self.comparisons.append(len(organizations))
        if self.failure is not None:
            raise self.failure
        return {}


class Time:
    """A clock that advances at each pause, for a limited number of pauses."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.pauses = 0

    def __call__(self) -> float:
        return self.now_s

    async def pause(self, seconds: float) -> None:
        if not self.pauses:
            raise asyncio.CancelledError
        self.pauses -= 1
        self.now_s += seconds


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def cache(database: Database, time: Time) -> IdentityCache:
    cache = IdentityCache(database, entries=5_000, max_age_ms=MAX_AGE_MS, monotonic=time)
    cache.trust()
    return cache


async def rounds(cache: IdentityCache, time: Time, count: int) -> None:
    time.pauses = count
    with pytest.raises(asyncio.CancelledError):
        await Renewal(cache, MAX_AGE_MS, time.pause).run()


async def call_with(cache: IdentityCache, count: int) -> None:
    for number in range(count):
        secret_hash = number.to_bytes(32)
        assert cache.remembered(secret_hash) or await cache.principal_of(secret_hash)


async def test_a_key_in_use_for_ten_ages_costs_one_lookup_and_a_row_every_ten_seconds(
    cache: IdentityCache, database: Database, time: Time
) -> None:
    """Seen to fail without renewal, with 1,000 keys: 11,000 lookups."""
    await call_with(cache, 1_000)
    for _ in range(10):
        await rounds(cache, time, round(MAX_AGE_MS / 1_000 / ROUND_S))
        await call_with(cache, 1_000)
    assert database.lookups == 1_000
    assert database.comparisons == [1] * 30


async def test_a_round_of_many_organizations_uses_bounded_statements(
    cache: IdentityCache, database: Database, time: Time
) -> None:
    database.organizations = 1_200
    await call_with(cache, 1_200)
    await rounds(cache, time, 2)
    assert database.comparisons == [500, 500, 200]


async def test_unused_keys_are_not_renewed(cache: IdentityCache, database: Database, time: Time) -> None:
    """Seen to fail when outdated identities are not dropped."""
    await call_with(cache, 3)
    await rounds(cache, time, 360)
    asked = len(database.comparisons)
    await rounds(cache, time, 360)
    assert len(database.comparisons) == asked


async def test_a_renewal_without_an_answer_is_retried_before_identities_expire(
    cache: IdentityCache, database: Database, time: Time
) -> None:
    await call_with(cache, 1)
    database.failure = TimeoutError()
    await rounds(cache, time, 4)
    database.failure = None
    await rounds(cache, time, 1)
    assert database.comparisons == [1, 1, 1, 1]
    time.now_s += 29.9
    await call_with(cache, 1)
    assert database.lookups == 1


async def test_no_identity_exceeds_the_maximum_age_while_the_database_does_not_answer(
    cache: IdentityCache, database: Database, time: Time
) -> None:
    await call_with(cache, 1)
    database.failure = TimeoutError()
    await rounds(cache, time, 5)
    assert cache.remembered(bytes(32)) is not None
    await rounds(cache, time, 1)
    assert cache.remembered(bytes(32)) is None
