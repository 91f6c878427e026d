"""What the database shows of stored objects to authz_service."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from authz_service.stored_objects.store import Owner, StoredObjectStore
from authz_service.wiring import ROLE
from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.stored_objects import ObjectKind, ObjectName

MIA, MAX, OTHER = Owner("acme", "mia"), Owner("acme", "max"), Owner("other", "mia")
RESPONSE = ObjectName(ObjectKind.RESPONSE, "resp_1")
PROMPT = ObjectName(ObjectKind.PROMPT, "pmpt_1")
EXPIRED = ObjectName(ObjectKind.RESPONSE, "resp_old")
ALL = [RESPONSE, PROMPT, EXPIRED]


@pytest.fixture
async def pool(owner: asyncpg.Connection, database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await owner.execute(
        "INSERT INTO stored_objects (provider_id, kind, object_id, organization_id, member_id, requested_model, tokens,"
        " is_registered, expire_time) VALUES"
        " ('openai', 'response', 'resp_1', 'acme', 'mia', 'gpt', 42, false, 'infinity'),"
        " ('openai', 'response', 'resp_old', 'acme', 'mia', 'gpt', 42, false, now()),"
        " ('openai', 'prompt', 'pmpt_1', 'acme', '', NULL, NULL, true, 'infinity'),"
        " ('openai', 'prompt', 'pmpt_1', 'other', 'max', NULL, NULL, true, 'infinity')"
    )
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as opened:
        yield opened


@pytest.mark.parametrize(
    ("owner_of", "expected"),
    [(MIA, [PROMPT, RESPONSE]), (MAX, [PROMPT]), (OTHER, []), (Owner("other", "max"), [PROMPT])],
)
async def test_a_member_finds_its_own_and_what_its_organization_shares(
    pool: asyncpg.Pool, owner_of: Owner, expected: list[ObjectName]
) -> None:
    found = await StoredObjectStore(pool).objects_of(owner_of, "openai", ALL)
    assert sorted(stored.name for stored in found) == expected


async def test_an_object_of_another_provider_is_not_found(pool: asyncpg.Pool) -> None:
    store = StoredObjectStore(pool)
    assert await store.objects_of(MIA, "azure", ALL) == []
    (found,) = await store.objects_of(MIA, None, [RESPONSE])
    assert (found.provider, found.model, found.tokens) == ("openai", "gpt", 42)


async def test_the_service_cannot_list_ids(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.fetch("SELECT * FROM stored_objects")
