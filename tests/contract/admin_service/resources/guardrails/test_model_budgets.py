"""Budgets for some models over the API: what is shown, checked and bound."""

from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import get, set_limits, update

KEY = "apikey-key-member"


def budget(models: str, amount: int) -> Guardrail.ModelBudget:
    return Guardrail.ModelBudget(models=models, budget_nano_credits=amount)


@pytest.mark.parametrize(
    ("guardrail", "scope"),
    [
        ("organization", "organization:acme"), ("group-platform", "group:platform"), ("member-member", "member:member"),
        (KEY, "api_key:key-member"),
    ],
)  # fmt: skip
async def test_it_is_shown_with_its_spend_to_those_who_may_read_it(
    client: Client, owner: asyncpg.Connection, guardrail: str, scope: str
) -> None:
    await set_limits(client, guardrail, model_budgets=[budget("openai/*", 10), budget("gpt-4o", 5)])
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits)"
        " SELECT 'acme', $1 || ':NEVER:0:' || cycle_revision || ':openai%2F%2A', 7 FROM guardrails",
        scope,
    )
    rail = await client.call("GetGuardrail", get(guardrail))
    assert [(one.models, one.spent_nano_credits, one.remaining_nano_credits) for one in rail.model_budgets] == [
        ("openai/*", 7, 3),
        ("gpt-4o", 0, 5),
    ]
    if guardrail in {"organization", "group-platform"}:
        shown = await client.call("GetGuardrail", get(guardrail), "member")
        assert [(one.budget_nano_credits, one.spent_nano_credits) for one in shown.model_budgets] == [(10, 0), (5, 0)]
    cleared = await set_limits(client, guardrail, paths=["model_budgets"])
    assert list(cleared.model_budgets) == []


@pytest.mark.parametrize(
    ("budgets", "field"),
    [
        ([budget("a*", 1)], "guardrail.model_budgets[0].models"),
        ([budget("a", 1), budget("a", 2)], "guardrail.model_budgets[1].models"),
        ([budget("a", -1)], "guardrail.model_budgets[0].budget_nano_credits"),
        ([budget("", 1)], "guardrail.model_budgets[0].models"),
    ],
)
async def test_a_bad_one_is_refused(client: Client, owner: asyncpg.Connection, budgets: list[Any], field: str) -> None:
    failure = await client.failure("UpdateGuardrail", update("group-eng", model_budgets=budgets))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))
    assert await owner.fetchval("SELECT count(*) FROM guardrails") == 0


async def test_an_entry_that_matches_no_model_is_refused(client: Client) -> None:
    request = update("group-eng", model_budgets=[budget("gpt-4x", 1)])
    request.allow_unknown_models = False
    failure = await client.failure("UpdateGuardrail", request)
    assert failure.fields == ("guardrail.model_budgets[0].models",)


async def test_the_owner_of_a_key_may_tighten_but_not_lift_one_from_above(client: Client) -> None:
    await set_limits(client, KEY, "l1", model_budgets=[budget("a", 10)])
    for wider in ([], [budget("a", 11)], [budget("b", 10)]):
        etag = (await client.call("GetGuardrail", get(KEY))).etag
        request = update(KEY, ["model_budgets"], etag=etag, model_budgets=wider)
        failure = await client.failure("UpdateGuardrail", request, "member")
        assert (failure.reason, failure.metadata["limit"]) == ("LIMIT_SET_ABOVE", "model_budgets")
    etag = (await client.call("GetGuardrail", get(KEY))).etag
    other_cycle = update(KEY, etag=etag, cycle=Guardrail.CYCLE_DAILY)
    assert (await client.failure("UpdateGuardrail", other_cycle, "member")).reason == "LIMIT_SET_ABOVE"
    rail = await set_limits(client, KEY, "member", model_budgets=[budget("a", 9), budget("b", 1)])
    assert [one.budget_nano_credits for one in rail.model_budgets] == [9, 1]
