"""A change authorizes its caller once, and again only if the organization changed before the change got the lock."""

import asyncio

import asyncpg
import grpc
import pytest

from admin_service.access.authorization import Asked, Caller, authorize
from admin_service.serving import change_transaction as changes
from gateway_core.stores.postgres.connections import Connection
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.api_keys.calls import create, disable

_WAITING_FOR_THE_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%organizations%'"
)


@pytest.fixture
def authorizations(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Records every authorization of a change, and executes it."""
    seen: list[Asked] = []

    async def noted(connection: Connection, asked: Asked) -> Caller:
        seen.append(asked)
        return await authorize(connection, asked)

    monkeypatch.setattr(changes, "authorize", noted)
    return seen


async def has_lock_waiter(owner: asyncpg.Connection) -> None:
    async with asyncio.timeout(30):
        while not await owner.fetchval(_WAITING_FOR_THE_LOCK):
            await asyncio.sleep(0.01)


async def test_a_change_authorizes_its_caller_once(client: Client, authorizations: list[Asked]) -> None:
    await client.call("CreateApiKey", create("member"), "super")
    assert len(authorizations) == 1


async def test_a_caller_who_loses_the_permission_while_waiting_for_the_lock_changes_nothing(
    client: Client, owner: asyncpg.Connection, database_url: str, authorizations: list[Asked]
) -> None:
    locking = await asyncpg.connect(database_url)
    try:
        async with locking.transaction():
            await locking.execute("SELECT FROM organizations WHERE organization_id = 'acme' FOR NO KEY UPDATE")
            waiting = asyncio.create_task(client.code("DisableApiKey", disable(), "l1"))
            await has_lock_waiter(owner)
            await locking.execute("UPDATE members SET role = 'MEMBER', group_id = 'sales' WHERE member_id = 'l1'")
        assert await waiting is grpc.StatusCode.PERMISSION_DENIED
    finally:
        await locking.close()
    assert len(authorizations) == 2
    assert await owner.fetchval("SELECT state FROM api_keys WHERE api_key_id = 'key-member'") == "ACTIVE"


async def test_waiting_for_a_change_of_no_permissions_needs_no_second_authorization(
    client: Client, owner: asyncpg.Connection, database_url: str, authorizations: list[Asked]
) -> None:
    locking = await asyncpg.connect(database_url)
    try:
        async with locking.transaction():
            await locking.execute("SELECT FROM organizations WHERE organization_id = 'acme' FOR NO KEY UPDATE")
            waiting = asyncio.create_task(client.code("DisableApiKey", disable(), "l1"))
            await has_lock_waiter(owner)
        assert await waiting is grpc.StatusCode.OK
    finally:
        await locking.close()
    assert len(authorizations) == 1


async def test_a_caller_without_permission_never_takes_the_lock(
    client: Client, owner: asyncpg.Connection, database_url: str
) -> None:
    locking = await asyncpg.connect(database_url)
    try:
        async with locking.transaction():
            await locking.execute("SELECT FROM organizations WHERE organization_id = 'acme' FOR NO KEY UPDATE")
            async with asyncio.timeout(30):
                assert await client.code("DisableApiKey", disable(), "sales") is grpc.StatusCode.PERMISSION_DENIED
    finally:
        await locking.close()
