"""Soft budgets over the API: what is shown, and that a budget that refuses nothing bounds nothing."""

from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import get, set_limits, update
from tests.contract.admin_service.resources.guardrails.test_service import spend

KEY = "apikey-key-member"
SOFT_ONLY = Guardrail.SoftBudget(soft_only=True)


@pytest.mark.parametrize(
    ("guardrail", "scope"),
    [
        ("organization", "organization:acme"), ("group-eng", "group:eng"), ("member-member", "member:member"),
        (KEY, "api_key:key-member"),
    ],
)  # fmt: skip
async def test_it_is_shown_whether_the_threshold_is_reached(
    client: Client, owner: asyncpg.Connection, guardrail: str, scope: str
) -> None:
    soft = Guardrail.SoftBudget(percent=33)
    rail = await set_limits(client, guardrail, budget_nano_credits=10, soft_budget=soft)
    assert (rail.soft_budget, rail.soft_budget_reached) == (soft, False)
    for spent, is_reached in ((3, False), (4, True)):
        await spend(owner, scope, spent)
        assert (await client.call("GetGuardrail", get(guardrail))).soft_budget_reached == is_reached
    cleared = await set_limits(client, guardrail, paths=["soft_budget"])
    assert not cleared.HasField("soft_budget")


async def test_a_member_does_not_read_whether_a_group_has_reached_its_threshold(
    client: Client, owner: asyncpg.Connection
) -> None:
    soft = Guardrail.SoftBudget(amount_nano_credits=1)
    await set_limits(client, "group-platform", budget_nano_credits=10, soft_budget=soft)
    await spend(owner, "group:platform", 5)
    assert (await client.call("GetGuardrail", get("group-platform"), "sub")).soft_budget_reached
    assert not (await client.call("GetGuardrail", get("group-platform"), "member")).soft_budget_reached


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"soft_budget": Guardrail.SoftBudget(percent=50)}, "guardrail.soft_budget"),
        (
            {"soft_budget": Guardrail.SoftBudget(percent=101), "budget_nano_credits": 1},
            "guardrail.soft_budget.percent",
        ),
        (
            {"soft_budget": Guardrail.SoftBudget(amount_nano_credits=0), "budget_nano_credits": 1},
            "guardrail.soft_budget.amount_nano_credits",
        ),
    ],
)
async def test_a_threshold_without_a_budget_or_out_of_range_is_refused(
    client: Client, owner: asyncpg.Connection, fields: dict[str, Any], field: str
) -> None:
    failure = await client.failure("UpdateGuardrail", update("group-eng", **fields))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


async def test_the_owner_of_a_key_cannot_soften_a_budget_from_above(client: Client) -> None:
    await set_limits(client, KEY, "l1", budget_nano_credits=10)
    etag = (await client.call("GetGuardrail", get(KEY))).etag
    failure = await client.failure("UpdateGuardrail", update(KEY, etag=etag, soft_budget=SOFT_ONLY), "member")
    assert (failure.reason, failure.metadata["limit"]) == ("LIMIT_SET_ABOVE", "budget")
    rail = await set_limits(client, KEY, "member", soft_budget=Guardrail.SoftBudget(percent=50))
    assert rail.soft_budget.percent == 50
    assert (await set_limits(client, KEY, "l1", soft_budget=SOFT_ONLY)).soft_budget.soft_only


async def test_a_soft_budget_does_not_meet_the_requirement_of_a_budget(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE organizations SET key_requires_budget = true")
    request = update(KEY, budget_nano_credits=10, soft_budget=SOFT_ONLY)
    assert (await client.failure("UpdateGuardrail", request, "member")).reason == "KEY_REQUIREMENT_UNMET"


async def test_a_soft_budget_above_does_not_bound_a_group_admin(client: Client) -> None:
    await set_limits(client, "group-eng", budget_nano_credits=100, soft_budget=SOFT_ONLY)
    assert (await set_limits(client, "member-below", "sub", budget_nano_credits=101)).budget_nano_credits == 101
