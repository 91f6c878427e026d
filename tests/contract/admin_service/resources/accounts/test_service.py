"""Accounts over the API: the caller's user, their accounts, and the current account."""

import asyncio
import json
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import account_pb2 as pb
from megarouter.admin.v1 import group_pb2, organization_pb2
from megarouter.admin.v1.account_pb2 import Account, User
from megarouter.admin.v1.member_pb2 import Member
from megarouter.admin.v1.organization_pb2 import Organization
from megarouter.type.v1.role_pb2 import ROLE_MEMBER, ROLE_SUPER_ADMIN

from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.conftest import Client

ACME, OTHER = "organizations/acme", "organizations/other"
DENIED, PRECONDITION = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION
ME = pb.GetUserRequest(name="users/me")


async def accounts(client: Client, member: str = "super", **fields: Any) -> list[Account]:
    answer = await client.call("ListMyAccounts", pb.ListMyAccountsRequest(**fields), member)
    return list(answer.accounts)


async def me(client: Client, member: str = "super") -> User:
    found: User = await client.call("GetUser", ME, member)
    return found


async def switch(client: Client, organization: str, member: str = "super", request_id: str = "") -> User:
    request = pb.SwitchAccountRequest(organization=organization, request_id=request_id)
    found: User = await client.call("SwitchAccount", request, member)
    return found


async def join_other(owner: asyncpg.Connection, user: str = "super", state: str = "ACTIVE") -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role, state)"
        " VALUES ('other', 'guest', $1, 'MEMBER', $2)",
        user, state,
    )  # fmt: skip


async def test_a_user_can_read_their_own_user(client: Client, owner: asyncpg.Connection) -> None:
    user = await me(client, "member")
    assert (user.name, user.display_name, user.email) == ("users/member", "member", "member@example.org")
    assert await client.call("GetUser", pb.GetUserRequest(name="users/member"), "member") == user
    await owner.execute("UPDATE users SET email = NULL WHERE user_id = 'member'")
    assert (await me(client, "member")).email == ""


@pytest.mark.parametrize("name", ["users/super", "users/unknown", "organizations/acme", "users/", "me", "users/me/x"])
async def test_other_users_are_not_visible(client: Client, name: str) -> None:
    failure = await client.failure("GetUser", pb.GetUserRequest(name=name), "member")
    assert failure.code is DENIED


async def test_accounts_are_the_users_memberships_and_a_personal_account(
    client: Client, owner: asyncpg.Connection
) -> None:
    await join_other(owner)
    await owner.execute("UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = 'other'")
    acme, other, personal = await accounts(client)
    assert (acme.organization, acme.member, acme.role) == (ACME, f"{ACME}/members/super", ROLE_SUPER_ADMIN)
    assert (acme.kind, acme.state, acme.group) == (Organization.KIND_ORGANIZATION, Organization.STATE_ACTIVE, "")
    assert (other.organization, other.role, other.state) == (OTHER, ROLE_MEMBER, Organization.STATE_SUSPENDED)
    assert (personal.kind, personal.role, personal.display_name) == (
        Organization.KIND_PERSONAL,
        ROLE_SUPER_ADMIN,
        "super",
    )
    assert [one.is_current for one in (acme, other, personal)] == [False, False, True]
    (inner,) = await accounts(client, "sub", filter="kind = ORGANIZATION")
    assert inner.group == f"{ACME}/groups/platform"


async def test_the_personal_account_is_created_once_on_first_use(client: Client, owner: asyncpg.Connection) -> None:
    made = "SELECT organization_id FROM organizations WHERE kind = 'PERSONAL'"
    assert await owner.fetch(made) == []
    for count, member in enumerate(("super", "l1", "sub", "member", "below", "sales"), 1):
        asked = await asyncio.gather(*(accounts(client, member, filter="kind = PERSONAL") for _ in range(8)))
        assert {len(found) for found in asked} == {1}
        assert len({found[0].organization for found in asked}) == 1
        assert len(await owner.fetch(made)) == count
    ledger = "SELECT count(*) FROM ledger_accounts WHERE organization_id = $1"
    assert await owner.fetchval(ledger, asked[0][0].organization.removeprefix("organizations/")) == 4


