"""An access token ends itself, whatever it is limited to, and no other token."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import access_token_pb2 as pb
from megarouter.admin.v1 import account_pb2, credential_pb2, sign_in_link_pb2
from megarouter.admin.v1.access_token_pb2 import AccessToken
from megarouter.admin.v1.credential_pb2 import Credential
from megarouter.type.v1 import permission_pb2 as permissions

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.access_tokens.test_service import create, made, using

REVOKE = pb.RevokeCurrentAccessTokenRequest()
ME = account_pb2.GetUserRequest(name="users/me")
READ_ONLY = [permissions.PERMISSION_API_KEYS_READ]


async def outcome(client: Client, secret: str, request_id: str = "") -> Any:
    request = pb.RevokeCurrentAccessTokenRequest(request_id=request_id)
    return await client.call("RevokeCurrentAccessToken", request, **using(secret))


@pytest.mark.parametrize("limits", [{}, {"organization": "organizations/acme"}, {"permissions": READ_ONLY}])
async def test_a_token_of_any_limits_ends_itself(client: Client, limits: dict[str, Any]) -> None:
    """Seen to fail for the limited ones without the rule that every token may."""
    answer = await made(client, **limits)
    gone = await outcome(client, answer.secret)
    assert (gone.name, gone.state) == (answer.access_token.name, AccessToken.STATE_REVOKED)
    failure = await client.failure("RevokeCurrentAccessToken", REVOKE, **using(answer.secret))
    assert failure.code is grpc.StatusCode.UNAUTHENTICATED


async def test_the_other_tokens_of_the_user_stay(client: Client) -> None:
    one, other = await made(client), await made(client)
    await outcome(client, one.secret)
    assert (await client.call("GetUser", ME, **using(other.secret))).name == "users/super"


async def test_one_request_id_ends_every_token_that_is_used_with_it(client: Client) -> None:
    """Seen to fail when the second token got the remembered answer of the first, and stayed valid."""
    one, other, request_id = await made(client), await made(client), str(uuid.uuid4())
    for answer in (one, other):
        assert (await outcome(client, answer.secret, request_id)).name == answer.access_token.name


async def test_concurrent_calls_end_it_once(client: Client, owner: asyncpg.Connection) -> None:
    answer = await made(client, organization="organizations/acme")
    results = await asyncio.gather(*(outcome(client, answer.secret) for _ in range(8)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, grpc.aio.AioRpcError)]
    assert len(refused) < len(results)
    assert {one.code() for one in refused} <= {grpc.StatusCode.UNAUTHENTICATED}
    entries = (
        "SELECT count(*) FROM audit_log WHERE organization_id = 'acme' AND method LIKE '%RevokeCurrentAccessToken'"
    )
    assert await owner.fetchval(entries) == 1


async def test_a_suspended_member_ends_their_token(client: Client, owner: asyncpg.Connection) -> None:
    answer = await made(client, "member", organization="organizations/acme")
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'member'")
    assert (await outcome(client, answer.secret)).state == AccessToken.STATE_REVOKED


async def test_a_credential_and_a_sign_in_link_end_nothing(client: Client) -> None:
    wanted = Credential(display_name="x", kind=Credential.KIND_SCIM)
    request = credential_pb2.CreateCredentialRequest(parent="organizations/acme", credential=wanted)
    credential = (await client.call("CreateCredential", request)).secret
    link = sign_in_link_pb2.CreateSignInLinkRequest(
        parent="organizations/acme",
        sign_in_link=sign_in_link_pb2.SignInLink(member="organizations/acme/members/member"),
    )
    secret = (await client.call("CreateSignInLink", link)).secret
    for bearer in (credential, secret):
        failure = await client.failure("RevokeCurrentAccessToken", REVOKE, **using(bearer))
        assert failure.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_limited_token_still_makes_and_ends_no_other(client: Client) -> None:
    answer = await made(client, permissions=READ_ONLY)
    assert (await client.failure("CreateAccessToken", create(), **using(answer.secret))).code is (
        grpc.StatusCode.PERMISSION_DENIED
    )
