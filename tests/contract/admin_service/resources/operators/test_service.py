"""Only operators see the sums of every organization and suspend any of them. They see no member's data."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from megarouter.admin.v1 import account_pb2, credit_pb2, member_pb2, operator_pb2, organization_pb2
from megarouter.admin.v1.organization_pb2 import Organization

from admin_service.access.permission_matrix import admin_services
from admin_service.access.rpc_declarations import declared_methods
from gateway_core.runtime.settings import AdminSettings, StartRefusedError
from tests.contract.admin_service.conftest import Client, add_token, running_service
from tests.contract.admin_service.resources.operators.conftest import ACME, SUMMARY, SetLine, balance_of, grant, top_up

DENIED = grpc.StatusCode.PERMISSION_DENIED
METHODS = [method for service in admin_services() for method in declared_methods(service)]
OPERATOR_METHODS = [method for method in METHODS if method.is_for_operators]
REQUEST_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def request_of(method: Any, name: str = SUMMARY) -> Any:
    request: Any = GetMessageClass(method.descriptor.input_type)()
    if method.names_parent:
        setattr(request, method.resource_field, ACME)
    elif method.resource_field:
        request.name = name
    return request


@pytest.mark.parametrize("who", ["super", "l1", "sub", "member", "stranger"])
async def test_whoever_is_no_operator_is_refused(client: Client, who: str) -> None:
    for method in OPERATOR_METHODS:
        assert await client.code(method.descriptor.name, request_of(method), who) is DENIED, method.descriptor.name


async def test_a_token_of_an_operator_that_no_operator_made_does_not_operate(
    client: Client, owner: asyncpg.Connection
) -> None:
    """Whoever becomes the user through another issuer cannot make a token that operates."""
    await owner.execute("UPDATE access_tokens SET may_operate = false WHERE user_id = 'operator'")
    for method in OPERATOR_METHODS:
        assert await client.code(method.descriptor.name, request_of(method), "operator") is DENIED


async def test_a_token_for_one_organization_or_without_the_permission_does_not_operate(
    client: Client, owner: asyncpg.Connection
) -> None:
    listing = operator_pb2.ListOrganizationSummariesRequest()
    for limits in ("only_organization_id = 'acme'", "only_organization_id = NULL, permissions = '{catalog:read}'"):
        await owner.execute(f"UPDATE access_tokens SET {limits} WHERE user_id = 'operator'")  # noqa: S608
        assert await client.code("ListOrganizationSummaries", listing, "operator") is DENIED
    await owner.execute("UPDATE access_tokens SET permissions = '{operators:read}' WHERE user_id = 'operator'")
    assert await client.code("ListOrganizationSummaries", listing, "operator") is grpc.StatusCode.OK
    assert await client.code("GrantCredit", grant(1), "operator") is DENIED


async def test_an_operator_reads_no_member_s_data(client: Client) -> None:
    """Every RPC about an organization that is not for operators refuses the operator, who is no member."""
    tried = 0
    for method in METHODS:
        if not (method.is_for_users or method.is_for_operators):
            request: Any = GetMessageClass(method.descriptor.input_type)()
            *outer, last = method.resource_field.split(".")
            holder = request
            for part in outer:
                holder = getattr(holder, part)
            setattr(holder, last, ACME)
            assert await client.code(method.descriptor.name, request, "operator") is DENIED, method.full_name
            tried += 1
    assert tried > 40
    fields = {field.name for field in operator_pb2.OrganizationSummary.DESCRIPTOR.fields}
    assert not any("member" in name or "key" in name or "email" in name for name in fields)


async def test_an_operator_sees_the_sums_of_every_organization(client: Client, set_line: SetLine) -> None:
    await set_line(10)
    await client.call("TopUpCredit", top_up(6))
    await client.call("TopUpCredit", top_up(5))
    await client.call("GrantCredit", grant(2), "operator")
    answer = await client.call("ListOrganizationSummaries", operator_pb2.ListOrganizationSummariesRequest(), "operator")
    assert [one.name for one in answer.organization_summaries] == [SUMMARY, "organizations/other/summary"]
    one = await client.call(
        "GetOrganizationSummary", operator_pb2.GetOrganizationSummaryRequest(name=SUMMARY), "operator"
    )
    assert one == answer.organization_summaries[0]
    assert (one.balance_nano_credits, one.topped_up_nano_credits, one.adjusted_nano_credits) == (8, 6, 2)
    assert (one.credit_line.used_nano_credits, one.pending_request_count, one.spent_nano_credits) == (6, 1, 0)
    assert (one.kind, one.state) == (Organization.KIND_ORGANIZATION, Organization.STATE_ACTIVE)
    filtered = operator_pb2.ListOrganizationSummariesRequest(filter="balance_nano_credits < 8", page_size=1)
    answer = await client.call("ListOrganizationSummaries", filtered, "operator")
    assert [one.name for one in answer.organization_summaries] == ["organizations/other/summary"]
    unknown = operator_pb2.GetOrganizationSummaryRequest(name="organizations/nowhere/summary")
    assert await client.code("GetOrganizationSummary", unknown, "operator") is DENIED


async def test_only_an_operator_ends_the_suspension_by_an_operator(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail: a Super Admin resumed the organization."""
    suspended = await client.call("SuspendAccount", operator_pb2.SuspendAccountRequest(name=SUMMARY), "operator")
    assert (suspended.state, suspended.is_suspended_by_operator) == (Organization.STATE_SUSPENDED, True)
    failure = await client.failure("ResumeOrganization", organization_pb2.ResumeOrganizationRequest(name=ACME))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SUSPENDED_BY_OPERATOR")
    await client.call("DeleteOrganization", organization_pb2.DeleteOrganizationRequest(name=ACME))
    undeleted = await client.call("UndeleteOrganization", organization_pb2.UndeleteOrganizationRequest(name=ACME))
    assert undeleted.state == Organization.STATE_SUSPENDED
    assert await client.code("TopUpCredit", top_up(1), "super") is grpc.StatusCode.FAILED_PRECONDITION
    restored = await client.call("RestoreAccount", operator_pb2.RestoreAccountRequest(name=SUMMARY), "operator")
    assert (restored.state, restored.is_suspended_by_operator) == (Organization.STATE_ACTIVE, False)
    methods = await owner.fetch("SELECT method, user_id FROM audit_log WHERE user_id = 'operator' ORDER BY sequence")
    assert [row["method"].rpartition("/")[2] for row in methods] == ["SuspendAccount", "RestoreAccount"]


