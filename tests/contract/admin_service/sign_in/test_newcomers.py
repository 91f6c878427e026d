"""A person whose address another user has: a clear error, and an invite as the way in."""

import asyncio
import json

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import access_token_pb2, account_pb2, api_key_pb2, audit_log_pb2, invite_pb2
from megarouter.type.v1 import role_pb2

from gateway_core.runtime.settings import AdminSettings, StartRefusedError
from tests.contract.admin_service.conftest import Client, running_service
from tests.contract.admin_service.sign_in.conftest import ISSUER, PARTNERS, signed_in

GET_KEY = api_key_pb2.GetApiKeyRequest(name="organizations/acme/apiKeys/key-member")
DISABLE_KEY = api_key_pb2.DisableApiKeyRequest(name=GET_KEY.name)
MEMBER = "member@example.org"


async def invite(client: Client, email: str = "") -> str:
    wanted = invite_pb2.Invite(role=role_pb2.ROLE_MEMBER, group="organizations/acme/groups/sales", email=email)
    request = invite_pb2.CreateInviteRequest(parent="organizations/acme", invite=wanted)
    return str((await client.call("CreateInvite", request)).token)


async def test_the_error_says_what_to_do_and_names_the_identity(client: Client) -> None:
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    for method, request in (
        ("GetApiKey", GET_KEY),
        ("ListMyAccounts", account_pb2.ListMyAccountsRequest()),
        ("DisableApiKey", DISABLE_KEY),
    ):
        failure = await client.failure(method, request, **signed_in("second", MEMBER, PARTNERS))
        assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, "IDENTITY_NOT_LINKED")
        assert failure.metadata == {"issuer": PARTNERS, "subject": "second"}
        assert "Ask an admin" in failure.message


async def test_a_newcomer_who_accepts_an_invite_is_a_new_user(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    token = await invite(client)
    newcomer = signed_in("second", MEMBER, name="Ann")
    preview = await client.call("PreviewInvite", invite_pb2.PreviewInviteRequest(token=token), **newcomer)
    assert preview.organization_display_name == "acme"
    joined = await client.call("AcceptInvite", invite_pb2.AcceptInviteRequest(token=token), **newcomer)
    assert joined.member != "organizations/acme/members/member"
    accounts = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), **newcomer)
    assert [one.member for one in accounts.accounts if one.organization == "organizations/acme"] == [joined.member]
    assert (await client.failure("GetApiKey", GET_KEY, **newcomer)).reason == "PERMISSION_DENIED"
    row = await owner.fetchrow(
        "SELECT u.user_id, u.email, u.display_name FROM users u JOIN user_identities i USING (user_id)"
        " WHERE i.subject = 'second'"
    )
    assert row is not None
    assert row["user_id"] != "member"
    assert (row["email"], row["display_name"]) == (None, "Ann")


async def test_a_newcomer_may_accept_an_invite_for_the_address(client: Client, owner: asyncpg.Connection) -> None:
    """The former holder left. The invite is for the address, which the new person has now."""
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'member'")
    token = await invite(client, email=MEMBER)
    joined = await client.call(
        "AcceptInvite", invite_pb2.AcceptInviteRequest(token=token), **signed_in("second", MEMBER)
    )
    assert joined.member != "organizations/acme/members/member"
    assert await owner.fetchval("SELECT state FROM members WHERE member_id = 'member'") == "REMOVED"


async def test_an_invite_that_cannot_be_accepted_creates_no_user(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    before = await owner.fetchval("SELECT count(*) FROM users")
    for token in ("mri-wrong", await invite(client, email="someone@example.org")):
        request = invite_pb2.AcceptInviteRequest(token=token)
        assert (await client.failure("AcceptInvite", request, **signed_in("second", MEMBER))).code is (
            grpc.StatusCode.FAILED_PRECONDITION
        )
    assert await owner.fetchval("SELECT count(*) FROM users") == before
    assert await owner.fetchval("SELECT count(*) FROM user_identities") == 1


async def test_concurrent_acceptances_of_a_newcomer_create_one_user(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail without the lock of the identity."""
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER))
    tokens = [await invite(client) for _ in range(6)]
    answers = await asyncio.gather(
        *(
            client.call("AcceptInvite", invite_pb2.AcceptInviteRequest(token=one), **signed_in("second", MEMBER))
            for one in tokens
        )
    )
    assert len({answer.member for answer in answers}) == 1
    assert await owner.fetchval("SELECT count(*) FROM user_identities") == 2


async def test_the_audit_log_names_the_issuer_of_links_and_changes(client: Client) -> None:
    await client.call("DisableApiKey", DISABLE_KEY, **signed_in("first", MEMBER, name="Mem Ber"))
    await client.call("GetApiKey", GET_KEY, **signed_in("first", MEMBER, name="Mem B"))
    await client.call("DisableApiKey", api_key_pb2.DisableApiKeyRequest(name="organizations/acme/apiKeys/key-super"))
    entries = await entries_of(client)
    assert [(entry.method.rpartition("/")[2], entry.issuer) for entry in entries] == [
        ("DisableApiKey", ""),
        ("FollowIssuer", ISSUER),
        ("DisableApiKey", ISSUER),
        ("LinkIdentity", ISSUER),
    ]
    link = entries[-1]
    assert (link.resource, link.user, link.client_address) == (
        "organizations/acme/members/member", "users/member", "192.0.2.7",
    )  # fmt: skip
    assert dict(link.after) == {"issuer": ISSUER, "subject": "first", "email": MEMBER}
    assert dict(entries[1].before) == {"displayName": "Mem Ber", "email": MEMBER}


async def entries_of(client: Client) -> list[audit_log_pb2.AuditLogEntry]:
    request = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme")
    return list((await client.call("ListAuditLogEntries", request)).audit_log_entries)


async def test_a_file_of_providers_that_cannot_be_used_prevents_the_start(provider_settings: AdminSettings) -> None:
    file = provider_settings.identity_providers_file
    assert file is not None
    file.write_text(json.dumps({"identity_providers": [{"issuer": ISSUER, "email_domains": ["*"]}]}), encoding="utf-8")
    with pytest.raises(StartRefusedError, match="MEGAROUTER_IDENTITY_PROVIDERS_FILE"):
        async with running_service(provider_settings):
            pass


async def test_a_token_of_an_identity_provider_is_not_revoked_here(client: Client) -> None:
    failure = await client.failure(
        "RevokeCurrentAccessToken",
        access_token_pb2.RevokeCurrentAccessTokenRequest(),
        **signed_in("ada", "ada@example.org"),
    )
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_AN_ACCESS_TOKEN")
