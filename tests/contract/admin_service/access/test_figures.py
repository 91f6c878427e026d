"""Members read only personal keys and their own data: no spend of the organization, no headcount, no billing address."""

from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1 import group_pb2, guardrail_pb2, organization_pb2

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.guardrails.guardrail_requests import get, set_limits
from tests.contract.admin_service.resources.guardrails.test_service import spend

ACME = "organizations/acme"
UPPER = {"super", "l1"}


@pytest.mark.parametrize("caller", ["super", "l1", "sub", "member"])
async def test_figures_are_for_those_who_reach_the_scope(
    client: Client, owner: asyncpg.Connection, caller: str
) -> None:
    readers = {
        "organization": UPPER,
        "group-eng": UPPER,
        "group-platform": {*UPPER, "sub"},
        "member-member": {*UPPER, "sub", "member"},
    }
    scopes = {"organization": "organization:acme", "group-eng": "group:eng", "group-platform": "group:platform"}
    for guardrail, who in readers.items():
        await set_limits(client, guardrail, budget_nano_credits=100)
        await spend(owner, scopes.get(guardrail, "member:member"), 40)
        rail = await client.call("GetGuardrail", get(guardrail), caller)
        figures = (rail.spent_nano_credits, rail.remaining_nano_credits, rail.call_count, rail.figures_hidden)
        assert figures == ((40, 60, 2, False) if caller in who else (0, 0, 0, True)), guardrail
        assert rail.budget_nano_credits == 100
    page = await client.call("ListGuardrails", guardrail_pb2.ListGuardrailsRequest(parent=ACME), caller)
    listed = {rail.name.rpartition("/")[2]: rail for rail in page.guardrails}
    for guardrail, who in readers.items():
        assert listed[guardrail].spent_nano_credits == (40 if caller in who else 0)


@pytest.mark.parametrize("caller", ["super", "l1", "sub", "member"])
async def test_the_headcount_of_a_group_is_for_its_admins(client: Client, caller: str) -> None:
    for group, who in (("eng", UPPER), ("platform", {*UPPER, "sub"})):
        found = await client.call("GetGroup", group_pb2.GetGroupRequest(name=f"{ACME}/groups/{group}"), caller)
        assert (found.subtree_member_count > 0) is (caller in who)
        assert found.figures_hidden is (caller not in who)
        page = await client.call("ListGroups", group_pb2.ListGroupsRequest(parent=ACME), caller)
        (listed,) = [one for one in page.groups if one.name == found.name]
        assert listed.subtree_member_count == found.subtree_member_count


@pytest.mark.parametrize("caller", ["super", "l1", "sub", "member"])
async def test_the_billing_address_is_for_those_who_request_invoices(
    client: Client, owner: asyncpg.Connection, caller: str
) -> None:
    await owner.execute(
        "UPDATE organizations SET billing_email = 'billing@acme.example' WHERE organization_id = 'acme'"
    )
    found = await client.call("GetOrganization", organization_pb2.GetOrganizationRequest(name=ACME), caller)
    assert found.billing_email == ("billing@acme.example" if caller in UPPER else "")


def uses(scope: Any) -> tuple[int, int]:
    return scope.budget.used_nano_credits, scope.budget.remaining_nano_credits


@pytest.mark.usefixtures("redis")  # empty: another test of the worker may have left counters of `acme`
@pytest.mark.parametrize("caller", ["super", "l1", "sub", "member"])
async def test_an_explanation_shows_each_scopes_figures_to_those_who_may_read_it(
    client: Client, owner: asyncpg.Connection, caller: str
) -> None:
    for guardrail, scope in (("organization", "organization:acme"), ("group-platform", "group:platform")):
        await set_limits(client, guardrail, budget_nano_credits=987, requests_per_minute=5)
        await spend(owner, scope, 654)
    request = guardrail_pb2.ExplainAccessRequest(name=f"{ACME}/members/member", model_name="any")
    answer = await client.call("ExplainAccess", request, caller)
    shown = {scope.guardrail.rpartition("/")[2]: scope for scope in answer.scopes}
    for guardrail, who in (("organization", UPPER), ("group-platform", {*UPPER, "sub"})):
        scope = shown[guardrail]
        assert uses(scope) == ((654, 333) if caller in who else (0, 0))
        assert scope.requests_per_minute.remaining == (5 if caller in who else 0)
        assert scope.figures_hidden is (caller not in who)
        assert (scope.budget.limit_nano_credits, scope.requests_per_minute.limit) == (987, 5)
    assert answer.HasField("credit") is (caller in UPPER)
