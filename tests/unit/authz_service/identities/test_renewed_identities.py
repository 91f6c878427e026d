"""A renewal never extends an identity beyond the maximum age, counted from its request (INV-13)."""

import asyncio

import pytest

from authz_service.identities.cache import IdentityCache
from tests.support.data.examples import principal
from tests.unit.authz_service.identities.identity_directory import HASH, Clock, Directory


async def renewal_under_way(cache: IdentityCache, directory: Directory) -> tuple[asyncio.Task[None], asyncio.Event]:
    """Starts a renewal that waits for its answer. Yields the event that lets the answer arrive."""
    directory.held_back = answer = asyncio.Event()
    renewal = asyncio.create_task(cache.renew(["acme"]))
    await asyncio.sleep(0)
    return renewal, answer


async def test_a_renewal_requested_before_a_change_restores_nothing(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    await cache.principal_of(HASH)
    clock.now_s += 20
    renewal, answer = await renewal_under_way(cache, directory)
    directory.known[HASH] = principal(api_key_active=False)
    directory.revisions["acme"] = 1
    cache.changed("acme api_key key-1")
    cache.revised("acme 1")
    answer.set()
    await renewal
    found = await cache.principal_of(HASH)
    assert found is not None
    assert not found.api_key_active


async def test_a_renewal_does_not_renew_identities_affected_by_an_unpushed_change(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    """Seen to fail when a renewal accepts any revision that it reads."""
    await cache.principal_of(HASH)
    clock.now_s += 20
    directory.revisions["acme"] = 1
    await cache.renew(["acme"])
    clock.now_s += 9.999
    assert cache.remembered(HASH) is not None
    clock.now_s += 0.001
    assert cache.remembered(HASH) is None


async def test_the_age_of_a_renewed_identity_counts_from_the_request(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    """Seen to fail when the age counts from the answer."""
    await cache.principal_of(HASH)
    clock.now_s += 20
    renewal, answer = await renewal_under_way(cache, directory)
    clock.now_s += 5
    answer.set()
    await renewal
    clock.now_s += 24.999
    assert cache.remembered(HASH) is not None
    clock.now_s += 0.001
    assert cache.remembered(HASH) is None


async def test_the_age_of_an_identity_counts_from_its_request(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    """Seen to fail when the age counts from the answer."""
    directory.held_back = asyncio.Event()
    asked = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(1)
    clock.now_s += 5
    directory.held_back.set()
    await asked
    clock.now_s += 25
    assert cache.remembered(HASH) is None


async def test_a_renewal_that_fails_renews_nothing(cache: IdentityCache, directory: Directory, clock: Clock) -> None:
    await cache.principal_of(HASH)
    clock.now_s += 20
    directory.failure = TimeoutError()
    with pytest.raises(TimeoutError):
        await cache.renew(["acme"])
    clock.now_s += 10
    assert cache.remembered(HASH) is None


async def test_a_renewal_from_before_trust_was_lost_renews_nothing_read_later(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    renewal, answer = await renewal_under_way(cache, directory)
    cache.distrust()
    cache.trust()
    directory.revisions["acme"] = 1
    answer.set()
    await cache.principal_of(HASH)
    await renewal
    clock.now_s += 30
    assert cache.remembered(HASH) is None


async def test_a_change_that_is_never_pushed_has_its_organization_read_again(
    cache: IdentityCache, directory: Directory, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await cache.principal_of(HASH)
    directory.known[HASH] = principal(api_key_active=False)
    directory.revisions["acme"] = 1
    await cache.renew(["acme"])
    cache.tidy(patience_s=5, most=1)
    assert cache.remembered(HASH) == principal()
    clock.now_s += 5
    cache.tidy(patience_s=5, most=1)
    found = await cache.principal_of(HASH)
    assert found is not None
    assert not found.api_key_active
    assert "a change was not pushed" in caplog.text
