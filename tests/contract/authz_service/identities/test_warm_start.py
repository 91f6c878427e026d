"""A service that starts, or that missed changes, loads recently used keys before their calls arrive."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from envoy.service.auth.v3 import external_auth_pb2
from redis.asyncio import Redis

from authz_service.check import AuthzService
from benchmarks.tenants import add_member_with_keys
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.settings import AuthzSettings
from tests.contract.authz_service.conftest import KEY, PEPPER, Answer, check_request, ready, top_up

KEYS = 2_000
NEW_KEY = API_KEY.make(b"n" * 32)
_AT_ONCE = 50


@dataclass
class Statements:
    """The queries about identities, and an event that delays their answers."""

    lookups: list[int] = field(default_factory=list)
    """The number of hashes in each lookup."""
    listings: list[list[bytes]] = field(default_factory=list)
    """The hashes that each load returned."""
    before_answer: Callable[[], Awaitable[None]] | None = None

    async def note(self, query: str, arguments: Sequence[Any], rows: Sequence[asyncpg.Record]) -> None:
        if "identity_of_key" in query:
            self.lookups.append(len(arguments[0]))
            if self.before_answer is not None:
                await self.before_answer()
        elif "hashes_of_keys_used_lately" in query:
            self.listings.append([row["key_hash"] for row in rows])


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    noted = Statements()
    fetch = asyncpg.Pool.fetch

    async def noting(pool: asyncpg.Pool, query: str, *arguments: Any, **options: Any) -> Any:
        rows = await fetch(pool, query, *arguments, **options)
        await noted.note(query, arguments, rows)
        return rows

    with monkeypatch.context() as context:
        context.setattr(asyncpg.Pool, "fetch", noting)
        yield noted


async def used(owner: asyncpg.Connection, keys: Sequence[str], age_s: int = 0) -> None:
    """Marks keys as used, a second apart. The first key is the most recent."""
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, last_use_time)"
        " SELECT 'acme', 'api_key:' || k || ':MONTHLY:1767225600:1', 0, 1, now() - ($2 + n) * interval '1 second'"
        "   FROM unnest($1::text[]) WITH ORDINALITY AS u (k, n)",
        keys, age_s,
    )  # fmt: skip


@pytest.fixture
async def busy_keys(owner: asyncpg.Connection, organization: str, redis: Redis) -> list[str]:
    """Keys that were used within the last hour, most recent first."""
    secrets = await add_member_with_keys(owner, organization, bytes.fromhex(PEPPER), KEYS)
    await used(owner, [f"bench-{number}" for number in range(KEYS)])
    await top_up(owner, 2 * KEYS)
    return secrets


async def ask(service: AuthzService, key: str) -> Answer:
    check = service.unary_methods[0]
    answer = await check.handle(check_request(key=key).SerializeToString(), {})
    return Answer(external_auth_pb2.CheckResponse.FromString(answer))


async def all_pass(service: AuthzService, keys: Sequence[str]) -> None:
    for begin in range(0, len(keys), _AT_ONCE):
        answers = await asyncio.gather(*(ask(service, key) for key in keys[begin : begin + _AT_ONCE]))
        assert all(answer.allowed for answer in answers)


async def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def loaded(condition: Callable[[], bool]) -> None:
    """Waits until the last answer has arrived and its identities are stored."""
    await until(condition)
    await asyncio.sleep(0.2)


async def test_first_calls_of_busy_keys_need_no_lookup_after_a_restart(
    settings: AuthzSettings, busy_keys: list[str], statements: Statements
) -> None:
    """Seen to fail without loading: 40 statements."""
    async with ready(settings) as service:
        await loaded(lambda: sum(statements.lookups) == KEYS)
        assert (len(statements.listings), len(statements.lookups)) == (1, 4)
        await all_pass(service, busy_keys)
        assert len(statements.lookups) == 4


async def test_a_service_that_missed_changes_loads_again(
    settings: AuthzSettings, busy_keys: list[str], statements: Statements, owner: asyncpg.Connection
) -> None:
    """Seen to fail when the service loads only at its start."""
    async with ready(settings) as service:
        await loaded(lambda: sum(statements.lookups) == KEYS)
        assert await owner.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'megarouter_authz listener' AND datname = current_database()"
        )
        await until(lambda: len(statements.listings) == 2)
        await loaded(lambda: sum(statements.lookups) == 2 * KEYS)
        await all_pass(service, busy_keys)
        assert sum(statements.lookups) == 2 * KEYS


async def test_a_change_during_loading_is_not_lost(
    settings: AuthzSettings, busy_keys: list[str], statements: Statements, owner: asyncpg.Connection
) -> None:
    """Seen to fail when data read before the change is stored: the key was still accepted."""

    async def disabled_meanwhile() -> None:
        statements.before_answer = None
        await owner.execute("UPDATE api_keys SET state = 'DISABLED' WHERE api_key_id = 'bench-0'")
        await asyncio.sleep(0.2)  # until the service is notified

    statements.before_answer = disabled_meanwhile
    async with ready(settings) as service:
        await loaded(lambda: sum(statements.lookups) == KEYS + 500)
        assert (await ask(service, busy_keys[0])).code == "key_disabled"
        await all_pass(service, busy_keys[1:])
        assert sum(statements.lookups) == KEYS + 500


async def test_loading_is_bounded_by_the_cache_and_prefers_recently_used_keys(
    settings: AuthzSettings, busy_keys: list[str], statements: Statements
) -> None:
    """Seen to fail without the bound in SQL and in the cache, and with the oldest first."""
    async with ready(settings.model_copy(update={"identity_cache_entries": 700})) as service:
        await loaded(lambda: sum(statements.lookups) == 700)
        assert statements.lookups == [500, 200]
        assert statements.listings == [[hash_secret(key, bytes.fromhex(PEPPER)) for key in busy_keys[:700]]]
        await all_pass(service, busy_keys[:700])
        assert statements.lookups == [500, 200]
        await all_pass(service, busy_keys[700:701])
        assert statements.lookups == [500, 200, 1]


async def test_keys_that_were_not_used_within_a_day_or_are_deleted_are_not_loaded(
    settings: AuthzSettings, organization: str, redis: Redis, owner: asyncpg.Connection, statements: Statements
) -> None:
    await add_member_with_keys(owner, organization, bytes.fromhex(PEPPER), 4)
    await used(owner, ["bench-0"], age_s=86_390)
    await used(owner, ["bench-1"], age_s=86_410)
    await used(owner, ["bench-2"])
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'bench-2'")
    async with ready(settings):
        await loaded(lambda: bool(statements.lookups))
        assert statements.lookups == [1]


async def test_both_secrets_of_a_key_are_loaded_while_both_are_valid(
    settings: AuthzSettings, organization: str, redis: Redis, owner: asyncpg.Connection, statements: Statements
) -> None:
    await used(owner, ["key-1"])
    await owner.execute(
        "UPDATE api_keys SET previous_secret_hash = secret_hash, secret_hash = $1, previous_expire_time = $2",
        hash_secret(NEW_KEY, bytes.fromhex(PEPPER)), dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
    )  # fmt: skip
    async with ready(settings) as service:
        await loaded(lambda: statements.lookups == [2])
        await all_pass(service, [KEY, NEW_KEY])
        assert statements.lookups == [2]


async def test_slow_loading_delays_readiness_by_at_most_a_second_and_no_calls(
    settings: AuthzSettings, busy_keys: list[str], statements: Statements
) -> None:
    """Seen to fail when readiness waits for loading: the service was never ready."""
    stalled, held_back = asyncio.Event(), asyncio.Event()

    async def stall() -> None:
        statements.before_answer = None
        stalled.set()
        await held_back.wait()

    statements.before_answer = stall
    begun_s = asyncio.get_running_loop().time()
    async with ready(settings) as service:
        assert 0.9 < asyncio.get_running_loop().time() - begun_s < 3
        assert stalled.is_set()
        await all_pass(service, busy_keys[-2:])
        held_back.set()
