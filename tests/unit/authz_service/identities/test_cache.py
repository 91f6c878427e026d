"""Cached identities are bounded and dropped by pushed changes. Nothing is cached while changes may be missed (INV-13)."""

import asyncio
from dataclasses import replace

import pytest

from authz_service.identities.cache import IdentityCache
from authz_service.identities.memory import READ_AGES
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.support.data.examples import principal
from tests.unit.authz_service.identities.identity_directory import HASH, MAX_AGE_MS, Clock, Directory, several


async def test_an_identity_is_looked_up_once(cache: IdentityCache, directory: Directory) -> None:
    assert await cache.principal_of(HASH) == principal()
    assert await cache.principal_of(HASH) == principal()
    assert directory.lookups == 1


async def test_an_identity_is_looked_up_again_at_its_maximum_age(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    await cache.principal_of(HASH)
    clock.now_s += MAX_AGE_MS / 1_000 - 0.001
    await cache.principal_of(HASH)
    assert directory.lookups == 1
    clock.now_s += 0.001
    await cache.principal_of(HASH)
    assert directory.lookups == 2


async def test_the_number_of_cached_identities_is_bounded(cache: IdentityCache, directory: Directory) -> None:
    hashes = [bytes([number]) * 32 for number in range(4)]
    for number, secret_hash in enumerate(hashes):
        directory.known[secret_hash] = principal(api_key=f"key-{number}")
        await cache.principal_of(secret_hash)
    for secret_hash in hashes[1:]:
        await cache.principal_of(secret_hash)
    assert directory.lookups == 4
    await cache.principal_of(hashes[0])
    assert directory.lookups == 5


async def test_at_most_ten_thousand_unknown_keys_are_cached(cache: IdentityCache, directory: Directory) -> None:
    first, *rest = [number.to_bytes(32) for number in range(10_001)]
    for secret_hash in (first, *rest):
        await cache.principal_of(secret_hash)
    assert directory.lookups == 10_001
    await cache.principal_of(rest[0])
    assert directory.lookups == 10_001
    await cache.principal_of(first)
    assert directory.lookups == 10_002


async def test_an_unknown_key_is_cached_until_a_key_changes(cache: IdentityCache, directory: Directory) -> None:
    unknown = b"u" * 32
    assert await cache.principal_of(unknown) is None
    assert await cache.principal_of(unknown) is None
    assert directory.lookups == 1
    directory.known[unknown] = principal(api_key="key-9")
    cache.changed("acme api_key key-9")
    found = await cache.principal_of(unknown)
    assert found is not None
    assert found.api_key == "key-9"


@pytest.mark.parametrize(
    "payload",
    ["acme api_key key-1", "acme member mia", "acme group g2", "acme group elsewhere", "acme organization acme",
     "acme guardrail api_key:key-1", "acme guardrail member:mia", "acme guardrail group:g1", "acme guardrail organization:acme"],
)  # fmt: skip
async def test_a_change_drops_the_identities_it_affects(
    cache: IdentityCache, directory: Directory, payload: str
) -> None:
    await cache.principal_of(HASH)
    directory.known[HASH] = principal(api_key_active=False)
    cache.changed(payload)
    found = await cache.principal_of(HASH)
    assert found is not None
    assert not found.api_key_active


@pytest.mark.parametrize(
    "payload",
    ["acme api_key key-2", "acme member max", "acme guardrail member:max", "acme guardrail api_key:mia", "other api_key key-1",
     "other organization other"],
)  # fmt: skip
async def test_a_change_of_another_scope_drops_nothing(
    cache: IdentityCache, directory: Directory, payload: str
) -> None:
    await cache.principal_of(HASH)
    cache.changed(payload)
    await cache.principal_of(HASH)
    assert directory.lookups == 1


async def test_a_guardrail_is_identified_by_kind_and_id_together(cache: IdentityCache, directory: Directory) -> None:
    rail = Guardrail(Scope(ScopeKind.GROUP, "same"))
    directory.known[HASH] = replace(principal(), guardrails=(rail,), group_path=("same",))
    await cache.principal_of(HASH)
    cache.changed("acme guardrail member:same")
    await cache.principal_of(HASH)
    assert directory.lookups == 1
    cache.changed("acme guardrail group:same")
    await cache.principal_of(HASH)
    assert directory.lookups == 2


async def test_concurrent_calls_share_one_lookup(cache: IdentityCache, directory: Directory) -> None:
    directory.held_back = asyncio.Event()
    waiting = [asyncio.create_task(cache.principal_of(HASH)) for _ in range(50)]
    await directory.has_been_asked(1)
    directory.held_back.set()
    assert await asyncio.gather(*waiting) == [principal()] * 50
    assert directory.lookups == 1


async def test_a_canceled_call_does_not_end_the_lookup_of_others(cache: IdentityCache, directory: Directory) -> None:
    directory.held_back = asyncio.Event()
    first, second = (asyncio.create_task(cache.principal_of(HASH)) for _ in range(2))
    await directory.has_been_asked(1)
    first.cancel()
    await asyncio.sleep(0)
    directory.held_back.set()
    assert await second == principal()
    assert first.cancelled()
    assert directory.lookups == 1


@pytest.mark.parametrize("payload", ["acme api_key key-1", "other member max"])
async def test_data_read_before_a_change_is_not_cached_after_it(
    cache: IdentityCache, directory: Directory, payload: str
) -> None:
    directory.held_back = asyncio.Event()
    early = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(1)
    directory.known[HASH] = principal(api_key_active=False)
    cache.changed(payload)
    directory.held_back.set()
    await early
    found = await cache.principal_of(HASH)
    assert found is not None
    assert not found.api_key_active


async def test_a_call_after_a_change_does_not_share_an_earlier_lookup(
    cache: IdentityCache, directory: Directory
) -> None:
    directory.held_back = asyncio.Event()
    early = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(1)
    directory.known[HASH] = principal(api_key_active=False)
    cache.changed("acme api_key key-1")
    late = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(2)
    directory.held_back.set()
    before, after = await asyncio.gather(early, late)
    assert before == principal()
    assert after == directory.known[HASH]


async def test_a_lookup_from_before_a_change_does_not_end_the_sharing_of_a_later_one(
    cache: IdentityCache, directory: Directory
) -> None:
    directory.held_back = early_answer = asyncio.Event()
    early = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(1)
    cache.changed("acme api_key key-1")
    directory.held_back = late_answer = asyncio.Event()
    late = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(2)
    early_answer.set()
    await early
    later = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(2)
    late_answer.set()
    assert set(await asyncio.gather(late, later)) == {principal()}


async def test_every_call_looks_up_while_changes_may_be_missed(cache: IdentityCache, directory: Directory) -> None:
    unknown = b"u" * 32
    for secret_hash in (HASH, unknown):
        await cache.principal_of(secret_hash)
    cache.distrust()
    for _ in range(2):
        for secret_hash in (HASH, unknown):
            await cache.principal_of(secret_hash)
    assert directory.lookups == 6


async def test_a_lookup_started_before_trust_was_lost_is_not_cached_after_it_returns(
    cache: IdentityCache, directory: Directory
) -> None:
    directory.held_back = asyncio.Event()
    early = asyncio.create_task(cache.principal_of(HASH))
    await directory.has_been_asked(1)
    cache.distrust()
    cache.trust()
    directory.held_back.set()
    await early
    await cache.principal_of(HASH)
    assert directory.lookups == 2


async def test_a_cache_that_was_never_trusted_is_empty(directory: Directory, clock: Clock) -> None:
    cache = IdentityCache(directory, entries=3, max_age_ms=MAX_AGE_MS, monotonic=clock)
    await cache.principal_of(HASH)
    await cache.principal_of(HASH)
    assert directory.lookups == 2


async def test_a_failure_reaches_every_caller_and_is_not_cached(cache: IdentityCache, directory: Directory) -> None:
    directory.failure = ConnectionError("down")
    answers = await asyncio.gather(*(cache.principal_of(HASH) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError] * 3
    directory.failure = None
    assert await cache.principal_of(HASH) == principal()


async def test_preloaded_identities_are_not_looked_up(cache: IdentityCache, directory: Directory) -> None:
    hashes = several(directory, 3)
    assert await cache.warm([*hashes[:2], b"u" * 32])
    assert [cache.remembered(secret_hash) for secret_hash in hashes] == [
        *(directory.known[secret_hash] for secret_hash in hashes[:2]),
        None,
    ]
    assert directory.lookups == 1


@pytest.mark.parametrize("payload", ["acme api_key key-0", "other member max"])
async def test_identities_preloaded_before_a_change_are_not_cached(
    cache: IdentityCache, directory: Directory, payload: str
) -> None:
    (secret_hash,) = several(directory, 1)
    directory.held_back = asyncio.Event()
    loading = asyncio.create_task(cache.warm([secret_hash]))
    await directory.has_been_asked(1)
    cache.changed(payload)
    directory.held_back.set()
    assert not await loading
    assert cache.remembered(secret_hash) is None


async def test_a_change_drops_only_the_preloaded_identities_it_affects(
    cache: IdentityCache, directory: Directory
) -> None:
    hashes = several(directory, 2)
    await cache.warm(hashes)
    cache.changed("acme api_key key-0")
    assert cache.remembered(hashes[0]) is None
    assert cache.remembered(hashes[1]) == directory.known[hashes[1]]


async def test_preloading_evicts_nothing(cache: IdentityCache, directory: Directory) -> None:
    hashes = several(directory, 4)
    asked_for = b"a" * 32
    directory.known[asked_for] = principal(api_key="asked-for")
    await cache.principal_of(asked_for)
    assert await cache.warm([asked_for, *hashes])
    assert directory.asked_for == hashes[:2], "identities without room must not be read"
    remembered = [secret_hash for secret_hash in (asked_for, *hashes) if cache.remembered(secret_hash)]
    assert remembered == [asked_for, *hashes[:2]]
    await cache.principal_of(hashes[3])
    remembered = [secret_hash for secret_hash in (asked_for, *hashes) if cache.remembered(secret_hash)]
    assert remembered == [asked_for, hashes[0], hashes[3]], "the least wanted identity is evicted first"


async def test_a_call_during_preloading_takes_precedence_in_the_cache(
    cache: IdentityCache, directory: Directory
) -> None:
    hashes = several(directory, 4)
    directory.held_back = held_back = asyncio.Event()
    loading = asyncio.create_task(cache.warm(hashes[1:]))
    await directory.has_been_asked(1)
    directory.held_back = None
    await cache.principal_of(hashes[0])
    held_back.set()
    assert await loading
    assert sum(cache.remembered(secret_hash) is not None for secret_hash in hashes) == 3
    assert cache.remembered(hashes[0]) is not None


async def test_preloaded_identities_expire_spread_over_half_of_the_longest_age(
    cache: IdentityCache, directory: Directory, clock: Clock
) -> None:
    hashes = [bytes([first]) * 32 for first in (0, 128, 255)]
    for secret_hash in hashes:
        directory.known[secret_hash] = principal(api_key=f"key-{secret_hash[0]}")
    await cache.warm(hashes)
    remembered = []
    for share in (0.49, 0.51, 0.76, 1.0):
        clock.now_s = 1_000.0 + MAX_AGE_MS / 1_000 * READ_AGES * share
        await cache.renew(["acme"])
        remembered.append([secret_hash[0] for secret_hash in hashes if cache.remembered(secret_hash)])
    assert remembered == [[0, 128, 255], [0, 128], [0], []]


async def test_nothing_is_preloaded_while_changes_may_be_missed(cache: IdentityCache, directory: Directory) -> None:
    cache.distrust()
    assert not await cache.warm(several(directory, 1))
    assert directory.lookups == 0


async def test_a_setting_of_the_deployment_drops_every_identity(cache: IdentityCache, directory: Directory) -> None:
    await cache.principal_of(HASH)
    directory.known[HASH] = principal(is_switched_off=True)
    cache.changed("- deployment settings")
    found = await cache.principal_of(HASH)
    assert found is not None
    assert found.is_switched_off
