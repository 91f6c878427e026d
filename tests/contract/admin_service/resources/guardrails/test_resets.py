"""ResetGuardrail begins a new period at once: who may, what is shown and logged, and what happens to concurrent resets."""

import asyncio
import uuid

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import get, name_of, set_limits, update
from tests.contract.admin_service.resources.guardrails.test_service import spend

KEY = "apikey-key-member"


def reset(guardrail: str, etag: str = "", request_id: str = "") -> guardrail_pb2.ResetGuardrailRequest:
    return guardrail_pb2.ResetGuardrailRequest(name=name_of(guardrail), etag=etag, request_id=request_id)


@pytest.mark.parametrize("guardrail", ["organization", "group-eng", "member-member", KEY])
async def test_the_spend_is_zero_and_the_period_ends_as_before(
    client: Client, owner: asyncpg.Connection, guardrail: str
) -> None:
    before = await set_limits(client, guardrail, budget_nano_credits=1_000, cycle=Guardrail.CYCLE_MONTHLY)
    kind, _, scope = {
        "organization": "organization:_:acme",
        "group-eng": "group:_:eng",
        KEY: "api_key:_:key-member",
    }.get(guardrail, "member:_:member").split(":")
    await spend(owner, f"{kind}:{scope}", 700)
    assert (await client.call("GetGuardrail", get(guardrail))).remaining_nano_credits == 300
    rail = await client.call("ResetGuardrail", reset(guardrail))
    assert (rail.spent_nano_credits, rail.call_count, rail.remaining_nano_credits) == (0, 0, 1_000)
    assert rail.period_start_time == rail.reset_time
    assert rail.period_start_time.ToMicroseconds() > before.period_start_time.ToMicroseconds()
    assert rail.period_end_time == before.period_end_time
    assert await client.call("GetGuardrail", get(guardrail)) == rail
    row = await owner.fetchrow("SELECT before, after FROM audit_log ORDER BY sequence DESC LIMIT 1")
    assert row is not None
    assert '"spentNanoCredits": "700"' in row["before"]
    assert '"resetTime"' in row["after"]


async def test_a_guardrail_that_was_never_set_is_reset_too(client: Client, owner: asyncpg.Connection) -> None:
    await spend(owner, "member:member", 700)
    rail = await client.call("ResetGuardrail", reset("member-member"))
    assert (rail.spent_nano_credits, rail.cycle, rail.HasField("reset_time")) == (0, Guardrail.CYCLE_NEVER, True)


async def test_a_changed_cycle_does_not_bring_back_what_a_reset_removed(
    client: Client, owner: asyncpg.Connection
) -> None:
    await set_limits(client, "member-member", budget_nano_credits=1_000)
    await spend(owner, "member:member", 700)
    await client.call("ResetGuardrail", reset("member-member"))
    rail = await set_limits(client, "member-member", cycle=Guardrail.CYCLE_MONTHLY)
    assert rail.spent_nano_credits == 0


async def test_a_repeated_reset_begins_one_period(client: Client, owner: asyncpg.Connection) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=1_000)
    request = reset("group-eng", request_id=str(uuid.uuid4()))
    assert await client.call("ResetGuardrail", request) == await client.call("ResetGuardrail", request)
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE method LIKE '%ResetGuardrail'") == 1


async def test_one_of_several_resets_of_the_same_period_succeeds(client: Client) -> None:
    etag = (await set_limits(client, "group-eng", budget_nano_credits=1_000)).etag
    codes = await asyncio.gather(*(client.code("ResetGuardrail", reset("group-eng", etag), "super") for _ in range(6)))
    assert sorted(code.name for code in codes) == ["ABORTED"] * 5 + ["OK"]


@pytest.mark.parametrize(
    ("caller", "guardrail"),
    [("member", "member-member"), ("member", "group-platform"), ("sub", "group-platform"), ("l1", "organization")],
)
async def test_who_may_not_change_the_budget_may_not_reset_it(client: Client, caller: str, guardrail: str) -> None:
    assert await client.code("ResetGuardrail", reset(guardrail), caller) is grpc.StatusCode.PERMISSION_DENIED


async def test_the_owner_of_a_key_resets_their_own_budget_but_not_one_from_above(client: Client) -> None:
    await set_limits(client, KEY, "member", budget_nano_credits=10)
    assert (await client.call("ResetGuardrail", reset(KEY), "member")).HasField("reset_time")
    await set_limits(client, KEY, "l1", budget_nano_credits=10)
    for caller in ("member", "sub"):
        failure = await client.failure("ResetGuardrail", reset(KEY), caller)
        assert (failure.reason, failure.metadata["limit"]) == ("LIMIT_SET_ABOVE", "budget")
    await client.call("ResetGuardrail", reset(KEY), "l1")


async def test_the_guardrail_of_a_deleted_key_is_not_reset(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-member'")
    assert (await client.failure("ResetGuardrail", reset(KEY))).reason == "API_KEY_DELETED"


async def test_a_reset_and_a_change_of_the_limits_both_take_effect(client: Client) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=1)
    etag = (await client.call("GetGuardrail", get("group-eng"))).etag
    codes = await asyncio.gather(
        client.code("ResetGuardrail", reset("group-eng"), "super"),
        client.code("UpdateGuardrail", update("group-eng", budget_nano_credits=9, etag=etag), "super"),
    )
    rail = await client.call("GetGuardrail", get("group-eng"))
    assert codes[0] is grpc.StatusCode.OK
    assert rail.HasField("reset_time")
    assert rail.budget_nano_credits == (9 if codes[1] is grpc.StatusCode.OK else 1)
