"""Defaults whose budgets carry over."""

from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1.guardrail_default_pb2 import DefaultLimits
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.api_keys.calls import create
from tests.contract.admin_service.resources.guardrail_defaults.test_service import apply, joined, set_default, update
from tests.contract.admin_service.resources.guardrails.guardrail_requests import get, set_limits
from tests.contract.admin_service.resources.guardrails.guardrail_requests import update as update_guardrail

CARRYING = DefaultLimits(
    budget_nano_credits=50,
    cycle=Guardrail.CYCLE_MONTHLY,
    rollover=Guardrail.Rollover(enabled=True, cap_nano_credits=20),
)


async def test_a_budget_to_begin_with_carries_over(client: Client, owner: asyncpg.Connection, people: None) -> None:
    """It binds a key's member together with its cap."""
    made = await set_default(client, "organization", member_limits=CARRYING, key_limits=CARRYING)
    assert made.member_limits == CARRYING
    rail = await joined(client, owner, "nora")
    assert (rail.budget_nano_credits, rail.cycle, rail.rollover) == (50, CARRYING.cycle, CARRYING.rollover)
    assert await owner.fetchval("SELECT count(*) FROM budget_carries WHERE budget LIKE 'member:%'") == 1
    await client.call("CreateApiKey", create(key="new"), "member")
    key = await client.call("GetGuardrail", get("apikey-new"), "member")
    assert key.rollover == CARRYING.rollover
    wider = update_guardrail(
        "apikey-new", ["rollover"], etag=key.etag, rollover=Guardrail.Rollover(enabled=True, cap_nano_credits=21)
    )
    assert (await client.failure("UpdateGuardrail", wider, "member")).reason == "LIMIT_SET_ABOVE"


async def test_a_default_of_one_budget_carries_one_budget(
    client: Client, owner: asyncpg.Connection, people: None
) -> None:
    limits = DefaultLimits()
    limits.CopyFrom(CARRYING)
    limits.rollover.ClearField("cap_nano_credits")
    assert (await set_default(client, "organization", member_limits=limits)).member_limits == limits
    assert (await joined(client, owner, "nora")).rollover == limits.rollover


async def test_applying_a_default_leaves_a_rollover_that_somebody_set(
    client: Client, owner: asyncpg.Connection, people: None
) -> None:
    mine = Guardrail.Rollover(enabled=True, cap_nano_credits=7)
    fields: dict[str, Any] = {"budget_nano_credits": 9, "cycle": Guardrail.CYCLE_DAILY, "rollover": mine}
    await set_limits(client, "member-below", **fields)
    await set_default(client, "organization", member_limits=CARRYING)
    changed = await apply(client, "organization")
    assert changed
    assert "member-below" not in changed
    await set_default(client, "organization", member_limits=DefaultLimits(requests_per_minute=6))
    assert "member-below" in await apply(client, "organization")
    rail = await client.call("GetGuardrail", get("member-below"))
    assert (rail.budget_nano_credits, rail.rollover, rail.requests_per_minute) == (9, mine, 6)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (DefaultLimits(rollover=Guardrail.Rollover(enabled=True)), "rollover"),
        (DefaultLimits(budget_nano_credits=5, rollover=Guardrail.Rollover(enabled=True)), "rollover"),
        (DefaultLimits(budget_nano_credits=5, rollover=Guardrail.Rollover(cap_nano_credits=5)), "rollover.enabled"),
    ],
)
async def test_a_rollover_without_a_budget_with_periods_is_refused(
    client: Client, people: None, limits: DefaultLimits, field: str
) -> None:
    failure = await client.failure("UpdateGuardrailDefault", update("organization", member_limits=limits))
    assert failure.fields == (f"guardrail_default.member_limits.{field}",)


async def test_an_admin_gives_no_budget_that_carries_more_than_the_own_group_may_spend(
    client: Client, people: None
) -> None:
    """Seen to fail without the carry in what a default grants."""
    await set_limits(client, "group-eng", budget_nano_credits=60, cycle=Guardrail.CYCLE_MONTHLY)
    request = update("group-platform", member_limits=CARRYING)
    assert (await client.failure("UpdateGuardrailDefault", request, "l1")).reason == "LIMIT_ABOVE_OWN"
    narrow = DefaultLimits()
    narrow.CopyFrom(CARRYING)
    narrow.rollover.cap_nano_credits = 10
    await client.call("UpdateGuardrailDefault", update("group-platform", member_limits=narrow), "l1")
