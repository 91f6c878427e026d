"""Sign-in links: used once, for a short time, as a member below the maker, in one organization only."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from megarouter.admin.v1 import (
    access_token_pb2,
    account_pb2,
    api_key_pb2,
    audit_log_pb2,
    member_access_token_pb2,
    operator_pb2,
    organization_pb2,
    sign_in_link_pb2,
)
from megarouter.admin.v1.sign_in_link_pb2 import SignInLink
from megarouter.type.v1 import role_pb2

from gateway_core.model.organization.bearer_secrets import SIGN_IN_LINK, hash_secret
from tests.contract.admin_service.conftest import PEPPER, Client

PARENT = "organizations/acme"
DENIED, UNAUTHENTICATED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED
EXCHANGE = sign_in_link_pb2.ExchangeSignInLinkRequest()


def create(member: str, request_id: str = "") -> sign_in_link_pb2.CreateSignInLinkRequest:
    link = SignInLink(member=f"{PARENT}/members/{member}")
    return sign_in_link_pb2.CreateSignInLinkRequest(parent=PARENT, sign_in_link=link, request_id=request_id)


def get_key(member: str) -> api_key_pb2.GetApiKeyRequest:
    return api_key_pb2.GetApiKeyRequest(name=f"{PARENT}/apiKeys/key-{member}")


def using(secret: str) -> dict[str, Any]:
    return {"metadata": [("authorization", f"Bearer {secret}")]}


async def made(
    client: Client, member: str = "member", maker: str = "super"
) -> sign_in_link_pb2.CreateSignInLinkResponse:
    answer: sign_in_link_pb2.CreateSignInLinkResponse = await client.call("CreateSignInLink", create(member), maker)
    return answer


async def exchanged(client: Client, secret: str) -> sign_in_link_pb2.ExchangeSignInLinkResponse:
    answer: sign_in_link_pb2.ExchangeSignInLinkResponse = await client.call(
        "ExchangeSignInLink", EXCHANGE, **using(secret)
    )
    return answer


async def refusal(client: Client, method: str, request: Message, secret: str) -> tuple[grpc.StatusCode, str]:
    failure = await client.failure(method, request, **using(secret))
    return failure.code, failure.reason


INVALID = (UNAUTHENTICATED, "SIGN_IN_LINK_INVALID")


async def test_a_link_signs_in_once_and_only_its_hash_is_stored(client: Client, owner: asyncpg.Connection) -> None:
    answer = await made(client)
    assert SIGN_IN_LINK.is_well_formed(answer.secret)
    assert (answer.sign_in_link.state, answer.link) == (SignInLink.STATE_PENDING, "")
    life = answer.sign_in_link.expire_time.ToSeconds() - answer.sign_in_link.create_time.ToSeconds()
    assert life == pytest.approx(86_400, abs=2)
    session = await exchanged(client, answer.secret)
    assert (session.organization, session.member) == (PARENT, f"{PARENT}/members/member")
    await client.call("GetApiKey", get_key("member"), **using(session.secret))
    assert await refusal(client, "ExchangeSignInLink", EXCHANGE, answer.secret) == INVALID
    link = await client.call("GetSignInLink", sign_in_link_pb2.GetSignInLinkRequest(name=answer.sign_in_link.name))
    assert link.state == SignInLink.STATE_USED
    assert await owner.fetchval("SELECT secret_hash FROM sign_in_links") == hash_secret(
        answer.secret, bytes.fromhex(PEPPER)
    )
    for table in ("sign_in_links", "access_tokens", "audit_log", "request_replays"):
        rows = str([dict(one) for one in await owner.fetch(f"SELECT * FROM {table}")])  # noqa: S608
        assert answer.secret not in rows
        assert session.secret not in rows


async def test_the_link_itself_does_nothing_but_be_exchanged(client: Client) -> None:
    secret = (await made(client, "l1")).secret
    for method, request in (
        ("GetApiKey", get_key("l1")),
        ("ListMyAccounts", account_pb2.ListMyAccountsRequest()),
        ("GetUser", account_pb2.GetUserRequest(name="users/me")),
        ("CreateSignInLink", create("member")),
        ("ListAccessTokens", access_token_pb2.ListAccessTokensRequest(parent="users/me")),
    ):
        assert await refusal(client, method, request, secret) == (DENIED, "PERMISSION_DENIED")
    await exchanged(client, secret)


async def test_a_session_is_confined_to_the_organization_and_never_operates(
    client: Client, owner: asyncpg.Connection
) -> None:
    """Otherwise an admin of one organization could act in another one, as its member. Seen to fail when the token is for all."""
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('acme', 'guest', 'stranger', 'MEMBER'),"
        " ('acme', 'op', 'operator', 'MEMBER')"
    )
    session = (await exchanged(client, (await made(client, "guest")).secret)).secret
    for method, request in (
        ("GetOrganization", organization_pb2.GetOrganizationRequest(name="organizations/other")),
        ("ListApiKeys", api_key_pb2.ListApiKeysRequest(parent="organizations/other")),
        ("ListAccessTokens", access_token_pb2.ListAccessTokensRequest(parent="users/me")),
        (
            "CreateAccessToken",
            access_token_pb2.CreateAccessTokenRequest(
                parent="users/me", access_token=access_token_pb2.AccessToken(display_name="x")
            ),
        ),
    ):
        assert (await refusal(client, method, request, session))[0] is DENIED
    accounts = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), **using(session))
    assert [one.organization for one in accounts.accounts] == [PARENT]
    operator = (await exchanged(client, (await made(client, "op")).secret)).secret
    listing = operator_pb2.ListOrganizationSummariesRequest()
    assert (await refusal(client, "ListOrganizationSummaries", listing, operator))[0] is DENIED


@pytest.mark.parametrize(
    ("maker", "member", "reason"),
    [
        ("super", "super", "MEMBER_NOT_BELOW"),
        ("l1", "l1", "MEMBER_NOT_BELOW"),
        ("l1", "l1-peer", "MEMBER_NOT_BELOW"),
        ("sub", "sub", "MEMBER_NOT_BELOW"),
        ("l1", "super", "PERMISSION_DENIED"),
        ("l1", "sales", "PERMISSION_DENIED"),
        ("sub", "l1", "PERMISSION_DENIED"),
        ("member", "below", "PERMISSION_DENIED"),
        ("stranger", "member", "PERMISSION_DENIED"),
        ("super", "nobody", "PERMISSION_DENIED"),
    ],
)
async def test_no_one_makes_a_link_for_a_member_who_is_not_below(
    client: Client, owner: asyncpg.Connection, maker: str, member: str, reason: str
) -> None:
    """Seen to fail without the comparison of the roles."""
    failure = await client.failure("CreateSignInLink", create(member), maker)
    assert (failure.code, failure.reason) == (DENIED, reason)
    assert await owner.fetchval("SELECT count(*) FROM sign_in_links") == 0


async def test_two_super_admins_make_no_links_for_each_other_and_an_operator_does(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE members SET role = 'SUPER_ADMIN', group_id = NULL WHERE member_id = 'l1'")
    assert (await client.failure("CreateSignInLink", create("l1"))).reason == "MEMBER_NOT_BELOW"
    issue = operator_pb2.IssueSignInLinkRequest(name=f"{PARENT}/members/l1")
    assert await client.code("IssueSignInLink", issue, "super") is DENIED
    answer = await client.call("IssueSignInLink", issue, "operator")
    assert answer.sign_in_link.is_from_operator
    session = await exchanged(client, answer.secret)
    request = member_access_token_pb2.ListMemberAccessTokensRequest(
        parent=PARENT, filter='display_name = "Sign-in link"'
    )
    (token,) = (await client.call("ListMemberAccessTokens", request)).member_access_tokens
    assert session.expire_time.ToSeconds() - token.create_time.ToSeconds() == pytest.approx(86_400, abs=2)


async def test_a_members_session_lives_ninety_days_and_admins_revoke_it(client: Client) -> None:
    answer = await made(client)
    session = await exchanged(client, answer.secret)
    link = await client.call("GetSignInLink", sign_in_link_pb2.GetSignInLinkRequest(name=answer.sign_in_link.name))
    assert session.expire_time.ToSeconds() - link.use_time.ToSeconds() == pytest.approx(90 * 86_400, abs=2)
    revoke_link = sign_in_link_pb2.RevokeSignInLinkRequest(name=link.name)
    failure = await client.failure("RevokeSignInLink", revoke_link)
    assert (failure.reason, link.access_token in failure.message) == ("STATE_UNSUITABLE", True)
    await client.call(
        "RevokeMemberAccessToken", member_access_token_pb2.RevokeMemberAccessTokenRequest(name=link.access_token), "sub"
    )
    assert (await refusal(client, "GetApiKey", get_key("member"), session.secret))[0] is UNAUTHENTICATED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sign_in_links SET expire_time = now()",
        "UPDATE sign_in_links SET revoke_time = now()",
        "UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'member'",
        "UPDATE members SET state = 'REMOVED' WHERE member_id = 'member'",
        "UPDATE members SET state = 'REMOVED' WHERE member_id = 'sub'",
        "UPDATE members SET role = 'MEMBER' WHERE member_id = 'sub'",
        "UPDATE members SET group_id = 'inference' WHERE member_id = 'sub'",
        "UPDATE members SET role = 'L1_ADMIN', group_id = 'eng' WHERE member_id = 'member'",
    ],
)
async def test_a_link_that_may_not_be_made_anymore_cannot_be_used(
    client: Client, owner: asyncpg.Connection, statement: str
) -> None:
    """Seen to fail when the rights of the maker are not checked again."""
    answer = await made(client, "member", "sub")
    await owner.execute(statement)
    assert await refusal(client, "ExchangeSignInLink", EXCHANGE, answer.secret) == INVALID
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE display_name = 'Sign-in link'") == 0


async def test_a_suspended_organization_lets_no_one_in(client: Client, owner: asyncpg.Connection) -> None:
    answer = await made(client)
    await owner.execute("UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = 'acme'")
    assert (await refusal(client, "ExchangeSignInLink", EXCHANGE, answer.secret))[1] == "ORGANIZATION_SUSPENDED"


@pytest.mark.parametrize("secret", [SIGN_IN_LINK.make(b"x" * 32), "mrl-broken"])
async def test_an_unknown_link_is_refused(client: Client, secret: str) -> None:
    assert (await refusal(client, "ExchangeSignInLink", EXCHANGE, secret))[0] is UNAUTHENTICATED


async def test_an_ordinary_token_is_no_link(client: Client) -> None:
    failure = await client.failure("ExchangeSignInLink", EXCHANGE, "member")
    assert (failure.code, failure.reason) == INVALID


async def test_a_new_link_replaces_the_earlier_one(client: Client) -> None:
    first, second = await made(client), await made(client)
    assert await refusal(client, "ExchangeSignInLink", EXCHANGE, first.secret) == INVALID
    listed = await client.call("ListSignInLinks", sign_in_link_pb2.ListSignInLinksRequest(parent=PARENT))
    assert [one.state for one in listed.sign_in_links] == [SignInLink.STATE_REVOKED, SignInLink.STATE_PENDING]
    await exchanged(client, second.secret)


async def test_a_repeated_creation_shows_no_secret(client: Client, owner: asyncpg.Connection) -> None:
    request = create("member", str(uuid.uuid4()))
    first, second = [await client.call("CreateSignInLink", request) for _ in range(2)]
    assert (first.secret != "", second.secret, second.secret_already_issued) == (True, "", True)
    assert await owner.fetchval("SELECT count(*) FROM sign_in_links") == 1


async def test_of_concurrent_exchanges_one_succeeds(client: Client, owner: asyncpg.Connection) -> None:
    for _ in range(3):
        secret = (await made(client)).secret
        answers = await asyncio.gather(*(exchanged(client, secret) for _ in range(8)), return_exceptions=True)
        assert len([one for one in answers if not isinstance(one, BaseException)]) == 1
        assert {one.code() for one in answers if isinstance(one, grpc.aio.AioRpcError)} == {UNAUTHENTICATED}
    assert await owner.fetchval("SELECT count(*) FROM access_tokens WHERE display_name = 'Sign-in link'") == 3


async def test_a_link_is_either_revoked_or_used(client: Client, owner: asyncpg.Connection) -> None:
    for _ in range(5):
        answer = await made(client)
        revoke = sign_in_link_pb2.RevokeSignInLinkRequest(name=answer.sign_in_link.name)
        outcomes = await asyncio.gather(
            exchanged(client, answer.secret), client.call("RevokeSignInLink", revoke), return_exceptions=True
        )
        assert len([one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]) == 1
    assert (
        await owner.fetchval("SELECT count(*) FROM sign_in_links WHERE use_time IS NULL AND revoke_time IS NULL") == 0
    )


async def test_links_and_their_use_are_in_the_audit_log(client: Client) -> None:
    answer = await made(client, "member", "sub")
    session = await exchanged(client, answer.secret)
    await client.call(
        "DisableApiKey", api_key_pb2.DisableApiKeyRequest(name=get_key("member").name), **using(session.secret)
    )
    await made(client, "below", "l1")
    entries = await client.call("ListAuditLogEntries", audit_log_pb2.ListAuditLogEntriesRequest(parent=PARENT), "sub")
    assert [
        (one.method.rpartition("/")[2], one.user, one.member.rpartition("/")[2]) for one in entries.audit_log_entries
    ] == [
        ("CreateSignInLink", "users/l1", "l1"),
        ("DisableApiKey", "users/member", "member"),
        ("ExchangeSignInLink", "users/member", "member"),
        ("CreateSignInLink", "users/sub", "sub"),
    ]
    disabled, used = entries.audit_log_entries[1:3]
    token = used.after["accessToken"]
    assert disabled.access_token.rpartition("/")[2] == str(token).rpartition("/")[2]


async def test_an_admin_sees_and_revokes_the_links_of_the_subtree(client: Client) -> None:
    for member in ("below", "sales", "sub"):
        await made(client, member)
    for admin, members in (("l1", ["below", "sub"]), ("sub", ["below", "sub"]), ("super", ["below", "sales", "sub"])):
        listed = await client.call("ListSignInLinks", sign_in_link_pb2.ListSignInLinksRequest(parent=PARENT), admin)
        assert [one.member.rpartition("/")[2] for one in listed.sign_in_links] == members
    below, own = (listed.sign_in_links[0].name, listed.sign_in_links[2].name)
    assert await client.code("RevokeSignInLink", sign_in_link_pb2.RevokeSignInLinkRequest(name=own), "sub") is DENIED
    for _ in range(2):
        revoked = await client.call("RevokeSignInLink", sign_in_link_pb2.RevokeSignInLinkRequest(name=below), "sub")
        assert revoked.state == SignInLink.STATE_REVOKED


async def test_a_personal_account_has_no_links(client: Client) -> None:
    user = await client.call("GetUser", account_pb2.GetUserRequest(name="users/me"), "member")
    accounts = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(), "member")
    (personal,) = [one for one in accounts.accounts if one.organization != PARENT]
    issue = operator_pb2.IssueSignInLinkRequest(name=personal.member)
    assert user.name == "users/member"
    assert (await client.failure("IssueSignInLink", issue, "operator")).reason == "PERSONAL_ACCOUNT"


def add(role: str = "MEMBER", group: str = "sales", name: str = "Ada") -> sign_in_link_pb2.CreateSignInLinkRequest:
    new = sign_in_link_pb2.NewMember(
        display_name=name,
        role=role_pb2.Role.Value(f"ROLE_{role}"),
        group=f"{PARENT}/groups/{group}" if group else "",
    )
    return sign_in_link_pb2.CreateSignInLinkRequest(parent=PARENT, sign_in_link=SignInLink(new_member=new))


async def test_a_new_person_joins_with_a_link(client: Client, owner: asyncpg.Connection) -> None:
    answer = await client.call("CreateSignInLink", add())
    session = await exchanged(client, answer.secret)
    assert session.member == answer.sign_in_link.member
    key = api_key_pb2.CreateApiKeyRequest(parent=PARENT, api_key=api_key_pb2.ApiKey(display_name="Mine"))
    assert (await client.call("CreateApiKey", key, **using(session.secret))).api_key.member == session.member
    row = await owner.fetchrow(
        "SELECT u.email, u.display_name, m.role, m.group_id FROM members m JOIN users u USING (user_id) WHERE member_id = $1",
        session.member.rpartition("/")[2],
    )
    assert tuple(row or ()) == (None, "Ada", "MEMBER", "sales")


@pytest.mark.parametrize(
    ("maker", "role", "group", "reason"),
    [
        ("super", "SUPER_ADMIN", "", "ROLE_NOT_GRANTABLE"),
        ("l1", "L1_ADMIN", "eng", "ROLE_NOT_GRANTABLE"),
        ("l1", "MEMBER", "sales", "PERMISSION_DENIED"),
        ("l1", "MEMBER", "", "PERMISSION_DENIED"),
        ("sub", "SUB_ADMIN", "platform", "ROLE_NOT_GRANTABLE"),
        ("member", "MEMBER", "platform", "PERMISSION_DENIED"),
        ("super", "L1_ADMIN", "platform", "ROLE_DOES_NOT_FIT_GROUP"),
        ("super", "MEMBER", "nowhere", "PERMISSION_DENIED"),
    ],
)
async def test_no_one_adds_a_member_who_would_not_be_below(
    client: Client, owner: asyncpg.Connection, maker: str, role: str, group: str, reason: str
) -> None:
    before = await owner.fetchval("SELECT count(*) FROM users")
    assert (await client.failure("CreateSignInLink", add(role, group), maker)).reason == reason
    assert await owner.fetchval("SELECT count(*) FROM users") == before


@pytest.mark.parametrize(
    ("link", "field"),
    [
        (SignInLink(), "sign_in_link.member"),
        (SignInLink(member=f"{PARENT}/members/below", new_member=add().sign_in_link.new_member), "sign_in_link.member"),
        (add(name="").sign_in_link, "sign_in_link.new_member.display_name"),
        (add(name="a\nb").sign_in_link, "sign_in_link.new_member.display_name"),
        (SignInLink(new_member=sign_in_link_pb2.NewMember(display_name="x")), "sign_in_link.new_member.role"),
    ],
)
async def test_a_link_is_for_one_member(client: Client, link: SignInLink, field: str) -> None:
    request = sign_in_link_pb2.CreateSignInLinkRequest(parent=PARENT, sign_in_link=link)
    assert (await client.failure("CreateSignInLink", request)).fields == (field,)


async def test_the_last_seat_goes_to_one_of_concurrent_new_members(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail without the check of the seats."""
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', 8)"
    )
    answers = await asyncio.gather(*(client.call("CreateSignInLink", add()) for _ in range(4)), return_exceptions=True)
    assert len([one for one in answers if not isinstance(one, BaseException)]) == 1
    codes = {one.code() for one in answers if isinstance(one, grpc.aio.AioRpcError)}
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_a_token_without_the_permission_to_invite_adds_no_one(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "UPDATE access_tokens SET permissions = '{sign_in_links:write,sign_in_links:read}' WHERE user_id = 'super'"
    )
    assert (await client.failure("CreateSignInLink", add())).metadata["permission"] == "invites:write"
    await made(client)


async def test_an_operator_chooses_a_shorter_life(client: Client) -> None:
    issue = operator_pb2.IssueSignInLinkRequest(name=f"{PARENT}/members/l1", ttl=Duration(seconds=120))
    link = (await client.call("IssueSignInLink", issue, "operator")).sign_in_link
    assert link.expire_time.ToSeconds() - link.create_time.ToSeconds() == pytest.approx(120, abs=1)


@pytest.mark.parametrize("seconds", [0, -1, 86_401])
async def test_no_link_lives_longer_than_the_deployment_allows(client: Client, seconds: int) -> None:
    issue = operator_pb2.IssueSignInLinkRequest(name=f"{PARENT}/members/l1", ttl=Duration(seconds=seconds))
    failure = await client.failure("IssueSignInLink", issue, "operator")
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
