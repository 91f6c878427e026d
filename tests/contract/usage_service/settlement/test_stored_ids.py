"""A settlement binds what an answer handed out to its caller, in the same transaction."""

import time
from typing import Any

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.model.endpoints import Endpoint
from tests.contract.usage_service.settlement_cases import ROLE, breaches, make_hold, make_settlement, prepare
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

MICROSECONDS = 10**6
FACTS = {
    "response_id": "resp_1",
    "stored_ids": "item:msg_1",
    "response_usage": '{"input_tokens":30,"output_tokens":12}',
}


def response(organization: str = "acme", member: str = "mia", http_status: int = 200, **facts: Any) -> Settlement:
    hold = make_hold(organization, member=member, endpoint=Endpoint.RESPONSES, placed_epoch_us=time.time_ns() // 1_000)
    return make_settlement(hold, facts={**FACTS, **facts}, http_status=http_status)


async def bound(owner: asyncpg.Connection) -> list[tuple[Any, ...]]:
    rows = await owner.fetch(
        "SELECT kind, object_id, organization_id, member_id, tokens FROM stored_objects ORDER BY object_id, organization_id"
    )
    return [tuple(row) for row in rows]


async def test_the_ids_of_an_answer_are_bound_for_their_time(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await settle_batch(owner, [response()], object_life_ms=3_600_000)
    assert await bound(owner) == [("item", "msg_1", "acme", "mia", 12), ("response", "resp_1", "acme", "mia", 42)]
    lives_s = await owner.fetch("SELECT extract(epoch FROM expire_time - now())::float8 FROM stored_objects")
    assert all(3_500 < row[0] <= 3_600 for row in lives_s)
    assert await breaches(owner) == []


async def test_a_repeated_report_binds_nothing_new(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    settlement = response()
    await settle_batch(owner, [settlement, settlement])
    await settle_batch(owner, [settlement])
    assert len(await bound(owner)) == 2


async def test_an_id_stays_with_its_first_owner(owner: asyncpg.Connection, database_url: str) -> None:
    """With the rights of the service, which does not see the row of the other organization."""
    await prepare(owner, "acme", "other")
    connection = await asyncpg.connect(login_url(database_url, ROLE))
    try:
        await settle_batch(connection, [response("acme")])
        await settle_batch(connection, [response("other"), response("acme", "max")])
    finally:
        await connection.close()
    assert {row[2:4] for row in await bound(owner)} == {("acme", "mia")}
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 3


async def test_an_id_is_bound_to_the_key_of_the_call(owner: asyncpg.Connection, database_url: str) -> None:
    await prepare(owner)
    connection = await asyncpg.connect(login_url(database_url, ROLE))
    try:
        await settle_batch(connection, [response()])
    finally:
        await connection.close()
    assert {row[0] for row in await owner.fetch("SELECT api_key_id FROM stored_objects")} == {"key-1"}


async def test_a_failed_call_binds_nothing(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await settle_batch(owner, [response(http_status=400)])
    assert await bound(owner) == []
