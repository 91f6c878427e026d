"""At every scope, the first limit that triggers stops the call, and the error names it."""

import asyncio

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.check import AuthzService
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.redis.keys import holds_key, pool_key
from tests.contract.authz_service.conftest import (
    Answer,
    Ask,
    amount_of,
    check_request,
    checked,
    guard,
    named,
    ready,
    top_up,
)

pytestmark = pytest.mark.also_on_cluster

CREDIT = 10**9
SCOPES = [("api_key", "key-1"), ("member", "mia"), ("group", "g4"), ("group", "g1"), ("organization", "acme")]


async def test_an_admitted_call_holds_its_estimate_on_the_pool_and_on_every_scope(ask: Ask, redis: Redis) -> None:
    answer = await ask({"model": "model-a", "max_tokens": 7})
    assert answer.allowed
    assert amount_of(answer) == 7 * CREDIT
    pool = await redis.hgetall(pool_key("acme"))
    assert len(pool.pop("generation")) == 16
    assert pool == {"balance": str(1_000 * CREDIT), "held": str(7 * CREDIT), "sequence": "1", "placements": "1"}
    counters = [key async for key in redis.scan_iter(match="mr:{acme}:c:*")]
    assert len(counters) == 7
    for counter in counters:
        assert await redis.hget(counter, "held") == str(7 * CREDIT)


async def test_an_admitted_call_reaches_the_holds_table(ask: Ask, owner: asyncpg.Connection) -> None:
    answer = await ask()
    await asyncio.sleep(0.2)
    row = await owner.fetchrow(
        "SELECT state, amount_nano_credits, cardinality(counters), placement FROM holds WHERE hold_id = $1",
        answer.metadata["hold_id"],
    )
    assert tuple(row or ()) == ("HELD", CREDIT, 7, 1)


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_budget_stops_the_call_that_exceeds_it_and_names_the_scope(
    owner: asyncpg.Connection, ask: Ask, kind: str, scope_id: str
) -> None:
    await guard(owner, kind, scope_id, budget_nano_credits=3 * CREDIT)
    await asyncio.sleep(0.2)
    for _ in range(3):
        assert (await ask()).allowed
    denied = await ask()
    assert (denied.status, denied.code) == (429, "budget_in_use")
    # Only the key and its member may read what their scopes have used.
    figures = {"used_nano_credits": "0", "held_nano_credits": str(3 * CREDIT)} if kind in {"api_key", "member"} else {}
    assert denied.body["error"]["limits"] == [
        {
            "scope": kind,
            "id": scope_id,
            "limit_nano_credits": str(3 * CREDIT),
            **figures,
            "reset_time_epoch_seconds": None,
        }
    ]
    assert named(kind, scope_id) in denied.body["error"]["message"]


async def test_exhausted_credit_stops_the_call(owner: asyncpg.Connection, ask: Ask) -> None:
    await top_up(owner, 2)
    denied = await ask({"model": "model-a", "max_tokens": 3})
    assert (denied.status, denied.code) == (402, "credit_exhausted")
    assert (await ask({"model": "model-a", "max_tokens": 2})).allowed


async def test_the_error_names_the_narrowest_refusing_scope_first(owner: asyncpg.Connection, ask: Ask) -> None:
    for kind, scope_id in (("organization", "acme"), ("member", "mia"), ("group", "g2")):
        await guard(owner, kind, scope_id, budget_nano_credits=0)
    await top_up(owner, 0)
    await asyncio.sleep(0.2)
    denied = await ask()
    assert [limit["scope"] for limit in denied.body["error"]["limits"]] == ["member", "group", "organization", "credit"]


async def test_a_refused_call_holds_nothing_anywhere(owner: asyncpg.Connection, ask: Ask, redis: Redis) -> None:
    await guard(owner, "group", "g1", budget_nano_credits=0)
    await asyncio.sleep(0.2)
    assert not (await ask()).allowed
    assert await redis.hlen(holds_key("acme")) == 0
    assert await redis.hget(pool_key("acme"), "held") == "0"
    async for counter in redis.scan_iter(match="mr:{acme}:c:*"):
        assert await redis.hget(counter, "held") == "0"


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES[:1] + SCOPES[-1:])
async def test_three_replicas_admit_a_hundred_of_a_thousand_concurrent_calls_within_a_budget(
    settings: AuthzSettings, service: AuthzService, owner: asyncpg.Connection, kind: str, scope_id: str
) -> None:
    await guard(owner, kind, scope_id, budget_nano_credits=100 * CREDIT)
    async with ready(settings) as second, ready(settings) as third:
        replicas = (service, second, third)
        answers = await asyncio.gather(*(checked(replicas[index % 3], check_request()) for index in range(1_000)))
    assert sum(Answer(answer).allowed for answer in answers) == 100


async def test_amounts_beyond_the_exact_range_of_doubles_are_compared_exactly(
    owner: asyncpg.Connection, ask: Ask
) -> None:
    budget = 2**53 + 1
    await top_up(owner, 9 * 10**9)
    await guard(owner, "member", "mia", budget_nano_credits=budget)
    await owner.execute(
        "UPDATE scope_spend SET settled_nano_credits = $1 WHERE counter LIKE 'member:%'", budget - CREDIT + 1
    )
    await asyncio.sleep(0.2)
    assert (await ask()).status == 402
    await owner.execute("UPDATE guardrails SET budget_nano_credits = budget_nano_credits + 1")
    await asyncio.sleep(0.2)
    assert (await ask()).allowed


async def test_no_hold_is_lost_when_redis_is_emptied_between_calls(
    owner: asyncpg.Connection, ask: Ask, redis: Redis
) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=5 * CREDIT)
    await asyncio.sleep(0.2)
    for _ in range(3):
        assert (await ask()).allowed
    await redis.flushall()
    assert (await ask()).allowed
    assert (await ask()).allowed
    assert not (await ask()).allowed


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES[:1] + SCOPES[-1:])
async def test_a_temporary_limit_ends_by_the_clock_for_a_cached_identity(
    owner: asyncpg.Connection, ask: Ask, kind: str, scope_id: str
) -> None:
    await guard(owner, kind, scope_id, budget_nano_credits=0)
    await owner.execute(
        "UPDATE guardrails SET temporary_limit ="
        " jsonb_build_object('end_us', ((extract(epoch FROM now()) + 0.8) * 1000000)::bigint, 'budget_nano_credits', $1::bigint)",
        3 * CREDIT,
    )
    await asyncio.sleep(0.2)
    assert (await ask()).allowed
    await asyncio.sleep(0.7)
    answer = await ask()
    assert (answer.status, answer.code) == (402, "budget_exhausted")
