"""Strangers, suspended members and members of another organization try every way to credit or to a call, and get neither.

The contract tests of sign-in try the ways of a second issuer that the deployment knows, and of a recycled address.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from admin_service.access.permission_matrix import admin_services
from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.admin.test_identity import mia, subject
from tests.e2e.conftest import FELT_WITHIN_S, Post
from tests.e2e.docs.test_command_line import megarouter
from tests.support.attacks.racing import super_admin
from tests.support.clients.admin_transports import CallError, Rest
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.servers.identity_provider import ISSUER, IdentityProvider

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
METHODS = {method.name: method for service in admin_services() for method in service.methods}
KINDS = ("stranger", "suspended", "foreigner")
SCIM_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
REQUEST_IDS = {"TopUpCredit", "AdjustCredit", "RefundCredit", "GrantCredit", "SetCreditLine", "RequestInvoice"}
FACTS = """
WITH theirs AS (SELECT organization_id FROM members WHERE user_id = $2 UNION SELECT $1)
SELECT (SELECT count(*) FROM ledger_transfers JOIN theirs USING (organization_id)),
       (SELECT count(*) FROM usage_records JOIN theirs USING (organization_id)),
       (SELECT count(*) FROM members WHERE organization_id = $1 AND user_id = $2 AND state = 'ACTIVE'),
       (SELECT count(*) FROM theirs JOIN organizations USING (organization_id) WHERE kind = 'ORGANIZATION')
"""
"""Transfers and calls of a target and of all accounts of a user, whether they are in the target, and in how many organizations."""


@dataclass
class Person:
    """Somebody who tries."""

    rest: Rest
    token: str
    user: str = ""
    own: str = ""
    """The personal account, or the organization where they are Super Admin."""
    member: str = ""
    """Who they are in it."""
    key: str = ""
    """The name of a key of their own in it."""
    others: list[str] = field(default_factory=list)
    """Other bearer secrets of theirs: a directory's, and an access token from before."""
    secrets: list[str] = field(default_factory=list)
    """Of all keys that they ever had."""

    async def call(self, name: str, token: str = "", /, **fields: Any) -> Any:
        """Calls a method of the admin API."""
        method = METHODS[name]
        if name in REQUEST_IDS:
            fields["request_id"] = str(uuid.uuid4())
        request = json_format.ParseDict(fields, GetMessageClass(method.input_type)())
        return await self.rest.call(method, request, token or self.token)

    async def attempt(self, name: str, token: str = "", /, **fields: Any) -> grpc.StatusCode:
        """Calls a method, keeps the secret if there is one, and returns how it ended."""
        try:
            answer = await self.call(name, token, **fields)
        except CallError as error:
            return error.code
        if secret := getattr(answer, "secret", ""):
            self.secrets.append(secret)
        return grpc.StatusCode.OK


@dataclass
class Target:
    """The organization that they try to use."""

    tenant: Tenant
    name: str
    boss: str
    """The access token of its Super Admin."""
    invites: list[str]
    """Tokens of invites that are for others, or over."""
    open_invite: str
    link: str
    """The secret of a sign-in link that an admin made for its member before."""


@pytest.fixture
async def target(tenant: Tenant, rest: Rest) -> Target:
    """The tenant, with a service account, a directory, and invites that are no one's or for others."""
    boss = await super_admin(tenant)
    admin, name = Person(rest, boss), f"organizations/{tenant.organization}"
    await admin.call(
        "CreateServiceAccount", parent=name, service_account={"display_name": "CI"}, service_account_id="sa-x"
    )
    invites = []
    for email in ("someone@else.example", ""):
        invite = {"role": "ROLE_MEMBER", "group": f"{name}/groups/g1", "email": email}
        made = await admin.call("CreateInvite", parent=name, invite=invite)
        invites.append(made.token)
    await admin.call("RevokeInvite", name=made.invite.name)
    opened = await admin.call("CreateInvite", parent=name, invite={"role": "ROLE_MEMBER", "group": f"{name}/groups/g1"})
    link = await admin.call("CreateSignInLink", parent=name, sign_in_link={"member": f"{name}/members/mia"})
    return Target(tenant, name, boss, invites, opened.token, link.secret)


@pytest.fixture
def rest(stack: Stack, session: aiohttp.ClientSession) -> Rest:
    return Rest(stack.environment["MEGAROUTER_ADMIN_URL"], session)


