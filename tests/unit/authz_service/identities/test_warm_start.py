"""Preloading gives up on data that changes too fast and on an unresponsive database, and starts again on request."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from authz_service.identities import warm_start
from authz_service.identities.cache import IdentityCache
from authz_service.identities.warm_start import WarmStart
from gateway_core.model.calls.principals import RevisedPrincipal
from tests.support.data.examples import principal

HASHES = [number.to_bytes(32) for number in range(1_200)]


class Database:
    """A directory of used keys whose identities may change while they are read."""

    def __init__(self) -> None:
        self.identities: IdentityCache | None = None
        self.sizes: list[int] = []
        self.listings: list[int] = []
        self.changes_while_read = 0
        self.failure: Exception | None = None

    async def used_lately(self, entries: int) -> Sequence[bytes]:
        self.listings.append(entries)
        if self.failure is not None:
            raise self.failure
        return HASHES

    async def identities_of(self, hashes: Sequence[bytes]) -> Mapping[bytes, RevisedPrincipal]:
        self.sizes.append(len(hashes))
        if self.changes_while_read:
            self.changes_while_read -= 1
            assert self.identities is not None
            self.identities.changed("other member max")
        return {secret_hash: RevisedPrincipal(principal(api_key=secret_hash.hex()), 0) for secret_hash in hashes}

    async def identity_of(self, secret_hash: bytes) -> RevisedPrincipal | None:
        raise NotImplementedError

    async def revisions_of(self, organizations: Sequence[str]) -> Mapping[str, int]:
        raise NotImplementedError


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loading(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> WarmStart:
    monkeypatch.setattr(warm_start, "_PAUSE_S", 0.0)
    database.identities = IdentityCache(database, entries=5_000, max_age_ms=30_000)
    return WarmStart(database.identities, database, 5_000, clock)


async def run_a_moment(loading: WarmStart) -> None:
    """Runs until no task makes progress. This needs no clock."""
    task = asyncio.create_task(loading.run())
    for _ in range(1_000):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def test_used_keys_are_loaded_in_parts(loading: WarmStart, database: Database) -> None:
    loading.restored()
    await run_a_moment(loading)
    assert (database.listings, database.sizes) == ([5_000], [500, 500, 200])
    assert loading.is_over


async def test_a_part_that_changed_meanwhile_is_read_again(loading: WarmStart, database: Database) -> None:
    database.changes_while_read = 2
    loading.restored()
    await run_a_moment(loading)
    assert database.sizes == [500, 500, 500, 500, 200]


async def test_used_keys_are_loaded_again_when_a_setting_of_the_deployment_changes(
    loading: WarmStart, database: Database
) -> None:
    loading.restored()
    await run_a_moment(loading)
    loading.changed("acme member max")
    await run_a_moment(loading)
    assert database.sizes == [500, 500, 200]
    loading.changed("- deployment settings")
    await run_a_moment(loading)
    assert database.sizes == [500, 500, 200] * 2


async def test_loading_gives_up_when_changes_do_not_end(loading: WarmStart, database: Database) -> None:
    database.changes_while_read = 1_000
    loading.restored()
    await run_a_moment(loading)
    assert database.sizes == [500] * 5
    assert loading.is_over


async def test_an_unresponsive_database_ends_loading_until_the_next_request(
    loading: WarmStart, database: Database
) -> None:
    database.failure = TimeoutError()
    loading.restored()
    await run_a_moment(loading)
    assert loading.is_over
    assert database.sizes == []
    database.failure = None
    loading.restored()
    await run_a_moment(loading)
    assert sum(database.sizes) == len(HASHES)


async def test_nothing_is_loaded_before_changes_are_pushed(loading: WarmStart, database: Database) -> None:
    await run_a_moment(loading)
    assert database.listings == []
    assert not loading.is_over


async def test_waiting_for_loading_takes_at_most_a_second(loading: WarmStart, clock: Clock) -> None:
    loading.restored()
    assert not loading.is_over
    clock.now_s += 1.0
    assert loading.is_over
