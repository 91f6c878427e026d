"""The operators' log: what operators did to every organization, and which settings changed. Append-only, and only for operators."""

import json
import uuid
from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1 import credit_pb2, operator_pb2, organization_pb2
from megarouter.admin.v1.operator_pb2 import OperatorAuditLogEntry

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import Client, running_service
from tests.contract.admin_service.resources.operators.conftest import ACME, SUMMARY, grant, top_up


async def listed(client: Client, filter_text: str = "", size: int = 50) -> list[OperatorAuditLogEntry]:
    request = operator_pb2.ListOperatorAuditLogEntriesRequest(filter=filter_text, page_size=size)
    found: list[OperatorAuditLogEntry] = []
    while True:
        page = await client.call("ListOperatorAuditLogEntries", request, "operator")
        found += page.operator_audit_log_entries
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def verbs(entries: list[OperatorAuditLogEntry]) -> list[str]:
    return [one.method.rpartition("/")[2] for one in entries]


async def test_it_has_what_operators_do_to_any_organization(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("SetCreditLine", operator_pb2.SetCreditLineRequest(name=SUMMARY, line_nano_credits=5), "operator")
    await client.call("GrantCredit", grant(5, "other", str(uuid.uuid4())), "operator")
    await client.call("SuspendAccount", operator_pb2.SuspendAccountRequest(name=SUMMARY), "operator")
    await client.call("RestoreAccount", operator_pb2.RestoreAccountRequest(name=SUMMARY), "operator")
    member = "organizations/acme/members/member"
    await client.call("IssueSignInLink", operator_pb2.IssueSignInLinkRequest(name=member), "operator")
    entries = await listed(client)
    assert verbs(entries) == ["IssueSignInLink", "RestoreAccount", "SuspendAccount", "GrantCredit", "SetCreditLine"]
    assert {(one.user, one.user_display_name) for one in entries} == {("users/operator", "Operator")}
    granted = entries[3]
    assert (granted.organization, granted.organization_display_name) == ("organizations/other", "other")
    assert granted.after.fields["amountNanoCredits"].string_value == "5"
    assert entries[4].before.fields["creditLine"] != entries[4].after.fields["creditLine"]
    own = "SELECT count(*) FROM audit_log WHERE organization_id = 'acme' AND user_id = 'operator'"
    assert await owner.fetchval(own) == 4
    assert verbs(await listed(client, 'organization = "organizations/other"')) == ["GrantCredit"]
    assert verbs(await listed(client, "Suspend", 1)) == ["SuspendAccount"]
    assert [one.number for one in await listed(client, size=2)] == [one.number for one in entries]


async def test_it_has_no_secret(client: Client) -> None:
    member = "organizations/acme/members/member"
    answer = await client.call("IssueSignInLink", operator_pb2.IssueSignInLinkRequest(name=member), "operator")
    assert answer.secret not in str(await listed(client))


async def test_a_decided_request_is_in_it_once(client: Client) -> None:
    asked = await client.call("TopUpCredit", top_up(10**9))
    request = operator_pb2.ApproveTopUpRequestRequest(name=asked.top_up_request.name)
    for _ in range(2):
        await client.call("ApproveTopUpRequest", request, "operator")
    entries = await listed(client)
    assert sorted(one.resource.split("/")[2] for one in entries) == ["creditTransactions", "topUpRequests"]
    assert set(verbs(entries)) == {"ApproveTopUpRequest"}


async def test_what_admins_do_is_not_in_it(client: Client) -> None:
    await client.call(
        "AdjustCredit",
        credit_pb2.AdjustCreditRequest(
            parent=ACME, amount_nano_credits=-1, reason="x", allow_overdraft=True, request_id=str(uuid.uuid4())
        ),
    )
    made = organization_pb2.CreateOrganizationRequest(organization=organization_pb2.Organization(display_name="Mine"))
    await client.call("CreateOrganization", made, "member")
    assert await listed(client) == []


async def test_organizations_that_operators_create_are_in_it(client: Client) -> None:
    made = organization_pb2.CreateOrganizationRequest(organization=organization_pb2.Organization(display_name="New"))
    answer = await client.call("CreateOrganization", made, "operator")
    assert {(one.method.rpartition("/")[2], one.organization) for one in await listed(client)} == {
        ("CreateOrganization", answer.name)
    }


async def test_a_refused_change_is_not_in_it(client: Client) -> None:
    await client.failure(
        "RejectTopUpRequest",
        operator_pb2.RejectTopUpRequestRequest(name=f"{ACME}/topUpRequests/none", reason="x"),
        "operator",
    )
    assert await listed(client) == []


async def test_changed_settings_are_in_it(settings: AdminSettings, people: None) -> None:
    for offers in (True, False, False, True):
        async with running_service(settings.model_copy(update={"personal_accounts": offers})) as (_, client):
            entries = await listed(client)
    assert verbs(entries) == ["ApplySettings"] * 2
    assert [dict(one.after) for one in entries] == [{"personalAccounts": True}, {"personalAccounts": False}]
    assert {(one.user, one.organization) for one in entries} == {("", "")}


@pytest.mark.parametrize(
    "statement",
    ["UPDATE operator_audit_log SET method = 'x'", "DELETE FROM operator_audit_log", "TRUNCATE operator_audit_log"],
)
async def test_no_entry_changes_or_goes(client: Client, owner: asyncpg.Connection, statement: str) -> None:
    await client.call("SuspendAccount", operator_pb2.SuspendAccountRequest(name=SUMMARY), "operator")
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(statement)
    may: Any = await owner.fetchval(
        "SELECT has_table_privilege('megarouter_admin', 'operator_audit_log', $1)", statement.partition(" ")[0]
    )
    assert may is False


async def test_a_linked_identity_is_in_it(settings: AdminSettings, people: None, tmp_path: Any) -> None:
    file = tmp_path / "providers.yaml"
    file.write_text(json.dumps({"identity_providers": [{"issuer": "https://id.example"}]}), encoding="utf-8")
    request = operator_pb2.LinkUserIdentityRequest(
        name="organizations/acme/members/member", issuer="https://id.example", subject="1"
    )
    async with running_service(settings.model_copy(update={"identity_providers_file": file})) as (_, client):
        for _ in range(2):
            await client.call("LinkUserIdentity", request, "operator")
        (entry,) = await listed(client)
    assert (entry.method.rpartition("/")[2], entry.resource) == ("LinkUserIdentity", request.name)
    assert dict(entry.after) == {"issuer": "https://id.example", "subject": "1"}