@pytest.fixture(params=KINDS)
async def person(
    request: pytest.FixtureRequest, rest: Rest, target: Target, identity_provider: IdentityProvider, pepper: bytes
) -> AsyncIterator[Person]:
    database = target.tenant.database
    if request.param == "foreigner":
        other = await make_tenant(database, pepper, amount_nano_credits=0)
        await database.execute(
            "UPDATE credit_lines SET line_nano_credits = 0 WHERE organization_id = $1", other.organization
        )
        await database.execute(
            "UPDATE members SET role = 'SUPER_ADMIN', group_id = NULL WHERE organization_id = $1", other.organization
        )
        made = Person(
            rest, identity_provider.token(subject(), **mia(other)), f"user-{other.organization}", secrets=[other.key]
        )
        made.own = f"organizations/{other.organization}"
        made.member, made.key = f"{made.own}/members/mia", f"{made.own}/apiKeys/key-1"
        directory = {"display_name": "d", "kind": "KIND_SCIM"}
        made.others.append((await made.call("CreateCredential", parent=made.own, credential=directory)).secret)
        yield made
        return
    claims = mia(target.tenant) if request.param == "suspended" else {"name": "Stranger"}
    made = Person(rest, identity_provider.token(subject(), **claims))
    (account,) = (one for one in (await made.call("ListMyAccounts")).accounts if one.organization != target.name)
    made.own, made.member = account.organization, account.member
    key = await made.call("CreateApiKey", parent=made.own, api_key={"display_name": "Mine"})
    made.key, made.secrets = key.api_key.name, [key.secret]
    made.user = await database.fetchval(
        "SELECT user_id FROM members WHERE organization_id = $1", made.own.removeprefix("organizations/")
    )
    if request.param == "suspended":
        made.secrets.append(target.tenant.key)
        token = {"display_name": "t"}
        made.others.append(
            (await made.call("CreateAccessToken", parent=f"users/{made.user}", access_token=token)).secret
        )
        await Person(rest, target.boss).call("SuspendMember", name=f"{target.name}/members/mia")
    yield made


def ways(person: Person, target: Target) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns every way into the target: what it is, the method and the request. All of them are refused."""
    there, own = target.name, person.own
    sa_there, mia_there = f"{there}/serviceAccounts/sa-x", f"{there}/members/mia"
    account, row = {"display_name": "x"}, {"email": "me@example.org", "role": "ROLE_MEMBER"}
    return [
        ("credit", "TopUpCredit", {"parent": there, "amount_nano_credits": 10**15}),
        ("credit", "AdjustCredit", {"parent": there, "amount_nano_credits": 10**15, "reason": "x"}),
        ("credit", "GrantCredit", {"name": f"{there}/summary", "amount_nano_credits": 1, "reason": "x"}),
        ("personal account", "GrantCredit", {"name": f"{own}/summary", "amount_nano_credits": 10**15, "reason": "x"}),
        ("personal account", "SetCreditLine", {"name": f"{own}/summary", "is_unlimited": True}),
        ("new organization", "CreateOrganization", {"organization": {"display_name": "Mine"}}),
        *(("invite", "AcceptInvite", {"token": token}) for token in target.invites),
        ("invite", "CreateInvite", {"parent": there, "invite": {"role": "ROLE_MEMBER", "group": f"{there}/groups/g1"}}),
        ("import", "ImportMembers", {"parent": there, "rows": [row]}),
        ("claim", "CreateClaimMapping", {"parent": there, "claim_mapping": {
            "issuer": ISSUER, "claim": "groups", "value": "x", "role": "ROLE_MEMBER"}}),
        ("second issuer", "LinkMemberIdentity", {"name": mia_there, "issuer": ISSUER, "subject": "mine"}),
        ("sign-in link", "CreateSignInLink", {"parent": there, "sign_in_link": {"member": mia_there}}),
        ("member", "ResumeMember", {"name": mia_there}),
        ("member", "ChangeMemberRole", {"name": mia_there, "role": "ROLE_SUPER_ADMIN", "etag": '"0123456789abcdef"'}),
        ("member", "LeaveOrganization", {"organization": there}),
        ("key", "CreateApiKey", {"parent": there, "api_key": account}),
        ("key", "RotateApiKey", {"name": f"{there}/apiKeys/key-1"}),
        ("key", "EnableApiKey", {"name": f"{there}/apiKeys/key-1"}),
        ("service account", "CreateServiceAccount", {"parent": there, "service_account": account}),
        ("service account", "CreateApiKey", {"parent": there, "api_key": {**account, "service_account": sa_there}}),
        ("service account", "CreateApiKey", {"parent": own, "api_key": {**account, "service_account": sa_there}}),
        ("transfer", "TransferApiKey", {"name": person.key, "member": mia_there}),
        ("transfer", "TransferApiKey", {"name": person.key, "service_account": sa_there}),
        ("transfer", "TransferApiKey", {"name": f"{there}/apiKeys/key-1", "member": person.member}),
        ("SCIM", "CreateCredential", {"parent": there, "credential": {"display_name": "d", "kind": "KIND_SCIM"}}),
    ]  # fmt: skip


async def test_no_way_leads_to_credit_or_a_call(
    person: Person, target: Target, stack: Stack, session: aiohttp.ClientSession, identity_provider: IdentityProvider
) -> None:
    database, facts = target.tenant.database, (target.tenant.organization, person.user)
    before = await database.fetchrow(FACTS, *facts)
    for way, name, fields in ways(person, target):
        for token in (person.token, *person.others):
            assert await person.attempt(name, token, **fields) is not grpc.StatusCode.OK, (way, name, fields)
    await use_their_own_account(person)
    await come_as_others(person, target, identity_provider)
    for token in (person.token, *person.others):
        await push_as_a_directory(person, session, token, target)
    for secret in person.secrets:
        await assert_no_call(session, stack, secret)
    assert await database.fetchrow(FACTS, *facts) == before


async def use_their_own_account(person: Person) -> None:
    """Does what they may do there. That makes keys, and requests for credit, but no credit."""
    named = {"display_name": "x"}
    await person.attempt("TopUpCredit", parent=person.own, amount_nano_credits=10**15)
    await person.attempt("AdjustCredit", parent=person.own, amount_nano_credits=10**15, reason="x")
    await person.attempt("RefundCredit", parent=person.own, amount_nano_credits=1, reason="x")
    await person.attempt("CreateApiKey", parent=person.own, api_key={**named, "member": person.member})
    robot = f"{person.own}/serviceAccounts/sa-mine"
    await person.attempt("CreateServiceAccount", parent=person.own, service_account=named, service_account_id="sa-mine")
    await person.attempt("CreateApiKey", parent=person.own, api_key={**named, "service_account": robot})
    await person.attempt("TransferApiKey", name=person.key, service_account=robot, rotate_secret=True)
    await person.attempt("SwitchAccount", organization=person.own)


async def come_as_others(person: Person, target: Target, identity_provider: IdentityProvider) -> None:
    """Comes by a second issuer with the member's address, by an old link, and by an invite that is open to everybody else."""
    claims = {**identity_provider.claims(subject(), **mia(target.tenant)), "iss": "https://partners.example"}
    created = {"parent": target.name, "api_key": {"display_name": "x"}}
    tokens = [identity_provider.keys[0].sign(claims)]
    if target.tenant.key in person.secrets:
        tokens.append(identity_provider.token(subject(), **mia(target.tenant)))  # a recycled address
        assert await person.attempt("ExchangeSignInLink", target.link) is not grpc.StatusCode.OK
        assert await person.attempt("AcceptInvite", token=target.open_invite) is not grpc.StatusCode.OK
    for token in tokens:
        assert await person.attempt("CreateApiKey", token, **created) is not grpc.StatusCode.OK
        assert (
            await person.attempt("TopUpCredit", token, parent=target.name, amount_nano_credits=1)
            is not grpc.StatusCode.OK
        )


