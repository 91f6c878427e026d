"""A token from a sign-in lives as long as the deployment allows, and carries the rights of a Super Admin for a shorter time."""

import datetime as dt
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import access_token_pb2 as pb
from megarouter.admin.v1 import api_key_pb2, audit_log_pb2, credit_pb2, operator_pb2
from megarouter.admin.v1.access_token_pb2 import AccessToken
from megarouter.type.v1 import permission_pb2 as permissions

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.sign_in.conftest import ISSUER, client, provider_settings, signed_in

__all__ = ["client", "provider_settings"]

READ = permissions.PERMISSION_API_KEYS_READ
DISABLE = permissions.PERMISSION_API_KEYS_DISABLE
GET_KEY = api_key_pb2.GetApiKeyRequest(name="organizations/acme/apiKeys/key-super")
DISABLE_KEY = api_key_pb2.DisableApiKeyRequest(name=GET_KEY.name)
LOG = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme")


def sign_in(user: str) -> dict[str, Any]:
    return signed_in(f"subject-{user}", f"{user}@example.org")


def create(days: float | None = None, **fields: Any) -> pb.CreateAccessTokenRequest:
    if days is not None:
        fields["expire_time"] = Timestamp()
        fields["expire_time"].FromDatetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
    return pb.CreateAccessTokenRequest(parent="users/me", access_token=AccessToken(display_name="Laptop", **fields))


def using(secret: str) -> dict[str, Any]:
    return {"metadata": [("authorization", f"Bearer {secret}")]}


def life_days(token: AccessToken) -> float:
    return (token.expire_time.ToSeconds() - token.create_time.ToSeconds()) / 86_400


@pytest.mark.parametrize(
    ("user", "fields", "days"),
    [
        ("member", {}, 90),
        ("l1", {}, 90),
        ("super", {}, 1),
        ("super", {"permissions": [DISABLE]}, 1),
        ("super", {"organization": "organizations/acme"}, 1),
        ("super", {"permissions": [READ]}, 90),
        ("operator", {}, 1),
        ("operator", {"permissions": [permissions.PERMISSION_OPERATORS_READ]}, 90),
    ],
)
async def test_a_token_lives_as_long_as_its_rights_allow_and_never_longer(
    client: Client, user: str, fields: dict[str, Any], days: int
) -> None:
    """Seen to fail without the cap for Super Admins."""
    made = await client.call("CreateAccessToken", create(**fields), **sign_in(user))
    assert life_days(made.access_token) == pytest.approx(days, abs=0.001)
    assert made.access_token.issuer == ISSUER
    failure = await client.failure("CreateAccessToken", create(days + 0.01, **fields), **sign_in(user))
    assert failure.fields == ("access_token.expire_time",)
    child = (
        await client.failure("CreateAccessToken", create(days + 0.01, **fields), **using(made.secret))
        if not fields
        else None
    )
    assert child is None or child.fields == ("access_token.expire_time",)


async def test_a_super_admin_of_another_organization_only_is_capped_only_there(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('acme', 'x', 'stranger', 'MEMBER')"
    )
    there = await client.call("CreateAccessToken", create(organization="organizations/other"), **sign_in("stranger"))
    here = await client.call("CreateAccessToken", create(organization="organizations/acme"), **sign_in("stranger"))
    assert life_days(there.access_token) == pytest.approx(1, abs=0.001)
    assert life_days(here.access_token) == pytest.approx(90, abs=0.001)


async def test_an_old_token_of_a_new_super_admin_only_reads(client: Client, owner: asyncpg.Connection) -> None:
    """Otherwise a promotion would give tokens of 90 days the rights of a Super Admin. Seen to fail without the check."""
    made = await client.call("CreateAccessToken", create(), **sign_in("l1"))
    child = await client.call("CreateAccessToken", create(), **using(made.secret))
    await owner.execute("UPDATE members SET role = 'SUPER_ADMIN', group_id = NULL WHERE member_id = 'l1'")
    for secret in (made.secret, child.secret):
        await client.call("DisableApiKey", DISABLE_KEY, **using(secret))
    await owner.execute("UPDATE access_tokens SET super_admin_end_time = now() WHERE user_id = 'l1'")
    for secret in (made.secret, child.secret):
        await client.call("GetApiKey", GET_KEY, **using(secret))
        failure = await client.failure("DisableApiKey", DISABLE_KEY, **using(secret))
        assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SUPER_ADMIN_RIGHTS_EXPIRED")
    again = await client.failure("CreateAccessToken", create(), **using(made.secret))
    assert again.reason == "SUPER_ADMIN_RIGHTS_EXPIRED"


async def test_an_old_token_operates_no_longer(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("CreateAccessToken", create(), **sign_in("operator"))
    listing = operator_pb2.ListOrganizationSummariesRequest()
    await client.call("ListOrganizationSummaries", listing, **using(made.secret))
    await owner.execute("UPDATE access_tokens SET super_admin_end_time = now() WHERE user_id = 'operator'")
    failure = await client.failure("ListOrganizationSummaries", listing, **using(made.secret))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED


async def test_refused_creations_are_in_the_organizations_log(client: Client, owner: asyncpg.Connection) -> None:
    await client.failure("CreateAccessToken", create(200), **sign_in("member"))
    weak = await client.call(
        "CreateAccessToken", create(permissions=[permissions.PERMISSION_ACCESS_TOKENS_WRITE]), **sign_in("member")
    )
    await client.failure("CreateAccessToken", create(permissions=[READ]), **using(weak.secret))
    reader = await client.call("CreateAccessToken", create(permissions=[READ]), **sign_in("member"))
    await client.failure("CreateAccessToken", create(), **using(reader.secret))
    entries = (await client.call("ListAuditLogEntries", LOG, "sub")).audit_log_entries
    assert {entry.resource for entry in entries if entry.refusal} == {"users/member"}
    assert (entries[0].refusal, entries[0].access_token) == ("PERMISSION_DENIED", reader.access_token.name)
    del entries[:2]
    assert [(entry.refusal, entry.member, entry.issuer) for entry in entries] == [
        ("PERMISSION_DENIED", "organizations/acme/members/member", ISSUER),
        ("", "organizations/acme/members/member", ISSUER),
        ("FIELD_INVALID", "organizations/acme/members/member", ISSUER),
        ("", "organizations/acme/members/member", ISSUER),
    ]
    assert entries[2].after["displayName"] == "Laptop"
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE user_id = 'member'") == 3


async def test_an_l1_admin_sees_their_own_top_ups_in_the_audit_log(client: Client) -> None:
    """Seen to fail when a top-up is recorded without the caller's group."""
    top_up = credit_pb2.TopUpCreditRequest(
        parent="organizations/acme", amount_nano_credits=10**9, request_id="6b0f1f2c-2a0e-4a44-9a51-5a2f6f0f8f11"
    )
    await client.call("TopUpCredit", top_up, "l1")
    await client.call("TopUpCredit", top_up, "super")
    for admin, users in (("l1", ["users/l1"]), ("super", ["users/super", "users/l1"]), ("sub", [])):
        entries = (await client.call("ListAuditLogEntries", LOG, admin)).audit_log_entries
        assert [entry.user for entry in entries] == users
        for entry in entries:
            await client.call("GetAuditLogEntry", audit_log_pb2.GetAuditLogEntryRequest(name=entry.name), admin)
