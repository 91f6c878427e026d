"""Identities are renewed by their organization's revision, which every change of an identity's data increments (INV-13)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.wiring import ROLE
from benchmarks.tenants import add_member_with_keys
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.identity_store import CHANNEL, REVISION_CHANNEL, IdentityStore
from tests.contract.authz_service.conftest import (
    KEY,
    PEPPER,
    Answer,
    add_key,
    check_request,
    checked,
    guard,
    ready,
    top_up,
)

KEYS = 200
MAX_AGE_MS = 900
_REVISION = "SELECT revision FROM identity_revisions WHERE organization_id = 'acme'"
_OTHER_MEMBER = """
INSERT INTO users VALUES ('user-2', 'max@acme.example', 'Max');
INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('acme', 'max', 'user-2', 'MEMBER')
"""


class Counting:
    """A pool that counts queries about identities."""

    def __init__(self) -> None:
        self.looked_up = 0
        self.compared = 0

    def note(self, query: str, arguments: Sequence[Any]) -> None:
        if "identity_of_key" in query:
            self.looked_up += len(arguments[0])
        elif "identity_revisions_of" in query:
            self.compared += len(arguments[0])


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counting:
    noted = Counting()
    fetch = asyncpg.Pool.fetch

    async def noting(pool: asyncpg.Pool, query: str, *arguments: Any, **options: Any) -> Any:
        noted.note(query, arguments)
        return await fetch(pool, query, *arguments, **options)

    monkeypatch.setattr(asyncpg.Pool, "fetch", noting)
    return noted


@pytest.fixture
async def store(settings: AuthzSettings) -> AsyncIterator[IdentityStore]:
    async with open_pool(settings, ROLE) as pool:
        yield IdentityStore(pool)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE organizations SET input_estimate = 'STRICT'",
        "UPDATE groups SET display_name = 'G'",
        "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ('acme', 'g5', '{g5}', 'G')",
        "UPDATE members SET state = 'SUSPENDED'",
        _OTHER_MEMBER,
        "UPDATE api_keys SET state = 'DISABLED'",
        "DELETE FROM api_keys",
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id) VALUES ('acme', 'member', 'mia')",
        "UPDATE guardrails SET budget_nano_credits = 0",
        "DELETE FROM guardrails",
        "UPDATE organizations SET time_zone = 'Europe/Berlin'",
        "TRUNCATE guardrails",
    ],
)
async def test_every_change_of_identity_data_increments_the_revision_once(
    owner: asyncpg.Connection, organization: str, statement: str
) -> None:
    """Seen to fail without the triggers of each table."""
    await guard(owner, "organization", "acme", cycle="DAILY")
    before = await owner.fetchval(_REVISION)
    await owner.execute(f"BEGIN; {statement}; {statement if 'INSERT' not in statement else 'SELECT 1'}; COMMIT")
    moved = await owner.fetchval(_REVISION) - before
    assert moved == (2 if "TRUNCATE" in statement else 1)


async def test_a_rolled_back_change_does_not_increment_the_revision(
    owner: asyncpg.Connection, organization: str
) -> None:
    before = await owner.fetchval(_REVISION)
    await owner.execute("BEGIN; UPDATE members SET state = 'SUSPENDED'; ROLLBACK")
    assert await owner.fetchval(_REVISION) == before


async def test_uncommitted_changes_of_different_rows_do_not_wait_for_each_other(
    owner: asyncpg.Connection, organization: str, database_url: str
) -> None:
    """Seen to fail with triggers that are not deferred: the second change waited for the first."""
    other = await asyncpg.connect(database_url)
    try:
        async with owner.transaction():
            await owner.execute("UPDATE members SET state = 'SUSPENDED'")
            async with asyncio.timeout(30):
                await other.execute("BEGIN; UPDATE groups SET display_name = 'G' WHERE group_id = 'g1'")
        async with asyncio.timeout(30):
            await other.execute("COMMIT")
    finally:
        await other.close()


async def test_a_revision_is_notified_after_the_changes_in_it(
    owner: asyncpg.Connection, organization: str, database_url: str
) -> None:
    notified: list[tuple[str, str]] = []
    complete = asyncio.Event()

    def note(_connection: object, _process: int, channel: str, payload: object) -> None:
        notified.append((channel, str(payload)))
        if channel == REVISION_CHANNEL:
            complete.set()

    listening = await asyncpg.connect(database_url)
    try:
        for channel in (REVISION_CHANNEL, CHANNEL):
            await listening.add_listener(channel, note)
        before = await owner.fetchval(_REVISION)
        await owner.execute(
            "BEGIN; UPDATE members SET state = 'SUSPENDED'; UPDATE api_keys SET state = 'DISABLED'; COMMIT"
        )
        async with asyncio.timeout(30):
            await complete.wait()
    finally:
        await listening.close()
    assert notified == [
        (CHANNEL, "acme member mia"),
        (CHANNEL, "acme api_key key-1"),
        (REVISION_CHANNEL, f"acme {before + 1}"),
    ]


async def test_an_identity_has_the_revision_of_its_state(
    store: IdentityStore, owner: asyncpg.Connection, organization: str
) -> None:
    secret_hash = hash_secret(KEY, bytes.fromhex(PEPPER))
    for _ in range(2):
        await owner.execute("UPDATE members SET state = 'SUSPENDED'")
        found = await store.identity_of(secret_hash)
        assert found is not None
        assert found.revision == await owner.fetchval(_REVISION)
    assert await store.revisions_of(["acme", "unknown"]) == {"acme": await owner.fetchval(_REVISION)}


async def test_keys_of_one_member_share_common_data(
    store: IdentityStore, owner: asyncpg.Connection, organization: str
) -> None:
    """Seen to fail without the sharing."""
    secrets = await add_member_with_keys(owner, organization, bytes.fromhex(PEPPER), 2)
    found = await store.identities_of([hash_secret(secret, bytes.fromhex(PEPPER)) for secret in secrets])
    first, second = (identity.principal for identity in found.values())
    assert first.guardrails[0] != second.guardrails[0]
    shared = [one is other for one, other in zip(first.guardrails, second.guardrails, strict=True)]
    assert shared == [False] + [True] * 6
    assert first.group_path is second.group_path


async def ask_with(service: Any, keys: Sequence[str]) -> list[Answer]:
    return [Answer(await checked(service, check_request(key=key))) for key in keys]


@pytest.fixture
async def busy_keys(owner: asyncpg.Connection, organization: str, redis: Redis) -> list[str]:
    secrets = await add_member_with_keys(owner, organization, bytes.fromhex(PEPPER), KEYS)
    await top_up(owner, 100 * KEYS)
    return secrets


@pytest.fixture
def short_lived(settings: AuthzSettings) -> AuthzSettings:
    return settings.model_copy(update={"identity_max_age_ms": MAX_AGE_MS})


async def test_keys_in_use_need_one_lookup_and_an_occasional_revision_check(
    short_lived: AuthzSettings, busy_keys: list[str], statements: Counting
) -> None:
    """Seen to fail without renewal: one lookup per key and maximum age."""
    async with ready(short_lived) as service:
        for _ in range(4):
            assert all(answer.allowed for answer in await ask_with(service, busy_keys))
            await asyncio.sleep(MAX_AGE_MS / 1_000)
        assert statements.looked_up == KEYS
        assert 0 < statements.compared < 60


async def test_a_change_of_one_key_takes_effect_without_lookups_of_other_keys(
    short_lived: AuthzSettings, busy_keys: list[str], statements: Counting, owner: asyncpg.Connection
) -> None:
    """Seen to fail without notifications of revisions."""
    async with ready(short_lived) as service:
        await ask_with(service, busy_keys)
        await owner.execute("UPDATE api_keys SET state = 'DISABLED' WHERE api_key_id = 'bench-0'")
        await asyncio.sleep(MAX_AGE_MS / 1_000 * 1.5)
        refused, *others = await ask_with(service, busy_keys)
        assert refused.code == "key_disabled"
        assert all(answer.allowed for answer in others)
        assert statements.looked_up == KEYS + 1


async def test_a_change_without_notification_is_found_by_comparing_revisions(
    short_lived: AuthzSettings, busy_keys: list[str], owner: asyncpg.Connection
) -> None:
    """Seen to fail when a renewal accepts any revision that it reads."""
    await guard(owner, "member", "bench-member", model_whitelist=[])
    async with ready(short_lived) as service:
        (refused,) = await ask_with(service, busy_keys[:1])
        assert refused.code == "model_not_allowed"
        await owner.execute("TRUNCATE guardrails")
        async with asyncio.timeout(30):
            while not (await ask_with(service, busy_keys[:1]))[0].allowed:
                await asyncio.sleep(0.05)


async def test_a_new_key_causes_no_lookup_of_keys_in_use(
    short_lived: AuthzSettings, busy_keys: list[str], statements: Counting, owner: asyncpg.Connection
) -> None:
    new_key = API_KEY.make(b"n" * 32)
    async with ready(short_lived) as service:
        await ask_with(service, busy_keys)
        await add_key(owner, "key-2", new_key)
        await asyncio.sleep(MAX_AGE_MS / 1_000 * 1.5)
        assert all(answer.allowed for answer in await ask_with(service, [new_key, *busy_keys]))
        assert statements.looked_up == KEYS + 1