async def test_a_personal_account_has_no_groups(client: Client, owner: asyncpg.Connection) -> None:
    (personal,) = await accounts(client, filter="kind = PERSONAL")
    request = group_pb2.CreateGroupRequest(parent=personal.organization, group=group_pb2.Group(display_name="G"))
    failure = await client.failure("CreateGroup", request)
    assert (failure.code, failure.reason) == (PRECONDITION, "PERSONAL_ACCOUNT")
    assert await owner.fetchval("SELECT count(*) FROM groups WHERE organization_id LIKE 'personal-%'") == 0


async def test_a_personal_account_is_visible_to_its_user_only(client: Client) -> None:
    (personal,) = await accounts(client, filter="kind = PERSONAL")
    request = organization_pb2.GetOrganizationRequest(name=personal.organization)
    assert (await client.call("GetOrganization", request)).kind == Organization.KIND_PERSONAL
    assert (await client.failure("GetOrganization", request, "l1")).code is DENIED
    assert personal.organization not in {one.organization for one in await accounts(client, "l1")}


async def test_accounts_omit_removed_memberships_and_show_suspended_ones(
    client: Client, owner: asyncpg.Connection
) -> None:
    await join_other(owner, state="SUSPENDED")
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE organization_id = 'acme' AND user_id = 'super'")
    (other,) = await accounts(client, filter="kind = ORGANIZATION")
    assert (other.organization, other.member_state) == (OTHER, Member.STATE_SUSPENDED)


async def test_deleted_organizations_are_listed_on_demand(client: Client) -> None:
    await client.call("DeleteOrganization", organization_pb2.DeleteOrganizationRequest(name=ACME))
    assert ACME not in {one.organization for one in await accounts(client)}
    (acme,) = await accounts(client, show_deleted=True, filter="state = DELETED")
    assert (acme.organization, acme.state) == (ACME, Organization.STATE_DELETED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("role = SUPER_ADMIN AND kind = ORGANIZATION", [ACME]),
        ("role = ROLE_MEMBER", [OTHER]),
        ("display_name : oth", [OTHER]),
        ("acm", [ACME]),
        ("is_current = false", [ACME, OTHER]),
        ("member_state = SUSPENDED", []),
    ],
)
async def test_accounts_can_be_filtered(
    client: Client, owner: asyncpg.Connection, text: str, expected: list[str]
) -> None:
    await join_other(owner)
    assert [one.organization for one in await accounts(client, filter=text)] == expected


async def test_accounts_are_paged(client: Client, owner: asyncpg.Connection) -> None:
    await join_other(owner)
    whole = await accounts(client)
    token, pages = "", list[list[Account]]()
    while not pages or token:
        page = await client.call("ListMyAccounts", pb.ListMyAccountsRequest(page_size=1, page_token=token))
        pages.append(list(page.accounts))
        token = page.next_page_token
    assert pages == [[one] for one in whole]


async def test_a_page_token_of_another_user_shows_none_of_their_accounts(client: Client) -> None:
    token = (await client.call("ListMyAccounts", pb.ListMyAccountsRequest(page_size=1))).next_page_token
    page = await client.call("ListMyAccounts", pb.ListMyAccountsRequest(page_token=token), "stranger")
    own = {one.member for one in await accounts(client, "stranger")}
    assert {one.member for one in page.accounts} <= own


