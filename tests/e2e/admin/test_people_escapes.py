"""Whoever has no membership, or lost it, ends with no credit and no call: by service accounts, transfers, imports and leaving."""

import asyncio
import os
import uuid
from typing import Any

import aiohttp
import asyncpg
import grpc
from google.protobuf.message import Message
from megarouter.admin.v1 import account_pb2, api_key_pb2, member_pb2, operator_pb2, service_account_pb2

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.admin.test_identity import method, refusal, subject
from tests.e2e.conftest import Post
from tests.e2e.docs.test_command_line import megarouter
from tests.support.clients.admin_transports import Rest
from tests.support.data.tenants import Tenant
from tests.support.servers.identity_provider import IdentityProvider

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
REFUSED = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED}
REVOKED_WITHIN_S = 1.0


def attempts(own: str, own_key: str, own_member: str, other: str) -> list[tuple[Any, str, str, Message]]:
    """Ways of a user with a personal account into another organization, or to a call without credit of their own."""
    account = service_account_pb2.ServiceAccount(display_name="x")
    create = service_account_pb2.CreateServiceAccountRequest
    key = api_key_pb2.ApiKey(display_name="x", service_account=f"{other}/serviceAccounts/sa-x")
    move = api_key_pb2.TransferApiKeyRequest
    row = member_pb2.MemberRow(email="me@example.org")
    return [
        (service_account_pb2, "ServiceAccounts", "CreateServiceAccount", create(parent=own, service_account=account)),
        (service_account_pb2, "ServiceAccounts", "CreateServiceAccount", create(parent=other, service_account=account)),
        (api_key_pb2, "ApiKeys", "CreateApiKey", api_key_pb2.CreateApiKeyRequest(parent=other, api_key=key)),
        (api_key_pb2, "ApiKeys", "CreateApiKey", api_key_pb2.CreateApiKeyRequest(parent=own, api_key=key)),
        (api_key_pb2, "ApiKeys", "TransferApiKey", move(name=own_key, member=f"{other}/members/mia")),
        (api_key_pb2, "ApiKeys", "TransferApiKey", move(name=own_key, service_account=f"{other}/serviceAccounts/sa-x")),
        (api_key_pb2, "ApiKeys", "TransferApiKey", move(name=f"{other}/apiKeys/key-1", member=own_member)),
        (member_pb2, "Members", "ImportMembers", member_pb2.ImportMembersRequest(parent=other, rows=[row])),
        (member_pb2, "Members", "ImportMembers", member_pb2.ImportMembersRequest(parent=own, rows=[row])),
        (account_pb2, "Accounts", "LeaveOrganization", account_pb2.LeaveOrganizationRequest(organization=other)),
        (account_pb2, "Accounts", "LeaveOrganization", account_pb2.LeaveOrganizationRequest(organization=own)),
    ]


async def test_a_stranger_gets_no_call(
    stack: Stack,
    identity_provider: IdentityProvider,
    session: aiohttp.ClientSession,
    tenant: Tenant,
    database: asyncpg.Pool,
) -> None:
    rest = Rest(stack.environment["MEGAROUTER_ADMIN_URL"], session)
    token = identity_provider.token(subject(), name="Stranger")
    listing = method(account_pb2, "Accounts", "ListMyAccounts")
    (account,) = (await rest.call(listing, account_pb2.ListMyAccountsRequest(), token)).accounts
    request = api_key_pb2.CreateApiKeyRequest(
        parent=account.organization, api_key=api_key_pb2.ApiKey(display_name="Mine"), request_id=str(uuid.uuid4())
    )
    key = await rest.call(method(api_key_pb2, "ApiKeys", "CreateApiKey"), request, token)
    other = f"organizations/{tenant.organization}"
    await database.execute(
        "INSERT INTO members (organization_id, member_id, display_name, role) VALUES ($1, 'sa-x', 'x', 'MEMBER')",
        tenant.organization,
    )
    for module, service, name, asked in attempts(account.organization, key.api_key.name, account.member, other):
        assert await refusal(rest.call(method(module, service, name), asked, token)) in REFUSED, (name, asked)
    url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"
    async with session.post(url, json=BODY, headers={"authorization": f"Bearer {key.secret}"}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (402, "credit_exhausted")
    assert await tenant.records() == []


async def test_a_key_of_a_personal_account_stops_and_starts_with_the_setting(
    stack: Stack, identity_provider: IdentityProvider, session: aiohttp.ClientSession, database: asyncpg.Pool
) -> None:
    """Seen to fail without the notification."""
    rest = Rest(stack.environment["MEGAROUTER_ADMIN_URL"], session)
    token = identity_provider.token(subject(), name="Paul Personal")
    listing = method(account_pb2, "Accounts", "ListMyAccounts")
    (account,) = (await rest.call(listing, account_pb2.ListMyAccountsRequest(), token)).accounts
    request = api_key_pb2.CreateApiKeyRequest(
        parent=account.organization, api_key=api_key_pb2.ApiKey(display_name="Mine"), request_id=str(uuid.uuid4())
    )
    key = (await rest.call(method(api_key_pb2, "ApiKeys", "CreateApiKey"), request, token)).secret
    grant = operator_pb2.GrantCreditRequest(
        name=f"{account.organization}/summary", amount_nano_credits=10**9, request_id=str(uuid.uuid4()), reason="trial"
    )
    granting = method(operator_pb2, "Operators", "GrantCredit")
    await rest.call(granting, grant, stack.environment["MEGAROUTER_ADMIN_TOKEN"])
    url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"

    async def call() -> tuple[int, str]:
        async with session.post(url, json=BODY, headers={"authorization": f"Bearer {key}"}) as response:
            answer = await response.json()
            return response.status, answer.get("error", {}).get("code", "")

    async def switch(*, offers: bool, wanted: tuple[int, str]) -> None:
        await database.execute("UPDATE deployment_settings SET personal_accounts = $1", offers)
        async with asyncio.timeout(REVOKED_WITHIN_S):
            while await call() != wanted:
                await asyncio.sleep(0.02)

    assert await call() == (200, "")
    try:
        await switch(offers=False, wanted=(403, "personal_accounts_off"))
    finally:
        await switch(offers=True, wanted=(200, ""))


async def test_a_suspended_member_gets_no_call_by_a_transfer(stack: Stack, post: Post) -> None:
    """An admin who gives the key of a suspended member to someone else must give it a new secret."""
    key_id = f"escape-{os.urandom(3).hex()}"

    def run(*arguments: str) -> str:
        result = megarouter(stack, *arguments)
        assert result.returncode == 0, (arguments, result.stderr)
        return result.stdout

    made = run("keys", "create", "Escape", "--id", key_id, "--member", "lena")
    secret = next(line.split()[-1] for line in made.splitlines() if line.startswith("secret"))
    assert (await post(BODY, key=secret)).status == 200
    run("members", "suspend", "lena")
    try:
        async with asyncio.timeout(REVOKED_WITHIN_S):
            while (await post(BODY, key=secret)).status == 200:
                await asyncio.sleep(0.02)
        refused = megarouter(stack, "keys", "transfer", key_id, "--to", "emma", "--yes")
        assert (refused.returncode, "ROTATION_REQUIRED" in refused.stderr) == (1, True)
        assert "--rotate" in refused.stderr
        run("keys", "transfer", key_id, "--to", "emma", "--rotate", "--yes")
        assert (await post(BODY, key=secret)).status in {401, 403}
    finally:
        run("members", "resume", "lena")
    assert (await post(BODY, key=secret)).status == 401
    run("keys", "delete", key_id, "--yes")
