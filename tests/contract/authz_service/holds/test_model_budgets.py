"""A budget for some models holds, refuses and settles their calls, in the same step as all other budgets."""

import asyncio
import json

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.check import AuthzService
from tests.contract.authz_service.conftest import Answer, Ask, check_request, checked, guard, named
from tests.contract.authz_service.holds.test_rebuilding import (
    dump,
    expect_redis_equals_the_holds_table,
    follow,
    registered,
    restore,
    settle,
)
from tests.contract.usage_service.audit.books import audit, broken

CREDIT = 10**9
SCOPES = [("api_key", "key-1"), ("member", "mia"), ("group", "g1"), ("organization", "acme")]


async def budget(
    owner: asyncpg.Connection, kind: str, scope_id: str, *budgets: tuple[str, int], **columns: object
) -> None:
    stored = json.dumps([[models, amount * CREDIT] for models, amount in budgets])
    await guard(owner, kind, scope_id, model_budgets=stored, cycle="DAILY", **columns)
    await asyncio.sleep(0.2)


async def calls(service: AuthzService, model: str, count: int) -> int:
    """Makes concurrent calls that hold one credit each, and returns how many pass."""
    request = check_request({"model": model, "max_tokens": 1})
    answers = await asyncio.gather(*(checked(service, request) for _ in range(count)))
    return sum(Answer(answer).allowed for answer in answers)


async def spent_on(owner: asyncpg.Connection, models: str) -> int:
    return int(
        await owner.fetchval(
            "SELECT coalesce(sum(settled_nano_credits), 0) FROM scope_spend WHERE split_part(counter, ':', 6) = $1",
            models,
        )
    )


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_it_stops_calls_of_its_models_only_and_the_refusal_names_scope_and_models(
    service: AuthzService,
    ask: Ask,
    owner: asyncpg.Connection,
    redis: Redis,
    database_url: str,
    kind: str,
    scope_id: str,
) -> None:
    await budget(owner, kind, scope_id, ("model-a", 3))
    assert await calls(service, "model-a", 5) == 3
    assert await calls(service, "model-b", 2) == 2
    await registered(owner, 5)
    await settle(owner, 5)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    answer = await ask({"model": "model-a", "max_tokens": 1})
    assert (answer.status, answer.code) == (402, "budget_exhausted")
    assert f"{named(kind, scope_id)}" in answer.body["error"]["message"]
    assert "for model-a is exhausted" in answer.body["error"]["message"]
    (limit,) = answer.body["error"]["limits"]
    assert (limit["scope"], limit["id"], limit["models"]) == (kind, scope_id, "model-a")
    assert await spent_on(owner, "model-a") == 3 * CREDIT


async def test_whichever_of_several_budgets_is_exhausted_first_stops_the_call_and_nothing_is_held(
    service: AuthzService, ask: Ask, owner: asyncpg.Connection
) -> None:
    await budget(owner, "member", "mia", ("model-a", 4), ("acme-ai/*", 6), budget_nano_credits=8 * CREDIT)
    assert await calls(service, "model-a", 6) == 4
    assert await calls(service, "model-b", 6) == 2
    answer = await ask({"model": "model-b", "max_tokens": 1})
    assert "for acme-ai/*" in answer.body["error"]["message"]
    await registered(owner, 6)
    assert await owner.fetchval("SELECT count(*) FROM holds") == 6


async def test_the_narrowest_exhausted_budget_is_named_first(ask: Ask, owner: asyncpg.Connection) -> None:
    await budget(owner, "organization", "acme", budget_nano_credits=0)
    await budget(owner, "member", "mia", ("model-a", 0))
    answer = await ask({"model": "model-a", "max_tokens": 1})
    assert [limit["scope"] for limit in answer.body["error"]["limits"]] == ["member", "organization"]


@pytest.mark.parametrize("loss", ["emptied", "restored"])
async def test_a_redis_that_lost_its_state_admits_exactly_the_budget(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str, loss: str
) -> None:
    await budget(owner, "group", "g1", ("acme-ai/*", 6))
    assert await calls(service, "model-a", 2) == 2
    await registered(owner, 2)
    saved = await dump(redis)
    assert await calls(service, "model-b", 2) == 2
    await registered(owner, 4)
    await settle(owner, 1)
    await follow(database_url, redis)
    if loss == "emptied":
        await redis.flushall()
    else:
        await restore(redis, saved)
    assert await calls(service, "model-a", 5) == 2
    await registered(owner, 6)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)


async def test_in_shadow_mode_it_counts_and_refuses_nothing(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    await budget(owner, "member", "mia", ("model-a", 0), mode="SHADOW")
    assert await calls(service, "model-a", 2) == 2
    await registered(owner, 2)
    await settle(owner, 2)
    counted = "SELECT shadow_refusal_count FROM scope_spend WHERE counter LIKE 'member:mia:%' ORDER BY counter"
    assert [row[0] for row in await owner.fetch(counted)] == [2, 2]


@pytest.mark.parametrize("change", ["cycle = 'MONTHLY'", "reset_time = clock_timestamp()"])
async def test_a_changed_cycle_or_a_reset_begins_it_at_zero_and_charges_no_call_twice(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str, change: str
) -> None:
    """Seen to fail when a call under way during the change is carried over for each of its counters."""
    await budget(owner, "member", "mia", ("model-a", 2))
    assert await calls(service, "model-a", 3) == 2
    await owner.execute(f"UPDATE guardrails SET {change}")  # noqa: S608 - one of the two above
    await asyncio.sleep(0.2)
    assert await calls(service, "model-a", 3) == 2
    await registered(owner, 4)
    await settle(owner, 4)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    assert await spent_on(owner, "model-a") == 4 * CREDIT
    assert "spend-is-recomputed" not in broken(await audit(database_url))
    present = await owner.fetchval("SELECT spent_nano_credits FROM present_use('acme', 'member', 'mia')")
    assert present == (4 if "cycle" in change else 2) * CREDIT