async def test_every_change_by_an_operator_is_in_the_organization_s_audit_log(
    client: Client, owner: asyncpg.Connection, set_line: SetLine
) -> None:
    await set_line(10)
    asked = (await client.call("TopUpCredit", top_up(11), "l1")).top_up_request
    await client.call("ApproveTopUpRequest", operator_pb2.ApproveTopUpRequestRequest(name=asked.name), "operator")
    await client.call("GrantCredit", grant(1), "operator")
    rows = await owner.fetch("SELECT method, user_id FROM audit_log WHERE organization_id = 'acme' ORDER BY sequence")
    assert [(row["method"].rpartition("/")[2], row["user_id"]) for row in rows] == [
        ("SetCreditLine", "operator"),
        ("TopUpCredit", "l1"),
        ("ApproveTopUpRequest", "operator"),
        ("ApproveTopUpRequest", "operator"),
        ("GrantCredit", "operator"),
    ]


def new_organization(organization: str = "initech") -> organization_pb2.CreateOrganizationRequest:
    made = Organization(display_name="New")
    return organization_pb2.CreateOrganizationRequest(organization=made, organization_id=organization)


async def newcomer(owner: asyncpg.Connection) -> str:
    """Adds a user without an invite."""
    await owner.execute("INSERT INTO users VALUES ('newcomer', 'newcomer@example.org', 'New')")
    await add_token(owner, "newcomer")
    return "newcomer"


@pytest.mark.parametrize("who", ["newcomer", "suspended", "stranger"])
async def test_no_stranger_creates_credit(
    client: Client, owner: asyncpg.Connection, settings: AdminSettings, who: str
) -> None:
    """A user without an invite, a suspended member, and a member of another organization. Seen to fail: each got a million."""
    caller = {"newcomer": await newcomer(owner), "suspended": "sub", "stranger": "stranger"}[who]
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'sub'")
    user = await client.call("GetUser", account_pb2.GetUserRequest(name="users/me"), caller)
    accounts = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), caller)
    personal = next(one.organization for one in accounts.accounts if one.kind == Organization.KIND_PERSONAL)
    assert user.name
    failure = await client.failure("TopUpCredit", top_up(10**15, personal.partition("/")[2]), caller)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PERSONAL_ACCOUNT")
    adjustment = credit_pb2.AdjustCreditRequest(
        parent=personal, amount_nano_credits=10**15, request_id=REQUEST_ID, reason="mine"
    )
    assert (await client.failure("AdjustCredit", adjustment, caller)).reason == "CREDIT_LINE_EXCEEDED"
    assert await client.code("TopUpCredit", top_up(10**15), caller) is DENIED
    made = await client.call("CreateOrganization", new_organization(), caller)
    answer = await client.call("TopUpCredit", top_up(10**15, made.name.partition("/")[2]), caller)
    assert answer.HasField("top_up_request")
    assert await owner.fetchval("SELECT count(*) FROM ledger_transfers") == 0