async def push_as_a_directory(person: Person, session: aiohttp.ClientSession, token: str, target: Target) -> None:
    """Calls SCIM with a bearer token of theirs, about the target's member."""
    address = f"mia@{target.tenant.organization}.example"
    for verb, path, body in (
        ("PATCH", "Users/mia", {"Operations": [{"op": "Replace", "path": "active", "value": True}]}),
        ("PUT", "Users/mia", {"userName": address, "active": True}),
        ("POST", "Users", {"schemas": [SCIM_USER], "userName": address, "active": True}),
    ):
        headers = {"authorization": f"Bearer {token}"}
        async with session.request(verb, f"{person.rest.url}/scim/v2/{path}", json=body, headers=headers) as answer:
            # A directory may push people of its own organization.
            assert token in person.others or answer.status in {401, 403}, (verb, path)


async def assert_no_call(session: aiohttp.ClientSession, stack: Stack, secret: str) -> None:
    """Asserts that a key makes no call. A key whose member was suspended may make one within the promised second."""
    url, headers = (
        f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions",
        {"authorization": f"Bearer {secret}"},
    )
    async with session.post(url, json=BODY, headers=headers) as answer:
        assert answer.status in {401, 402, 403}, await answer.text()


async def test_a_key_of_a_personal_account_stops_and_starts_with_the_setting(
    stack: Stack,
    identity_provider: IdentityProvider,
    rest: Rest,
    session: aiohttp.ClientSession,
    database: asyncpg.Pool,
) -> None:
    """Seen to fail without the notification."""
    paul = Person(rest, identity_provider.token(subject(), name="Paul Personal"))
    (account,) = (await paul.call("ListMyAccounts")).accounts
    key = (await paul.call("CreateApiKey", parent=account.organization, api_key={"display_name": "Mine"})).secret
    operator = Person(rest, stack.environment["MEGAROUTER_ADMIN_TOKEN"])
    summary = f"{account.organization}/summary"
    await operator.call("GrantCredit", name=summary, amount_nano_credits=10**9, reason="trial")
    url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"

    async def call() -> tuple[int, str]:
        async with session.post(url, json=BODY, headers={"authorization": f"Bearer {key}"}) as response:
            answer = await response.json()
            return response.status, answer.get("error", {}).get("code", "")

    async def switch(*, offers: bool, wanted: tuple[int, str]) -> None:
        await database.execute("UPDATE deployment_settings SET personal_accounts = $1", offers)
        async with asyncio.timeout(FELT_WITHIN_S):
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
        async with asyncio.timeout(FELT_WITHIN_S):
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