async def test_the_current_account_is_the_one_chosen_last(client: Client, owner: asyncpg.Connection) -> None:
    (personal,) = await accounts(client, filter="kind = PERSONAL")
    assert (await me(client)).current_account == personal.organization
    assert (await switch(client, ACME)).current_account == ACME
    assert (await me(client)).current_account == ACME
    assert [one.organization for one in await accounts(client, filter="is_current = true")] == [ACME]
    assert (await switch(client, personal.organization)).current_account == personal.organization
    assert await owner.fetchval("SELECT role FROM members WHERE organization_id = 'acme' AND user_id = 'super'") == (
        "SUPER_ADMIN"
    )


@pytest.mark.parametrize("organization", [OTHER, "organizations/nowhere", "users/super", f"{ACME}/groups/eng", "x"])
async def test_a_user_can_only_switch_to_their_own_accounts(client: Client, organization: str) -> None:
    failure = await client.failure("SwitchAccount", pb.SwitchAccountRequest(organization=organization))
    assert (failure.code, failure.reason) == (DENIED, "PERMISSION_DENIED")
    expected = f"Permission accounts:switch denied on resource '{organization}' (or it might not exist)."
    assert failure.message == expected


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE members SET state = 'SUSPENDED' WHERE organization_id = 'acme'",
        "UPDATE members SET state = 'REMOVED' WHERE organization_id = 'acme'",
        "UPDATE organizations SET state = 'DELETED' WHERE organization_id = 'acme'",
    ],
)
async def test_an_unusable_account_is_not_current(client: Client, owner: asyncpg.Connection, change: str) -> None:
    await switch(client, ACME)
    await owner.execute(change)
    (personal,) = await accounts(client, filter="kind = PERSONAL")
    assert (await me(client)).current_account == personal.organization
    assert personal.is_current
    assert (await client.failure("SwitchAccount", pb.SwitchAccountRequest(organization=ACME))).code is DENIED


async def test_a_switch_is_in_the_log_of_the_personal_account_once(client: Client, owner: asyncpg.Connection) -> None:
    for _ in range(2):
        await switch(client, ACME, "l1", "f47ac10b-58cc-4372-a567-0e02b2c3d479")
    await switch(client, ACME, "l1")
    (personal,) = await accounts(client, "l1", filter="kind = PERSONAL")
    (row,) = await owner.fetch("SELECT * FROM audit_log")
    assert f"organizations/{row['organization_id']}" == personal.organization
    assert (row["user_id"], row["resource_name"], row["member_id"]) == ("l1", "users/l1", None)
    assert json.loads(row["before"])["currentAccount"] == personal.organization
    assert json.loads(row["after"])["currentAccount"] == ACME


async def test_a_token_for_one_organization_shows_only_that_account(client: Client, owner: asyncpg.Connection) -> None:
    await join_other(owner)
    await owner.execute("UPDATE access_tokens SET only_organization_id = 'other' WHERE user_id = 'super'")
    (other,) = await accounts(client, show_deleted=True)
    assert (other.organization, other.is_current) == (OTHER, True)
    assert (await me(client)).current_account == OTHER
    assert (await client.failure("SwitchAccount", pb.SwitchAccountRequest(organization=OTHER))).code is DENIED
    assert await owner.fetchval("SELECT count(*) FROM organizations WHERE kind = 'PERSONAL'") == 0


async def test_the_database_shows_only_the_accounts_of_the_acting_user(
    owner: asyncpg.Connection, people: None, database_url: str
) -> None:
    connection = await asyncpg.connect(login_url(database_url, "megarouter_admin"))
    assert await connection.fetch("SELECT * FROM my_accounts()") == []
    async with connection.transaction():
        await connection.execute("SELECT set_config('megarouter.user', 'stranger', true)")
        assert [row["organization_id"] for row in await connection.fetch("SELECT * FROM my_accounts()")] == ["other"]
    await connection.close()
    for role in ("megarouter_usage", "megarouter_authz", "megarouter_audit"):
        assert not await owner.fetchval("SELECT has_function_privilege($1, 'my_accounts()', 'EXECUTE')", role)