async def test_only_operators_create_organizations_by_default(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    caller = await newcomer(owner)
    default = AdminSettings.model_fields["organization_creation"].default
    async with running_service(settings.model_copy(update={"organization_creation": default})) as (_, client):
        for who in (caller, "super", "stranger"):
            failure = await client.failure("CreateOrganization", new_organization(), who)
            assert (failure.code, failure.reason) == (DENIED, "OPERATOR_REQUIRED")
            assert "Only an operator of this deployment may create organizations" in failure.message
        await client.call("CreateOrganization", new_organization(), "operator")
    assert await balance_of(owner, "initech") == 0


async def test_a_personal_account_is_filled_by_a_grant(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), "member")
    personal = await owner.fetchval("SELECT personal_organization_id FROM users WHERE user_id = 'member'")
    await asyncio.gather(*(client.call("GrantCredit", grant(5, personal, REQUEST_ID), "operator") for _ in range(5)))
    assert await balance_of(owner, personal) == 5
    line = operator_pb2.SetCreditLineRequest(name=f"organizations/{personal}/summary", line_nano_credits=5)
    assert (await client.failure("SetCreditLine", line, "operator")).reason == "PERSONAL_ACCOUNT"


async def test_a_deployment_without_personal_accounts_hides_them(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    listing, user = account_pb2.ListMyAccountsRequest(), account_pb2.GetUserRequest(name="users/me")
    async with running_service(settings) as (_, client):
        assert len((await client.call("ListMyAccounts", listing, "member")).accounts) == 2
        personal = (await client.call("GetUser", user, "member")).current_account
        reading = organization_pb2.GetOrganizationRequest(name=personal)
        assert await client.code("GetOrganization", reading, "member") is grpc.StatusCode.OK
    async with running_service(settings.model_copy(update={"personal_accounts": False})) as (_, client):
        (account,) = (await client.call("ListMyAccounts", listing, "member")).accounts
        assert account.organization == ACME
        assert (await client.call("GetUser", user, "member")).current_account == ""
        assert await client.code("GetOrganization", reading, "member") is DENIED
        switch = account_pb2.SwitchAccountRequest(organization=personal)
        assert await client.code("SwitchAccount", switch, "member") is DENIED
        switch = account_pb2.SwitchAccountRequest(organization=ACME)
        assert (await client.call("SwitchAccount", switch, "member")).current_account == ACME


async def test_keys_of_personal_accounts_are_switched_off_and_on_by_the_setting(
    settings: AdminSettings, owner: asyncpg.Connection, people: None
) -> None:
    notified: list[str] = []
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.append(str(arguments[3])))
    async with running_service(settings) as (_, client):
        await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), "member")
    personal = await owner.fetchval("SELECT personal_organization_id FROM users WHERE user_id = 'member'")
    is_off = "SELECT is_switched_off($1)"
    for offers, kinds in ((True, 0), (False, 1), (False, 1), (True, 2)):
        async with running_service(settings.model_copy(update={"personal_accounts": offers})):
            assert await owner.fetchval(is_off, personal) is not offers
            assert await owner.fetchval(is_off, "acme") is False
            assert notified.count("- deployment settings") == kinds


async def test_settings_that_name_no_operator_stop_the_start(settings: AdminSettings) -> None:
    with pytest.raises(StartRefusedError, match=r"olivia@example\.org names no operator"):
        async with running_service(settings.model_copy(update={"operators": "olivia@example.org"})):
            pass


async def test_without_operators_no_user_operates(settings: AdminSettings, people: None) -> None:
    async with running_service(settings.model_copy(update={"operators": ""})) as (_, client):
        for method in OPERATOR_METHODS:
            assert await client.code(method.descriptor.name, request_of(method), "operator") is DENIED
        listing = member_pb2.ListMembersRequest(parent=ACME)
        assert await client.code("ListMembers", listing, "super") is grpc.StatusCode.OK
