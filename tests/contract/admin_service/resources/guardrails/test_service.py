"""Guardrails over the API: permissions, validation, reported usage; no change resets usage."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import (
    ACME,
    get,
    listed,
    name_of,
    set_limits,
    update,
)


def whitelist(*entries: str) -> ModelWhitelist:
    return ModelWhitelist(entries=entries)


async def spend(owner: asyncpg.Connection, guardrail_scope: str, amount: int) -> None:
    """Adds spend to the counter on which current calls settle."""
    kind, scope = guardrail_scope.split(":")
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, shadow_refusal_count)"
        " SELECT 'acme', concat_ws(':', $1::text, $2::text, coalesce(r.cycle, 'NEVER'),"
        "   extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), 'UTC'))::bigint, coalesce(r.cycle_revision, 0)), $3, 2, 1"
        " FROM (SELECT 1) one LEFT JOIN guardrails r ON r.scope_kind = $1 AND r.scope_id = $2"
        " ON CONFLICT (organization_id, counter) DO UPDATE SET settled_nano_credits = excluded.settled_nano_credits,"
        " call_count = 2, shadow_refusal_count = 1",
        kind, scope, amount,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("guardrail", "scope"),
    [
        ("organization", ACME),
        ("group-platform", f"{ACME}/groups/platform"),
        ("member-member", f"{ACME}/members/member"),
        ("apikey-key-member", f"{ACME}/apiKeys/key-member"),
    ],
)
async def test_every_scope_has_a_guardrail_without_limits_by_default(
    client: Client, guardrail: str, scope: str
) -> None:
    rail = await client.call("GetGuardrail", get(guardrail))
    rail.ClearField("scope_display_name")
    assert rail == Guardrail(
        name=name_of(guardrail), scope=scope, cycle=Guardrail.CYCLE_NEVER, mode=Guardrail.MODE_ENFORCE, etag=rail.etag
    )


async def test_a_set_guardrail_is_stored_and_returned(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call(
        "UpdateGuardrail",
        update(
            "member-member", budget_nano_credits=5_000, cycle=Guardrail.CYCLE_DAILY, mode=Guardrail.MODE_SHADOW,
            requests_per_minute=10, tokens_per_minute=0, concurrency_limit=2, model_whitelist=whitelist("openai/*"), key_limit=3,
        ),
    )  # fmt: skip
    assert await client.call("GetGuardrail", get("member-member"), "member") == made
    assert made.HasField("tokens_per_minute")
    assert made.remaining_nano_credits == 5_000
    assert made.period_end_time.seconds - made.period_start_time.seconds == 86_400
    row = await owner.fetchrow("SELECT * FROM guardrails WHERE scope_id = 'member'")
    assert row is not None
    assert (row["budget_nano_credits"], row["cycle"], row["mode"], row["key_limit"]) == (5_000, "DAILY", "SHADOW", 3)
    assert (row["requests_per_minute"], row["tokens_per_minute"], row["concurrency_limit"]) == (10, 0, 2)
    assert row["model_whitelist"] == ["openai/*"]


@pytest.mark.parametrize(
    ("guardrail", "fields"),
    [
        ("group-eng", {"key_limit": 1}),
        ("group-eng", {"seat_limit": 1}),
        ("member-member", {"seat_limit": 0}),
        ("apikey-key-member", {"key_limit": 1}),
    ],
)
async def test_a_limit_that_does_not_apply_to_the_scope_is_refused(
    client: Client, owner: asyncpg.Connection, guardrail: str, fields: dict[str, Any]
) -> None:
    failure = await client.failure("UpdateGuardrail", update(guardrail, **fields))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert failure.fields == tuple(f"guardrail.{name}" for name in fields)
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"budget_nano_credits": -1}, "guardrail.budget_nano_credits"),
        ({"tokens_per_minute": 10**12 + 1}, "guardrail.tokens_per_minute"),
        ({"model_whitelist": whitelist("a*")}, "guardrail.model_whitelist.entries"),
        ({"cycle": 9}, "guardrail.cycle"),
    ],
)
async def test_an_out_of_range_value_is_refused(client: Client, fields: dict[str, Any], field: str) -> None:
    failure = await client.failure("UpdateGuardrail", update("member-member", **fields))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))


async def test_the_etag_is_required_once_the_guardrail_was_set(client: Client) -> None:
    first = await client.call("UpdateGuardrail", update("group-eng", budget_nano_credits=1))
    failure = await client.failure("UpdateGuardrail", update("group-eng", budget_nano_credits=2))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("guardrail.etag",))
    second = await client.call("UpdateGuardrail", update("group-eng", budget_nano_credits=2, etag=first.etag))
    failure = await client.failure("UpdateGuardrail", update("group-eng", budget_nano_credits=3, etag=first.etag))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert (await client.call("GetGuardrail", get("group-eng"))) == second


async def test_only_one_of_several_concurrent_updates_succeeds(client: Client) -> None:
    codes = await asyncio.gather(
        *(client.code("UpdateGuardrail", update("group-eng", budget_nano_credits=n), "super") for n in range(1, 11))
    )
    assert codes.count(grpc.StatusCode.OK) == 1


async def test_a_mask_removes_the_named_limits_and_keeps_the_rest(client: Client) -> None:
    await set_limits(client, "member-member", budget_nano_credits=5, key_limit=2)
    rail = await set_limits(client, "member-member", paths=["budget_nano_credits"])
    assert not rail.HasField("budget_nano_credits")
    assert rail.key_limit == 2
    rail = await set_limits(client, "member-member", paths=["*"], requests_per_minute=1)
    assert not rail.HasField("key_limit")


async def test_validate_only_checks_and_changes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    would_be = await client.call("UpdateGuardrail", update("group-eng", validate_only=True, budget_nano_credits=7))
    assert would_be.budget_nano_credits == 7
    assert would_be.etag == (await client.call("GetGuardrail", get("group-eng"))).etag
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 0
    refused = update("group-eng", validate_only=True, budget_nano_credits=7)
    assert await client.code("UpdateGuardrail", refused, "l1") is grpc.StatusCode.PERMISSION_DENIED


async def test_a_repeated_update_is_applied_once(client: Client, owner: asyncpg.Connection) -> None:
    request = update("group-eng", budget_nano_credits=7, request_id=str(uuid.uuid4()))
    assert await client.call("UpdateGuardrail", request) == await client.call("UpdateGuardrail", request)
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 1


async def test_a_new_limit_does_not_change_the_spend(client: Client, owner: asyncpg.Connection) -> None:
    await set_limits(client, "member-member", budget_nano_credits=1_000, cycle=Guardrail.CYCLE_MONTHLY)
    await spend(owner, "member:member", 700)
    rail = await set_limits(client, "member-member", budget_nano_credits=500)
    assert (rail.spent_nano_credits, rail.remaining_nano_credits, rail.call_count) == (700, 0, 2)
    assert rail.shadow_refusal_count == 1
    rail = await client.call("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=rail.name, etag=rail.etag))
    assert not rail.HasField("budget_nano_credits")
    assert rail.spent_nano_credits == 700
    rail = await set_limits(client, "member-member", budget_nano_credits=900)
    assert (rail.spent_nano_credits, rail.remaining_nano_credits) == (700, 200)


async def test_a_new_cycle_starts_with_the_spend_of_its_period(client: Client, owner: asyncpg.Connection) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=1_000)
    await add_usage(owner, 300)
    rail = await set_limits(client, "group-eng", cycle=Guardrail.CYCLE_MONTHLY)
    assert (rail.spent_nano_credits, rail.call_count) == (300, 1)
    assert rail.remaining_nano_credits == 700


@pytest.mark.parametrize("guardrail", ["organization", "group-eng", "member-member", "apikey-key-member"])
async def test_a_rehearsal_has_the_spend_of_the_cycle_that_would_apply(
    client: Client, owner: asyncpg.Connection, guardrail: str
) -> None:
    await add_usage(owner, 300, days_ago=40)
    await add_usage(owner, 20, hold="now", sequence=2)
    change: dict[str, Any] = {"budget_nano_credits": 1_000, "cycle": Guardrail.CYCLE_MONTHLY}
    rehearsed = await client.call("UpdateGuardrail", update(guardrail, validate_only=True, **change))
    assert (rehearsed.spent_nano_credits, rehearsed.call_count, rehearsed.remaining_nano_credits) == (20, 1, 980)
    changed = await set_limits(client, guardrail, **change)
    never = update(guardrail, validate_only=True, cycle=Guardrail.CYCLE_NEVER, etag=changed.etag)
    lifetime = await client.call("UpdateGuardrail", never)
    assert (lifetime.spent_nano_credits, lifetime.call_count) == (320, 2)
    for rail in (rehearsed, changed):
        rail.ClearField("etag")
        rail.ClearField("update_time")
    assert rehearsed == changed


async def add_usage(
    owner: asyncpg.Connection, charge: int, hold: str = "h", sequence: int = 1, days_ago: int = 0
) -> None:
    """Records a settled call of `member`."""
    await owner.execute(
        "INSERT INTO usage_records (hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id,"
        " endpoint, streamed, requested_model, provider_id, price_version, input_tokens, cache_read_tokens, cache_write_5m_tokens,"
        " cache_write_1h_tokens, output_tokens, reasoning_tokens, hold_nano_credits, charge_nano_credits, charge_lines, counters,"
        " http_status, response_flags, request_id, place_time)"
        " VALUES ($2, 'acme', $3, 'SETTLED', 'provider', 'completed', '{eng,platform}', 'member', 'key-member', 'chat_completions',"
        " false, 'm', 'p', 1, 1, 0, 0, 0, 1, 0, $1, $1, '[]', '{}', 200, '-', 'r', now() - $4 * interval '1 day')",
        charge, hold, sequence, days_ago,
    )  # fmt: skip


async def test_open_holds_are_reported(client: Client, owner: asyncpg.Connection) -> None:
    rail = await set_limits(client, "member-member", budget_nano_credits=1_000)
    counter = await owner.fetchval("SELECT 'member:member:NEVER:0:' || cycle_revision FROM guardrails")
    await owner.execute(
        "INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters, place_time,"
        " expire_time) VALUES ('h', 'acme', 'member', 'key-member', 400, 't', ARRAY[$1], now(), now() + interval '1 hour')",
        counter,
    )
    rail = await client.call("GetGuardrail", get("member-member"))
    assert (rail.held_nano_credits, rail.remaining_nano_credits) == (400, 600)


async def test_every_replica_is_notified_of_a_change(client: Client, owner: asyncpg.Connection) -> None:
    notified: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.put_nowait(str(arguments[3])))
    rail = await set_limits(client, "group-eng", budget_nano_credits=1)
    assert await asyncio.wait_for(notified.get(), 30) == "acme guardrail group:eng"
    await client.call("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=rail.name))
    assert await asyncio.wait_for(notified.get(), 30) == "acme guardrail group:eng"


async def test_deleting_a_guardrail_without_limits_changes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    request = guardrail_pb2.DeleteGuardrailRequest(name=name_of("group-eng"))
    assert await client.call("DeleteGuardrail", request) == await client.call("GetGuardrail", get("group-eng"))
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 0


async def test_a_limit_below_the_current_number_removes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    await set_limits(client, "organization", key_limit=0, seat_limit=1)
    assert await owner.fetchval("SELECT count(*) FROM members WHERE organization_id = 'acme' AND state = 'ACTIVE'") == 7
    assert (
        await owner.fetchval("SELECT count(*) FROM api_keys WHERE organization_id = 'acme' AND state = 'ACTIVE'") == 7
    )


@pytest.mark.parametrize(
    ("above", "own", "granted", "caller"),
    [
        ("group-platform", {"budget_nano_credits": 100}, {"budget_nano_credits": 101}, "sub"),
        ("group-eng", {"budget_nano_credits": 100}, {"budget_nano_credits": 101}, "sub"),
        ("organization", {"budget_nano_credits": 100}, {"budget_nano_credits": 101}, "l1"),
        ("group-eng", {"model_whitelist": whitelist("openai/*")}, {"model_whitelist": whitelist("openaix/a")}, "l1"),
        ("organization", {"key_limit": 5}, {"key_limit": 6}, "sub"),
    ],
)
async def test_a_group_admin_cannot_grant_more_than_their_own_limits(
    client: Client, above: str, own: dict[str, Any], granted: dict[str, Any], caller: str
) -> None:
    await set_limits(client, above, **own)
    failure = await client.failure("UpdateGuardrail", update("member-below", **granted), caller)
    assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, "LIMIT_ABOVE_OWN")
    assert failure.metadata == {"guardrail": name_of(above)}
    assert (await client.call("UpdateGuardrail", update("member-below", **own), caller)).update_time.seconds > 0


async def test_limits_bind_neither_super_admins_nor_budgets_of_another_cycle(client: Client) -> None:
    await set_limits(client, "organization", budget_nano_credits=100)
    await set_limits(client, "member-below", budget_nano_credits=101)
    await set_limits(client, "member-member", "sub", budget_nano_credits=101, cycle=Guardrail.CYCLE_DAILY)


async def test_a_limit_already_above_the_callers_own_does_not_prevent_other_changes(client: Client) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=100)
    await set_limits(client, "member-below", budget_nano_credits=200)
    rail = await set_limits(client, "member-below", "sub", requests_per_minute=5)
    assert rail.budget_nano_credits == 200
    etag = rail.etag
    failure = await client.failure("UpdateGuardrail", update("member-below", budget_nano_credits=150, etag=etag), "sub")
    assert failure.reason == "LIMIT_ABOVE_OWN"
    assert not (await set_limits(client, "member-below", "sub", paths=["budget_nano_credits"])).HasField(
        "budget_nano_credits"
    )


@pytest.mark.parametrize(
    ("caller", "guardrail"),
    [
        ("l1", "organization"), ("l1", "group-eng"), ("l1", "group-sales"), ("l1", "member-l1"), ("l1", "member-l1-peer"),
        ("sub", "group-platform"), ("sub", "member-sub"), ("sub", "member-sales"), ("sub", "apikey-key-l1"),
        ("member", "member-member"), ("member", "apikey-key-below"), ("stranger", "organization"),
        ("super", "member-unknown"), ("super", "group"), ("super", "apikey-"), ("super", "team-eng"),
    ],
)  # fmt: skip
async def test_an_unreachable_guardrail_cannot_be_set(
    client: Client, owner: asyncpg.Connection, caller: str, guardrail: str
) -> None:
    request = update(guardrail, budget_nano_credits=1)
    assert await client.code("UpdateGuardrail", request, caller) is grpc.StatusCode.PERMISSION_DENIED
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


@pytest.mark.parametrize(
    ("caller", "guardrail"),
    [
        ("l1", "group-platform"), ("l1", "member-sub"), ("l1", "apikey-key-below"), ("sub", "group-inference"),
        ("sub", "member-below"), ("member", "apikey-key-member"), ("super", "member-super"),
    ],
)  # fmt: skip
async def test_a_reachable_guardrail_can_be_set_and_the_change_is_logged(
    client: Client, owner: asyncpg.Connection, caller: str, guardrail: str
) -> None:
    await client.call("UpdateGuardrail", update(guardrail, budget_nano_credits=1), caller)
    row = await owner.fetchrow("SELECT member_id, resource_name, before, after FROM audit_log")
    assert row is not None
    assert (row["member_id"], row["resource_name"]) == (caller, name_of(guardrail))
    assert "budgetNanoCredits" not in row["before"]
    assert "budgetNanoCredits" in row["after"]


@pytest.mark.parametrize(
    ("change", "guardrail", "reason"),
    [
        (
            "UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-member'",
            "apikey-key-member",
            "API_KEY_DELETED",
        ),
        ("UPDATE members SET state = 'REMOVED' WHERE member_id = 'below'", "member-below", "MEMBER_REMOVED"),
        ("UPDATE groups SET delete_time = now() WHERE group_id = 'sales'", "group-sales", "STATE_UNSUITABLE"),
    ],
)
async def test_guardrails_of_deleted_scopes_are_not_listed_and_cannot_be_set(
    client: Client, owner: asyncpg.Connection, change: str, guardrail: str, reason: str
) -> None:
    rail = await set_limits(client, guardrail, budget_nano_credits=1)
    await owner.execute(change)
    failure = await client.failure("UpdateGuardrail", update(guardrail, budget_nano_credits=2, etag=rail.etag))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert await listed(client, "super") == []
