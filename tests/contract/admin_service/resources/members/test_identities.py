"""An admin links an identity to a member of a lower role, and gains nothing outside the organization by it."""

import asyncio

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import (
    access_token_pb2,
    account_pb2,
    api_key_pb2,
    audit_log_pb2,
    member_pb2,
    operator_pb2,
    organization_pb2,
)

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.sign_in.conftest import ISSUER, PARTNERS, client, provider_settings, signed_in

__all__ = ["client", "provider_settings"]

MEMBER = "member@example.org"
NAME = "organizations/acme/members/member"
GET_KEY = api_key_pb2.GetApiKeyRequest(name="organizations/acme/apiKeys/key-member")


def link(
    member: str = "member", issuer: str = PARTNERS, subject: str = "second"
) -> member_pb2.LinkMemberIdentityRequest:
    return member_pb2.LinkMemberIdentityRequest(
        name=f"organizations/acme/members/{member}", issuer=issuer, subject=subject
    )


@pytest.mark.parametrize("admin", ["super", "l1", "sub"])
async def test_a_linked_identity_is_the_members_user(client: Client, admin: str) -> None:
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    assert (await client.failure("GetApiKey", GET_KEY, **signed_in("second", MEMBER, PARTNERS))).reason == (
        "IDENTITY_NOT_LINKED"
    )
    for _ in range(2):
        assert (await client.call("LinkMemberIdentity", link(), admin)).name == NAME
    await client.call("GetApiKey", GET_KEY, **signed_in("second", MEMBER, PARTNERS))
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    request = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme")
    entries = (await client.call("ListAuditLogEntries", request)).audit_log_entries
    links = [entry for entry in entries if entry.method.endswith("Members/LinkMemberIdentity")]
    assert [(dict(one.after), one.resource, one.user) for one in links] == [
        ({"issuer": PARTNERS, "subject": "second"}, NAME, f"users/{admin}")
    ]


@pytest.mark.parametrize(
    ("admin", "member"), [("l1", "l1-peer"), ("sub", "l1"), ("l1", "sales"), ("l1", "super"), ("member", "below")]
)
async def test_no_one_links_an_identity_to_a_member_who_is_not_below_them(
    client: Client, owner: asyncpg.Connection, admin: str, member: str
) -> None:
    assert (await client.failure("LinkMemberIdentity", link(member), admin)).code is grpc.StatusCode.PERMISSION_DENIED
    assert await owner.fetchval("SELECT count(*) FROM user_identities") == 0


async def test_a_super_admin_links_no_identity_to_themselves(client: Client) -> None:
    assert (await client.failure("LinkMemberIdentity", link("super"))).reason == "ROLE_NOT_GRANTABLE"


async def join_other(owner: asyncpg.Connection, user: str) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('other', 'm2', $1, 'MEMBER')", user
    )


async def test_an_identity_that_an_admin_linked_is_the_user_in_the_organization_only(
    client: Client, owner: asyncpg.Connection
) -> None:
    """Otherwise an admin could link an identity of their own, and act as the user wherever the user joins later. Seen to fail."""
    await client.call("LinkMemberIdentity", link())
    await join_other(owner, "member")
    linked = signed_in("second", MEMBER, PARTNERS)
    await client.call("GetApiKey", GET_KEY, **linked)
    organization = organization_pb2.GetOrganizationRequest(name="organizations/other")
    create = access_token_pb2.CreateAccessTokenRequest(
        parent="users/me", access_token=access_token_pb2.AccessToken(display_name="x")
    )
    for method, request in (
        ("GetOrganization", organization),
        ("CreateAccessToken", create),
        ("ListAccessTokens", access_token_pb2.ListAccessTokensRequest(parent="users/me")),
    ):
        assert (await client.failure(method, request, **linked)).code is grpc.StatusCode.PERMISSION_DENIED
    accounts = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), **linked)
    assert [one.organization for one in accounts.accounts] == ["organizations/acme"]
    await client.call("GetOrganization", organization, **signed_in("first", MEMBER))


async def test_an_identity_that_an_admin_linked_neither_operates_nor_renames_nor_keeps_the_person_away(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('acme', 'op', 'operator', 'MEMBER')"
    )
    await client.call("LinkMemberIdentity", link("op"))
    linked = signed_in("second", "new@example.org", PARTNERS, name="New Name")
    summaries = operator_pb2.ListOrganizationSummariesRequest()
    assert (await client.failure("ListOrganizationSummaries", summaries, **linked)).code is (
        grpc.StatusCode.PERMISSION_DENIED
    )
    row = await owner.fetchrow("SELECT email, display_name FROM users WHERE user_id = 'operator'")
    assert tuple(row or ()) == ("operator@example.org", "Operator")
    await client.call("ListOrganizationSummaries", summaries, **signed_in("first", "operator@example.org"))


async def test_an_operator_links_for_all_organizations(client: Client, owner: asyncpg.Connection) -> None:
    await join_other(owner, "member")
    request = operator_pb2.LinkUserIdentityRequest(name=NAME, issuer=PARTNERS, subject="second")
    assert (await client.failure("LinkUserIdentity", request)).code is grpc.StatusCode.PERMISSION_DENIED
    await client.call("LinkUserIdentity", request, "operator")
    organization = organization_pb2.GetOrganizationRequest(name="organizations/other")
    await client.call("GetOrganization", organization, **signed_in("second", "", PARTNERS))
    organizations = await owner.fetch(
        "SELECT organization_id FROM audit_log WHERE method LIKE '%/LinkUserIdentity' ORDER BY organization_id"
    )
    assert [row[0] for row in organizations] == ["acme", "other"]
    assert (await client.call("LinkMemberIdentity", link())).name == NAME


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"issuer": "https://unknown.example"}, "issuer"),
        ({"issuer": ISSUER + "/"}, "issuer"),
        ({"subject": ""}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"subject": "x" * 256}, "subject"),
    ],
)
async def test_a_link_that_no_sign_in_could_use_is_refused(client: Client, fields: dict[str, str], field: str) -> None:
    assert (await client.failure("LinkMemberIdentity", link(**fields))).fields == (field,)


async def test_an_identity_of_another_user_is_never_moved(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("GetApiKey", GET_KEY, **signed_in("second", MEMBER, PARTNERS))
    assert (await client.failure("LinkMemberIdentity", link("below"))).reason == "IDENTITY_LINKED"
    assert await owner.fetchval("SELECT user_id FROM user_identities") == "member"


async def test_a_removed_member_gets_no_identity(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'member'")
    assert (await client.failure("LinkMemberIdentity", link())).reason == "MEMBER_REMOVED"


async def test_concurrent_links_of_one_identity_have_one_winner(client: Client, owner: asyncpg.Connection) -> None:
    members = ["member", "below", "sales"]
    answers = await asyncio.gather(
        *(client.call("LinkMemberIdentity", link(member)) for member in members), return_exceptions=True
    )
    assert len([one for one in answers if not isinstance(one, Exception)]) == 1
    codes = {one.code() for one in answers if isinstance(one, grpc.aio.AioRpcError)}
    assert codes == {grpc.StatusCode.FAILED_PRECONDITION}
    assert await owner.fetchval("SELECT count(*) FROM user_identities") == 1
