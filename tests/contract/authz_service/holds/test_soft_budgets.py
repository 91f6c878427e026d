"""A soft budget is reported in a header once its threshold is reached, and stops nothing."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from gateway_core.model.calls.placements import OutputCut, Placed, TokensLeft
from gateway_core.stores.redis.placing import _placement
from tests.contract.authz_service.conftest import Answer, Ask, amount_of, guard, top_up
from tests.contract.authz_service.holds.test_rebuilding import follow, registered, settle

HEADER = "x-megarouter-soft-budget-reached"
CREDIT = 10**9
SCOPES = {
    ("api_key", "key-1"): "api_key",
    ("member", "mia"): "member",
    ("group", "g1"): "group:g1",
    ("organization", "acme"): "organization",
}


def reached(answer: Answer) -> str:
    added = answer.response.ok_response.response_headers_to_add
    return next((option.header.value for option in added if option.header.key == HEADER), "")


async def soft(owner: asyncpg.Connection, kind: str, scope_id: str, budget: int, **soft_budget: Any) -> None:
    await guard(owner, kind, scope_id, budget_nano_credits=budget * CREDIT, soft_budget=json.dumps(soft_budget))
    await asyncio.sleep(0.2)


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
@pytest.mark.parametrize("threshold", [{"percent": 50}, {"amount": 2 * CREDIT}])
async def test_the_header_names_the_scope_from_the_call_after_the_threshold_was_reached(
    ask: Ask,
    owner: asyncpg.Connection,
    redis: Redis,
    database_url: str,
    kind: str,
    scope_id: str,
    threshold: dict[str, int],
) -> None:
    await soft(owner, kind, scope_id, 4, **threshold)
    for calls in (1, 2):
        assert reached(await ask()) == ""
        await registered(owner, calls)
        await settle(owner, 1)
        await follow(database_url, redis)
    assert reached(await ask()) == SCOPES[kind, scope_id]
    assert (await ask()).allowed
    assert (await ask()).status == 429


async def test_all_scopes_whose_threshold_is_reached_are_named(
    ask: Ask, owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    for kind, scope_id in SCOPES:
        await soft(owner, kind, scope_id, 100, amount=CREDIT)
    assert (await ask()).allowed
    await registered(owner, 1)
    await settle(owner, 1)
    await follow(database_url, redis)
    assert reached(await ask()) == "api_key, member, group:g1, organization"


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_budget_that_is_only_soft_neither_refuses_nor_shortens_a_call(
    ask: Ask, owner: asyncpg.Connection, kind: str, scope_id: str
) -> None:
    await top_up(owner, 1_000_000)
    await soft(owner, kind, scope_id, 1, soft_only=True, amount=1)
    answers = [await ask({"model": "model-a"}) for _ in range(2)]
    assert [amount_of(answer) for answer in answers] == [1_000 * CREDIT] * 2


async def test_a_guardrail_in_shadow_mode_shows_callers_nothing(
    ask: Ask, owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    await soft(owner, "member", "mia", 100, amount=1)
    await owner.execute("UPDATE guardrails SET mode = 'SHADOW'")
    await asyncio.sleep(0.2)
    assert (await ask()).allowed
    await registered(owner, 1)
    await settle(owner, 1)
    await follow(database_url, redis)
    assert reached(await ask()) == ""


async def test_the_header_stands_beside_those_of_a_token_limit(
    ask: Ask, owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    await guard(
        owner, "member", "mia", budget_nano_credits=900 * CREDIT, tokens_per_minute=100_000,
        soft_budget=json.dumps({"amount": 1}),
    )  # fmt: skip
    await asyncio.sleep(0.2)
    assert (await ask()).allowed
    await registered(owner, 1)
    await settle(owner, 1)
    await follow(database_url, redis)
    answer = await ask()
    assert reached(answer) == "member"
    names = {option.header.key for option in answer.response.ok_response.response_headers_to_add}
    assert "x-ratelimit-remaining-tokens" in names


def test_every_part_of_the_answer_to_a_placement_is_read() -> None:
    answer: list[str | int] = ["placed", 3, "limit", "10", "100", "tokens", 8, 5, 6, "reached", 2, 1, 3, 4]
    assert _placement(answer, "g", 7) == Placed(3, "g", (3,), TokensLeft(0, 5, 6), OutputCut(10, 100), (0, 2))
