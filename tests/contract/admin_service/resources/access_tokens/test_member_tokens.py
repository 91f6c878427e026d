"""Admins see and revoke the tokens of their subtree that are valid in the organization, never a secret."""

import asyncio

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import access_token_pb2, api_key_pb2, audit_log_pb2, member_access_token_pb2
from megarouter.admin.v1.access_token_pb2 import AccessToken

from tests.contract.admin_service.conftest import Client, token_of

PARENT = "organizations/acme"
LIST = member_access_token_pb2.ListMemberAccessTokensRequest(parent=PARENT)
GET_KEY = api_key_pb2.GetApiKeyRequest(name="organizations/acme/apiKeys/key-member")
DENIED = grpc.StatusCode.PERMISSION_DENIED


def revoke(token: str) -> member_access_token_pb2.RevokeMemberAccessTokenRequest:
    return member_access_token_pb2.RevokeMemberAccessTokenRequest(name=f"{PARENT}/accessTokens/{token}")


async def listed(client: Client, admin: str, filter_text: str = "") -> list[str]:
    request = member_access_token_pb2.ListMemberAccessTokensRequest(parent=PARENT, filter=filter_text, page_size=2)
    names: list[str] = []
    while True:
        page = await client.call("ListMemberAccessTokens", request, admin)
        names += [one.name.rpartition("/")[2] for one in page.member_access_tokens]
        if not page.next_page_token:
            return names
        request.page_token = page.next_page_token


@pytest.mark.parametrize(
    ("admin", "tokens"),
    [
        ("super", ["below", "l1", "l1-peer", "member", "sales", "sub", "super"]),
        ("l1", ["below", "l1", "l1-peer", "member", "sub"]),
        ("sub", ["below", "member", "sub"]),
    ],
)
async def test_an_admin_lists_the_tokens_of_the_subtree(client: Client, admin: str, tokens: list[str]) -> None:
    assert await listed(client, admin) == tokens
    page = await client.call("ListMemberAccessTokens", LIST, admin)
    assert token_of("member") not in str(page)
    assert {one.state for one in page.member_access_tokens} == {AccessToken.STATE_ACTIVE}


async def test_a_member_lists_no_tokens(client: Client) -> None:
    assert await client.code("ListMemberAccessTokens", LIST, "member") is DENIED
    assert await client.code("ListMemberAccessTokens", LIST, "stranger") is DENIED


async def test_a_token_for_another_organization_does_not_show(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE access_tokens SET only_organization_id = 'other' WHERE user_id = 'member'")
    await owner.execute("UPDATE access_tokens SET only_organization_id = 'acme' WHERE user_id = 'below'")
    assert await listed(client, "sub") == ["below", "sub"]
    get = member_access_token_pb2.GetMemberAccessTokenRequest(name=f"{PARENT}/accessTokens/member")
    assert await client.code("GetMemberAccessToken", get, "super") is DENIED
    assert await client.code("RevokeMemberAccessToken", revoke("member"), "super") is DENIED


async def test_a_revoked_token_stops_with_the_next_call(client: Client) -> None:
    await client.call("GetApiKey", GET_KEY, "member")
    for _ in range(2):
        revoked = await client.call("RevokeMemberAccessToken", revoke("member"), "sub")
        assert revoked.state == AccessToken.STATE_REVOKED
    assert await client.code("GetApiKey", GET_KEY, "member") is grpc.StatusCode.UNAUTHENTICATED
    assert await listed(client, "sub", "state = ACTIVE") == ["below", "sub"]
    entries = await client.call("ListAuditLogEntries", audit_log_pb2.ListAuditLogEntriesRequest(parent=PARENT), "sub")
    assert [(one.method.rpartition("/")[2], one.resource, one.user) for one in entries.audit_log_entries] == [
        ("RevokeMemberAccessToken", f"{PARENT}/accessTokens/member", "users/sub")
    ]


@pytest.mark.parametrize(
    ("admin", "token"), [("l1", "super"), ("l1", "l1-peer"), ("l1", "sales"), ("sub", "l1"), ("super", "stranger")]
)
async def test_a_token_of_someone_who_is_not_below_stays(
    client: Client, owner: asyncpg.Connection, admin: str, token: str
) -> None:
    assert await client.code("RevokeMemberAccessToken", revoke(token), admin) is DENIED
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE revoke_time IS NOT NULL") == 0


async def test_a_token_creates_no_other_while_an_admin_revokes_it(client: Client, owner: asyncpg.Connection) -> None:
    """The thief of a token must not keep a child of it that nobody revoked knowingly."""
    create = access_token_pb2.CreateAccessTokenRequest(parent="users/me", access_token=AccessToken(display_name="x"))
    for member in ("member", "below", "sub"):
        await asyncio.gather(
            client.call("RevokeMemberAccessToken", revoke(member), "super"),
            client.call("CreateAccessToken", create, member),
            return_exceptions=True,
        )
    late = await owner.fetchval(
        "SELECT count(*) FROM audit_log made JOIN audit_log ended ON ended.resource_name LIKE '%/' || made.access_token_id"
        " WHERE made.sequence > ended.sequence AND made.refusal = '' AND ended.method LIKE '%/RevokeMemberAccessToken'"
    )
    assert late == 0
