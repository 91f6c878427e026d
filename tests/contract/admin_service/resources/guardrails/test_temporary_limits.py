"""Temporary limits over the API: who may set them, within what, and that they end by the clock."""

import asyncio
import time
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import api_key_pb2, guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import ACME, get, set_limits, update

DAY_S = 86_400
KEY = "apikey-key-member"
IN_FORCE = "SELECT temporary_limit FROM guardrails"


def limit(after_s: float = 3_600, **limits: Any) -> Guardrail.TemporaryLimit:
    end = Timestamp()
    end.FromMicroseconds(int((time.time() + after_s) * 10**6))
    return Guardrail.TemporaryLimit(end_time=end, **limits)


async def end_now(owner: asyncpg.Connection) -> None:
    """Makes the end of every temporary limit pass."""
    await owner.execute("UPDATE guardrails SET temporary_limit = jsonb_set(temporary_limit, '{end_us}', '1')")


async def failing(client: Client, guardrail: str, caller: str, temporary: Guardrail.TemporaryLimit | None) -> Any:
    etag = (await client.call("GetGuardrail", get(guardrail))).etag
    request = update(guardrail, ["temporary_limit"], etag=etag, temporary_limit=temporary)
    return await client.failure("UpdateGuardrail", request, caller)


@pytest.mark.parametrize("guardrail", ["organization", "group-eng", "member-member", KEY])
async def test_it_is_shown_until_it_ends_and_keeps_the_lasting_limits(
    client: Client, owner: asyncpg.Connection, guardrail: str
) -> None:
    await set_limits(client, guardrail, budget_nano_credits=10, requests_per_minute=5)
    asked = limit(budget_nano_credits=99, concurrency_limit=0)
    rail = await set_limits(client, guardrail, temporary_limit=asked)
    assert rail.temporary_limit == asked
    assert (rail.budget_nano_credits, rail.remaining_nano_credits, rail.requests_per_minute) == (10, 99, 5)
    assert await client.call("GetGuardrail", get(guardrail)) == rail
    (listed,) = (await client.call("ListGuardrails", guardrail_pb2.ListGuardrailsRequest(parent=ACME))).guardrails
    assert listed == rail
    await end_now(owner)
    ended = await client.call("GetGuardrail", get(guardrail))
    assert not ended.HasField("temporary_limit")
    assert (ended.budget_nano_credits, ended.remaining_nano_credits) == (10, 10)


async def test_it_is_in_the_audit_log(client: Client, owner: asyncpg.Connection) -> None:
    await set_limits(client, "group-eng", temporary_limit=limit(budget_nano_credits=99))
    after = await owner.fetchval("SELECT after FROM audit_log")
    assert '"temporaryLimit"' in after
    assert '"99"' in after


@pytest.mark.parametrize(
    ("temporary", "field"),
    [
        (limit(-1, budget_nano_credits=1), "guardrail.temporary_limit.end_time"),
        (limit(93 * DAY_S, budget_nano_credits=1), "guardrail.temporary_limit.end_time"),
        (limit(), "guardrail.temporary_limit"),
        (Guardrail.TemporaryLimit(budget_nano_credits=1), "guardrail.temporary_limit.end_time"),
        (limit(budget_nano_credits=-1), "guardrail.temporary_limit.budget_nano_credits"),
    ],
)
async def test_one_without_a_proper_end_or_without_limits_is_refused(
    client: Client, owner: asyncpg.Connection, temporary: Guardrail.TemporaryLimit, field: str
) -> None:
    failure = await failing(client, "group-eng", "super", temporary)
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


async def test_a_group_admin_grants_for_a_while_only_what_they_hold_for_as_long(client: Client) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=100)
    assert (await failing(client, "member-below", "sub", limit(budget_nano_credits=101))).reason == "LIMIT_ABOVE_OWN"
    raised = limit(7_200, budget_nano_credits=500)
    await set_limits(client, "group-eng", temporary_limit=raised)
    await set_limits(client, "member-below", "sub", temporary_limit=limit(3_600, budget_nano_credits=500))
    assert (
        await failing(client, "member-below", "sub", limit(10_800, budget_nano_credits=500))
    ).reason == "LIMIT_ABOVE_OWN"
    etag = (await client.call("GetGuardrail", get("member-below"))).etag
    lasting = update("member-below", budget_nano_credits=101, etag=etag)
    assert (await client.failure("UpdateGuardrail", lasting, "sub")).reason == "LIMIT_ABOVE_OWN"


async def test_the_owner_of_a_key_may_neither_exceed_nor_end_what_an_admin_set(
    client: Client, owner: asyncpg.Connection
) -> None:
    await set_limits(client, KEY, "l1", requests_per_minute=10)
    await set_limits(client, KEY, "member", temporary_limit=limit(requests_per_minute=10))
    failure = await failing(client, KEY, "member", limit(requests_per_minute=11))
    assert (failure.reason, failure.metadata["limit"]) == ("LIMIT_SET_ABOVE", "temporary_limit")
    await set_limits(client, KEY, "l1", temporary_limit=limit(requests_per_minute=2))
    assert (await failing(client, KEY, "member", None)).reason == "LIMIT_SET_ABOVE"
    key = api_key_pb2.GetApiKeyRequest(name=f"{ACME}/apiKeys/key-member")
    assert "temporary_limit" in [
        origin.limit for origin in (await client.call("GetApiKey", key, "member")).limit_origins
    ]
    await end_now(owner)
    await owner.execute("UPDATE api_keys SET bounds = jsonb_set(bounds, '{temporary_limit,eng,end_us}', '1')")
    assert "temporary_limit" not in [
        origin.limit for origin in (await client.call("GetApiKey", key, "member")).limit_origins
    ]
    rail = await set_limits(client, KEY, "member", temporary_limit=limit(requests_per_minute=9))
    assert rail.temporary_limit.requests_per_minute == 9


@pytest.mark.parametrize(
    ("caller", "guardrail"), [("member", "member-member"), ("sub", "group-platform"), ("l1", "organization")]
)
async def test_who_may_not_set_the_limit_may_not_set_it_for_a_while(
    client: Client, caller: str, guardrail: str
) -> None:
    failure = await failing(client, guardrail, caller, limit(budget_nano_credits=1))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED


async def test_racing_changes_of_a_temporary_and_a_lasting_limit_have_one_winner_and_lose_nothing(
    client: Client,
) -> None:
    """Of changes with one etag only one succeeds. Another reads again, and changes only what its mask names."""
    await set_limits(client, "group-eng", budget_nano_credits=1)
    etag = (await client.call("GetGuardrail", get("group-eng"))).etag
    asked = limit(budget_nano_credits=99)
    changes = (
        update("group-eng", ["temporary_limit"], etag=etag, temporary_limit=asked),
        update("group-eng", ["budget_nano_credits"], etag=etag, budget_nano_credits=9),
    )
    codes = await asyncio.gather(*(client.code("UpdateGuardrail", change, "super") for change in changes * 3))
    assert sorted(code.name for code in codes) == ["ABORTED"] * 5 + ["OK"]
    rail = await client.call("GetGuardrail", get("group-eng"))
    assert (rail.HasField("temporary_limit"), rail.budget_nano_credits) in {(True, 1), (False, 9)}
    for change in changes:
        change.guardrail.etag = (await client.call("GetGuardrail", get("group-eng"))).etag
        await client.call("UpdateGuardrail", change)
    rail = await client.call("GetGuardrail", get("group-eng"))
    assert (rail.temporary_limit, rail.budget_nano_credits) == (asked, 9)
