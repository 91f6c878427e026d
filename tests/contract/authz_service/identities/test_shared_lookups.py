"""A service looks up unknown keys in batches. Each lookup sees the state of the database at or after its request."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from authz_service.wiring import ROLE
from benchmarks.tenants import add_member_with_keys
from gateway_core.model.organization.bearer_secrets import hash_secret
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.identity_store import IdentityStore

PEPPER = b"p" * 32
KEYS = 1_000


class Counting:
    """A pool that counts its statements."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.sizes: list[int] = []

    async def fetch(self, query: str, *args: Any) -> Sequence[asyncpg.Record]:
        self.sizes.append(len(args[0]))
        return await self._pool.fetch(query, *args)


@pytest.fixture
async def pool(settings: AuthzSettings) -> AsyncIterator[Counting]:
    async with open_pool(settings, ROLE) as pool:
        yield Counting(pool)


@pytest.fixture
async def hashes(owner: asyncpg.Connection, organization: str) -> list[bytes]:
    secrets = await add_member_with_keys(owner, organization, PEPPER, KEYS)
    return [hash_secret(secret, PEPPER) for secret in secrets]


async def test_a_thousand_concurrent_keys_need_few_statements_and_each_gets_its_identity(
    pool: Counting, hashes: list[bytes]
) -> None:
    """Seen to fail with one statement per key: 1,000 statements."""
    store = IdentityStore(pool)
    found = await asyncio.gather(*map(store.identity_of, hashes))
    assert [identity and identity.principal.api_key for identity in found] == [
        f"bench-{number}" for number in range(KEYS)
    ]
    assert sum(pool.sizes) == KEYS
    assert len(pool.sizes) <= 10


async def test_a_lookup_reads_a_few_pages_whatever_the_statistics_say(
    owner: asyncpg.Connection, organization: str
) -> None:
    """Seen to fail with one condition for all scopes: 260 pages for one of 1,000 keys."""
    await owner.execute("ANALYZE guardrails, members, api_keys")  # nearly empty
    secrets = await add_member_with_keys(owner, organization, PEPPER, KEYS)
    lookup = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM identity_of_key($1)"
    for _ in range(2):  # the first one also reads the catalog
        (plan,) = json.loads(await owner.fetchval(lookup, hash_secret(secrets[-1], PEPPER)))
    assert plan["Plan"]["Actual Rows"] == 1
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] <= 50


async def test_a_missing_key_among_others_has_no_identity(pool: Counting, hashes: list[bytes]) -> None:
    store = IdentityStore(pool)
    found = await asyncio.gather(store.identity_of(b"u" * 32), store.identity_of(hashes[0]))
    assert found[0] is None
    assert found[1] is not None


async def test_a_lookup_requested_after_a_change_sees_it(
    pool: Counting, hashes: list[bytes], owner: asyncpg.Connection
) -> None:
    store = IdentityStore(pool)
    early = [asyncio.ensure_future(store.identity_of(secret_hash)) for secret_hash in hashes]
    await asyncio.sleep(0)
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'bench-member'")
    late = await store.identity_of(hashes[0])
    assert late is not None
    assert not late.principal.member_active
    await asyncio.gather(*early)


async def test_a_failure_reaches_all_waiting_callers_and_the_next_lookup_retries(
    pool: Counting, hashes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = IdentityStore(pool)

    async def failing(_statement: str, _hashes: Sequence[bytes]) -> Any:
        raise TimeoutError

    with monkeypatch.context() as context:
        context.setattr(pool, "fetch", failing)
        answers = await asyncio.gather(*map(store.identity_of, hashes[:300]), return_exceptions=True)
    assert {type(answer) for answer in answers} == {TimeoutError}
    assert await store.identity_of(hashes[0]) is not None
