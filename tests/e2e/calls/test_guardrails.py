"""The first guardrail that triggers stops the call, through Envoy, and the error names it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.e2e.conftest import FELT_WITHIN_S, Post, chat
from tests.support.data.tenants import CREDIT, Tenant, until_applied

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]

SCOPES = [
    ("api_key", "key-1"),
    ("member", "mia"),
    ("group", "g4"),
    ("group", "g3"),
    ("group", "g2"),
    ("group", "g1"),
    ("organization", ""),
]


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_spent_budget_stops_calls_until_it_is_raised(
    post: Post, tenant: Tenant, settled: Settled, kind: str, scope_id: str
) -> None:
    first = await post()
    (record,) = await settled(1)
    await tenant.guard(kind, scope_id, budget_nano_credits=record["charge_nano_credits"])
    await until_applied()
    denied = await post()
    assert (first.status, denied.status) == (200, 402)
    limit = denied.json["error"]["limits"][0]
    assert (limit["scope"], limit["id"]) == (kind, scope_id or tenant.organization)
    shared = kind in {"group", "organization"}
    assert limit.get("used_nano_credits") == (None if shared else str(record["charge_nano_credits"]))
    await tenant.guard(kind, scope_id, budget_nano_credits=CREDIT)
    await until_applied()
    assert (await post()).status == 200


async def test_changing_a_limit_or_a_key_never_resets_usage(post: Post, tenant: Tenant, settled: Settled) -> None:
    await tenant.guard("member", "mia", budget_nano_credits=CREDIT, cycle="DAILY")
    await until_applied()
    assert (await post()).status == 200
    (record,) = await settled(1)
    for cycle in ("MONTHLY", "NEVER", "DAILY"):
        await tenant.guard("member", "mia", budget_nano_credits=record["charge_nano_credits"], cycle=cycle)
        await until_applied()
        denied = await post()
        assert denied.status == 402, cycle
        assert denied.json["error"]["limits"][0]["used_nano_credits"] == str(record["charge_nano_credits"])


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_rate_limit_stops_calls_and_says_when_to_retry(
    post: Post, tenant: Tenant, kind: str, scope_id: str
) -> None:
    await tenant.guard(kind, scope_id, requests_per_minute=3)
    await until_applied()
    replies = await asyncio.gather(*(post() for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] * 3 + [429] * 5
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.json["error"]["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 62


async def test_answers_report_the_remaining_requests_and_tokens(post: Post, tenant: Tenant) -> None:
    await tenant.guard("organization", "", requests_per_minute=50)
    await tenant.guard("group", "g2", tokens_per_minute=1_000_000)
    await until_applied()
    replies = [await post() for _ in range(2)]
    assert [reply.headers["x-ratelimit-remaining-requests"] for reply in replies] == ["49", "48"]
    first, second = (int(reply.headers["x-ratelimit-remaining-tokens"]) for reply in replies)
    assert 0 < second < 1_000_000
    assert first > 0
    assert replies[0].headers["x-ratelimit-limit-tokens"] == "1000000"
    assert replies[0].headers["x-ratelimit-reset-tokens"].startswith(("1m", "59", "60"))


async def test_a_daily_limit_on_one_model_does_not_affect_others(post: Post, tenant: Tenant) -> None:
    await tenant.guard("group", "g1", rate_rules=json.dumps([[chat()["model"], "DAY", 1, None]]))
    await until_applied()
    first, second = await post(), await post()
    assert (first.status, second.status) == (200, 429)
    assert "per day" in second.json["error"]["message"]
    assert int(second.headers["retry-after"]) > 80_000


async def test_a_rate_limited_call_leaves_no_hold_and_costs_nothing(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await tenant.guard("api_key", "key-1", requests_per_minute=0)
    await until_applied()
    assert (await post()).status == 429
    (record,) = await settled(1)
    assert (record["outcome"], record["charge_nano_credits"], record["detail"]) == ("VOIDED", 0, "rate_limited")


@pytest.mark.parametrize("dialect_path", ["/v1/messages", "/v1beta/models/gemini-2.5-flash:generateContent"])
async def test_a_rate_limit_error_is_in_the_callers_dialect(post: Post, tenant: Tenant, dialect_path: str) -> None:
    await tenant.guard("member", "mia", requests_per_minute=0)
    await until_applied()
    body = (
        {"contents": [{"parts": [{"text": "hi"}]}]}
        if "v1beta" in dialect_path
        else {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
    )
    reply = await post(body, path=dialect_path)
    assert reply.status == 429
    assert reply.headers["content-type"] == "application/json"
    error = reply.json["error"]
    assert (
        error.get("status") == "RESOURCE_EXHAUSTED" if "v1beta" in dialect_path else error["type"] == "rate_limit_error"
    )


async def test_the_narrowest_of_several_exhausted_limits_is_named_first(post: Post, tenant: Tenant) -> None:
    for kind, scope_id in SCOPES:
        await tenant.guard(kind, scope_id, budget_nano_credits=1)
    await until_applied()
    limits = (await post()).json["error"]["limits"]
    assert [(limit["scope"], limit["id"]) for limit in limits] == [
        (kind, scope or tenant.organization) for kind, scope in SCOPES
    ]


async def test_concurrent_calls_never_exceed_a_budget(post: Post, tenant: Tenant, settled: Settled) -> None:
    first = await post(chat(max_tokens=5), headers={"x-mock-output-tokens": "5"})
    assert first.status == 200
    (record,) = await settled(1)
    hold = record["hold_nano_credits"]
    spent = record["charge_nano_credits"]
    await tenant.guard("group", "g2", budget_nano_credits=spent + 10 * hold)
    await until_applied()
    # The calls stall at the provider, so that all their holds are open at once.
    replies = await asyncio.gather(*(post(chat(max_tokens=5), headers={"x-mock-stall-ms": "1500"}) for _ in range(60)))
    assert sum(reply.status == 200 for reply in replies) == 10
    assert sum(reply.status == 429 for reply in replies) == 50  # only running calls hold the rest


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET state = 'DISABLED' WHERE organization_id = $1",
        "UPDATE members SET state = 'SUSPENDED' WHERE organization_id = $1",
        "UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = $1",
        "UPDATE api_keys SET state = 'DELETED' WHERE organization_id = $1",
    ],
)
async def test_a_revocation_by_sql_takes_effect_soon(
    post: Post, tenant: Tenant, database: asyncpg.Pool, statement: str
) -> None:
    assert (await post()).status == 200
    await database.execute(statement, tenant.organization)
    started = time.monotonic()
    while (await post()).status == 200:
        assert time.monotonic() - started < FELT_WITHIN_S


async def test_a_soft_budget_is_reported_to_the_caller_and_recorded_once(
    post: Post, tenant: Tenant, settled: Settled, database: asyncpg.Pool
) -> None:
    await tenant.guard(
        "group", "g2", budget_nano_credits=1, soft_budget=json.dumps({"percent": 100, "soft_only": True})
    )
    await until_applied()
    first = await post()
    await settled(1)
    await until_applied()
    second = await post()
    await settled(2)
    header = "x-megarouter-soft-budget-reached"
    assert [reply.status for reply in (first, second)] == [200, 200]
    assert [reply.headers.get(header) for reply in (first, second)] == [None, "group:g2"]
    events = "SELECT count(*) FROM budget_events WHERE organization_id = $1"
    assert await database.fetchval(events, tenant.organization) == 1


async def test_a_spent_budget_for_a_model_stops_its_calls(post: Post, tenant: Tenant, settled: Settled) -> None:
    await tenant.guard("member", "mia", model_budgets=json.dumps([[chat()["model"], CREDIT]]))
    await until_applied()
    assert (await post()).status == 200
    (record,) = await settled(1)
    spent = json.dumps([[chat()["model"], record["charge_nano_credits"]]])
    await tenant.guard("member", "mia", model_budgets=spent)
    await until_applied()
    denied = await post()
    (limit,) = denied.json["error"]["limits"]
    assert (denied.status, limit["models"], limit["used_nano_credits"]) == (
        402, chat()["model"], str(record["charge_nano_credits"]),
    )  # fmt: skip


async def test_what_is_left_of_a_budget_pays_for_calls_of_the_next_period_and_is_spent_once(
    post: Post, tenant: Tenant, settled: Settled, database: asyncpg.Pool
) -> None:
    """The period before is made up: it left exactly what a call is charged, and the budget itself admits nothing."""
    assert (await post()).status == 200
    (record,) = await settled(1)
    charge, held = record["charge_nano_credits"], record["hold_nano_credits"]
    await tenant.guard(
        "member", "mia", budget_nano_credits=0, cycle="DAILY", rollover=json.dumps({"cap": held + charge})
    )
    spent = await database.fetchval(
        "SELECT spent_nano_credits FROM present_use($1, 'member', 'mia')", tenant.organization
    )
    await database.execute(
        "UPDATE budget_carries SET base_nano_credits = $2, cap_nano_credits = $2 WHERE organization_id = $1",
        tenant.organization, spent + held,
    )  # fmt: skip
    await until_applied()
    assert (await post()).status == 200
    await settled(2)
    denied = await post()
    (limit,) = denied.json["error"]["limits"]
    assert denied.status == 402
    assert (limit["limit_nano_credits"], limit["carried_nano_credits"]) == ("0", str(spent + held))
    await tenant.guard("member", "mia", rollover=None)
    await until_applied()
    denied = await post()
    assert "carried_nano_credits" not in denied.json["error"]["limits"][0]
    # The audit of this stack would find what was made up.
    await database.execute("DELETE FROM budget_carries WHERE organization_id = $1", tenant.organization)


async def test_refused_calls_are_counted_by_reason_guardrail_and_caller(post: Post, tenant: Tenant) -> None:
    """Each kind of refusal comes another way: from authz_service, from ratelimit_service, and from the module at the headers."""
    await tenant.guard("group", "g2", requests_per_minute=0)
    await until_applied()
    assert [(await post()).status for _ in range(2)] == [429, 429]
    await tenant.guard("member", "mia", budget_nano_credits=1)
    await until_applied()
    assert (await post()).status == 402
    await tenant.database.execute(
        "UPDATE api_keys SET state = 'DISABLED' WHERE organization_id = $1", tenant.organization
    )
    await until_applied()
    assert [(await post()).status for _ in range(3)] == [401, 401, 401]
    expected = [
        ("budget_exhausted", "member", "mia", "mia", "key-1", 1),
        ("key_disabled", "", "", "mia", "key-1", 3),
        ("rate_limited", "group", "g2", "mia", "key-1", 2),
    ]
    query = (
        "SELECT reason, scope_kind, scope_id, member_id, api_key_id, sum(call_count)::bigint FROM refused_calls"
        " WHERE organization_id = $1 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1"
    )
    async with asyncio.timeout(30):
        while list(map(tuple, await tenant.database.fetch(query, tenant.organization))) != expected:
            await asyncio.sleep(0.1)
