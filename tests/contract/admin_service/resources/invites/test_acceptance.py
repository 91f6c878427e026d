"""Accepting invites, and attempts to join without a valid invite (fault I8)."""

import secrets
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import account_pb2, group_pb2, member_pb2
from megarouter.admin.v1 import invite_pb2 as pb
from megarouter.admin.v1.invite_pb2 import Invite

from gateway_core.model.organization.bearer_secrets import INVITE_TOKEN, hash_secret
from tests.contract.admin_service.conftest import PEPPER, Client, add_key
from tests.contract.admin_service.resources.invites.calls import (
    FAILED_PRECONDITION,
    MEMBER,
    ORGANIZATION,
    SUB_ADMIN,
    SUPER_ADMIN,
    accept,
    add_user,
    group_named,
    invited,
    is_invalid,
    membership,
    preview,
    set_seat_limit,
    uses_of,
)


@pytest.fixture
async def ada(owner: asyncpg.Connection, people: None) -> str:
    """A user without memberships, with the address ada@example.org."""
    await add_user(owner, "ada")
    return "ada"


# Valid invites.


async def test_accepting_creates_a_member_with_the_role_and_group_of_the_invite(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    made = await invited(client, SUB_ADMIN)
    assert made.invite.inviter_display_name == "super"
    answer = await client.call("AcceptInvite", accept(made.token), ada)
    assert answer.organization == ORGANIZATION
    assert answer.member.startswith(f"{ORGANIZATION}/members/mem-")
    assert (answer.role, answer.group, answer.already_member) == (SUB_ADMIN, group_named("platform"), False)
    member = await client.call("GetMember", member_pb2.GetMemberRequest(name=answer.member), ada)
    assert (member.user, member.role, member.state) == ("users/ada", SUB_ADMIN, member_pb2.Member.STATE_ACTIVE)
    invite = await client.call("GetInvite", pb.GetInviteRequest(name=made.invite.name))
    assert (invite.state, invite.use_count) == (Invite.STATE_ACCEPTED, 1)
    assert invite.etag != made.invite.etag


async def test_an_invited_super_admin_has_no_group(client: Client, ada: str) -> None:
    made = await invited(client, SUPER_ADMIN, "")
    answer = await client.call("AcceptInvite", accept(made.token), ada)
    assert (answer.role, answer.group) == (SUPER_ADMIN, "")


async def test_an_acceptance_is_in_the_audit_log_without_the_token(
    client: Client, owner: asyncpg.Connection, ada: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = await invited(client)
    answer = await client.call("AcceptInvite", accept(made.token, str(uuid.uuid4())), ada)
    rows = await owner.fetch(
        "SELECT organization_id, user_id, member_id, resource_name, group_path, before, after::text"
        " FROM audit_log WHERE method LIKE '%/AcceptInvite' ORDER BY sequence"
    )
    assert [row["resource_name"] for row in rows] == [made.invite.name, answer.member]
    assert all(tuple(row)[:3] == ("acme", ada, None) and row["group_path"] == ["eng", "platform"] for row in rows)
    assert rows[0]["before"] is not None
    assert rows[1]["before"] is None
    secret = made.token.removeprefix("mri-")[:43]
    kept = [row["after"] for row in rows] + [
        row[0] for row in await owner.fetch("SELECT encode(response, 'escape') FROM request_replays")
    ]
    assert len(kept) == 3
    assert not any(secret in text for text in [*kept, caplog.text])


async def test_a_preview_shows_the_invite_and_changes_nothing(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    await owner.execute("UPDATE users SET display_name = 'Lena One' WHERE user_id = 'l1'")
    made = await invited(client, SUB_ADMIN, by="l1", email="ada@example.org")
    expected = pb.PreviewInviteResponse(
        organization_display_name="acme",
        role=SUB_ADMIN,
        group_display_name="platform",
        inviter_display_name="Lena One",
        expire_time=made.invite.expire_time,
    )
    for who in (ada, "stranger", "member"):
        assert await client.call("PreviewInvite", preview(made.token), who) == expected
    assert await uses_of(owner) == 0


async def test_an_invite_is_accepted_at_most_as_often_as_allowed(client: Client, owner: asyncpg.Connection) -> None:
    made = await invited(client, max_uses=2)
    for user in ("u-a", "u-b", "u-c"):
        await add_user(owner, user)
    await client.call("AcceptInvite", accept(made.token), "u-a")
    pending = await client.call("GetInvite", pb.GetInviteRequest(name=made.invite.name))
    assert (pending.state, pending.use_count) == (Invite.STATE_PENDING, 1)
    await client.call("AcceptInvite", accept(made.token), "u-b")
    assert is_invalid(await client.failure("AcceptInvite", accept(made.token), "u-c"))
    assert await membership(owner, "u-c") is None


async def test_a_repeated_acceptance_is_answered_without_effect(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    request = accept((await invited(client, max_uses=5)).token, str(uuid.uuid4()))
    first = await client.call("AcceptInvite", request, ada)
    assert await client.call("AcceptInvite", request, ada) == first
    assert await uses_of(owner) == 1


async def test_accepting_makes_the_organization_the_current_account(client: Client, ada: str) -> None:
    me = account_pb2.GetUserRequest(name="users/me")
    personal = (await client.call("GetUser", me, ada)).current_account
    made = await invited(client)
    await client.call("AcceptInvite", accept(made.token), ada)
    assert (await client.call("GetUser", me, ada)).current_account == ORGANIZATION != personal
    await client.call("SwitchAccount", account_pb2.SwitchAccountRequest(organization=personal), ada)
    assert (await client.call("AcceptInvite", accept(made.token), ada)).already_member
    assert (await client.call("GetUser", me, ada)).current_account == personal


# Members, including suspended and removed ones.


async def test_accepting_twice_succeeds_and_counts_once(client: Client, owner: asyncpg.Connection, ada: str) -> None:
    token = (await invited(client)).token
    first = await client.call("AcceptInvite", accept(token), ada)
    again = await client.call("AcceptInvite", accept(token), ada)
    assert (again.member, again.already_member) == (first.member, True)
    assert await uses_of(owner) == 1
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE method LIKE '%/AcceptInvite'") == 2


@pytest.mark.parametrize(("who", "role", "group"), [("member", SUPER_ADMIN, ""), ("super", MEMBER, "sales")])
async def test_an_invite_neither_promotes_nor_demotes_nor_moves_a_member(
    client: Client, owner: asyncpg.Connection, who: str, role: int, group: str
) -> None:
    before = await membership(owner, who)
    await set_seat_limit(owner, 1)
    answer = await client.call("AcceptInvite", accept((await invited(client, role, group)).token), who)
    assert answer.already_member
    assert answer.role != role
    assert await membership(owner, who) == before
    assert await uses_of(owner) == 0


async def test_an_invite_does_not_resume_a_suspended_member(client: Client, owner: asyncpg.Connection) -> None:
    token = (await invited(client, SUB_ADMIN)).token
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'member'")
    failure = await client.failure("AcceptInvite", accept(token), "member")
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "STATE_UNSUITABLE")
    assert failure.metadata == {"state": "SUSPENDED"}
    assert await membership(owner, "member") == ("MEMBER", "platform", "SUSPENDED")
    assert await uses_of(owner) == 0


async def test_an_invite_restores_a_removed_member_without_their_old_keys(
    client: Client, owner: asyncpg.Connection
) -> None:
    name = f"{ORGANIZATION}/members/member"
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name=name))
    # Earlier versions could leave such a key.
    await add_key(owner, "key-left", "member")
    token = (await invited(client, SUB_ADMIN, "inference")).token
    answer = await client.call("AcceptInvite", accept(token), "member")
    assert (answer.member, answer.already_member) == (name, False)
    assert await membership(owner, "member") == ("SUB_ADMIN", "inference", "ACTIVE")
    states = await owner.fetch("SELECT api_key_id, state FROM api_keys WHERE member_id = 'member'")
    assert {tuple(row) for row in states} == {("key-member", "DELETED"), ("key-left", "DELETED")}


async def test_removing_a_member_does_not_make_their_used_invite_valid_again(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    token = (await invited(client)).token
    member = (await client.call("AcceptInvite", accept(token), ada)).member
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name=member))
    assert is_invalid(await client.failure("AcceptInvite", accept(token), ada))
    assert await membership(owner, ada) == ("MEMBER", "platform", "REMOVED")


# Guesses, and unusable tokens.


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invites SET use_count = 1",
        "UPDATE invites SET revoke_time = now()",
        "UPDATE invites SET expire_time = now()",
        "UPDATE organizations SET state = 'DELETED' WHERE organization_id = 'acme'",
        "UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'l1'",
        "UPDATE members SET state = 'REMOVED' WHERE member_id = 'l1'",
        "UPDATE members SET role = 'MEMBER' WHERE member_id = 'l1'",
        "UPDATE members SET group_id = 'sales' WHERE member_id = 'l1'",
        "UPDATE groups SET delete_time = now() WHERE group_id = 'platform'",
    ],
)
async def test_an_unusable_token_gets_the_error_of_an_unknown_one(
    client: Client, owner: asyncpg.Connection, ada: str, change: str
) -> None:
    token = (await invited(client, SUB_ADMIN, by="l1")).token
    await client.call("PreviewInvite", preview(token), ada)
    await owner.execute(change)
    unknown = INVITE_TOKEN.make(secrets.token_bytes(32))
    for method, request in (("AcceptInvite", accept), ("PreviewInvite", preview)):
        failure = await client.failure(method, request(token), ada)
        assert is_invalid(failure)
        assert failure == await client.failure(method, request(unknown), ada)
        assert failure == await client.failure(method, request("mri-guess"), ada)
    assert await membership(owner, ada) is None


async def test_unusable_tokens_cost_the_same_lookup(client: Client, owner: asyncpg.Connection, ada: str) -> None:
    """The tokens are unknown, used up, revoked, expired, or of a deleted organization.

    One function finds none; no query follows.
    """
    made = [await invited(client) for _ in range(4)]
    ids = [one.invite.name.rpartition("/")[2] for one in made]
    hashes = [hash_secret(one.token, bytes.fromhex(PEPPER)) for one in made]
    find = "SELECT count(*) FROM invite_of_token($1, $2)"
    assert [await owner.fetchval(find, one, ada) for one in hashes] == [1, 1, 1, 1]
    for column, ident in zip(("use_count = 1", "revoke_time = now()", "expire_time = now()"), ids, strict=False):
        await owner.execute(f"UPDATE invites SET {column} WHERE invite_id = $1", ident)  # noqa: S608
    assert [await owner.fetchval(find, one, ada) for one in hashes] == [0, 0, 0, 1]
    await owner.execute("UPDATE organizations SET state = 'DELETED' WHERE organization_id = 'acme'")
    assert await owner.fetchval(find, hashes[3], ada) == 0


@pytest.mark.parametrize("method", ["AcceptInvite", "PreviewInvite"])
async def test_a_token_without_a_valid_checksum_is_refused_without_a_lookup(
    client: Client, owner: asyncpg.Connection, ada: str, method: str
) -> None:
    """The test removes the lookup function. A guess then gets the same answer as before, but a well-formed token does not."""
    await owner.execute("ALTER FUNCTION invite_of_token(bytea, text) RENAME TO gone")
    request = accept if method == "AcceptInvite" else preview
    guess = INVITE_TOKEN.make(bytes(32))[:-1] + "x"
    assert is_invalid(await client.failure(method, request(guess), ada))
    failure = await client.failure(method, request(INVITE_TOKEN.make(bytes(32))), ada)
    assert failure.code is grpc.StatusCode.INTERNAL


async def test_a_token_that_is_too_long_is_refused_without_being_quoted(client: Client, ada: str) -> None:
    failure = await client.failure("AcceptInvite", accept("mri-" + "secret" * 20), ada)
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("token",))
    assert "secret" not in failure.message


async def test_an_invite_is_shown_only_to_signed_in_users(client: Client) -> None:
    token = (await invited(client)).token
    for method, request in (("AcceptInvite", accept(token)), ("PreviewInvite", preview(token))):
        failure = await client.failure(method, request, metadata=[])
        assert failure.code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_for_one_organization_cannot_join_another(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    await owner.execute("UPDATE access_tokens SET only_organization_id = 'other' WHERE user_id = 'ada'")
    failure = await client.failure("AcceptInvite", accept((await invited(client)).token), ada)
    assert failure.reason == "PERMISSION_DENIED"


# Invites for an address or a domain.


@pytest.mark.parametrize("binding", [{"email": "Ada@example.org"}, {"email_domain": "EXAMPLE.org"}])
async def test_an_invite_for_an_address_accepts_that_address(
    client: Client, owner: asyncpg.Connection, ada: str, binding: dict[str, Any]
) -> None:
    await client.call("AcceptInvite", accept((await invited(client, **binding)).token), ada)
    assert await membership(owner, ada) == ("MEMBER", "platform", "ACTIVE")


@pytest.mark.parametrize("email", [None, "eve@example.net", "eve@sub.example.org", "eve@example.org.evil.com"])
@pytest.mark.parametrize("binding", [{"email": "ada@example.org"}, {"email_domain": "example.org"}])
async def test_an_invite_for_an_address_refuses_others_without_naming_it(
    client: Client, owner: asyncpg.Connection, people: None, email: str | None, binding: dict[str, Any]
) -> None:
    await add_user(owner, "eve", email)
    failure = await client.failure("AcceptInvite", accept((await invited(client, **binding)).token), "eve")
    assert (failure.code, failure.reason, failure.metadata) == (FAILED_PRECONDITION, "INVITE_ADDRESS_MISMATCH", {})
    assert "example.org" not in failure.message
    assert await membership(owner, "eve") is None
    assert await uses_of(owner) == 0


# Changes between invitation and acceptance.


async def test_an_invite_depends_on_the_current_permissions_of_its_inviter(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    token = (await invited(client, SUB_ADMIN, by="l1")).token
    await owner.execute("UPDATE members SET role = 'SUB_ADMIN', group_id = 'platform' WHERE member_id = 'l1'")
    assert is_invalid(await client.failure("AcceptInvite", accept(token), ada))
    await owner.execute("UPDATE members SET role = 'L1_ADMIN', group_id = 'eng' WHERE member_id = 'l1'")
    assert (await client.call("AcceptInvite", accept(token), ada)).role == SUB_ADMIN


@pytest.mark.parametrize(("role", "by"), [(SUB_ADMIN, "super"), (MEMBER, "l1")])
async def test_an_invite_fails_if_its_group_moved_out_of_reach_or_changed_level(
    client: Client, owner: asyncpg.Connection, ada: str, role: int, by: str
) -> None:
    """A sub-admin's group moved to level 1, or the group left the subtree of its L1 Admin."""
    token = (await invited(client, role, "inference", by)).token
    move = group_pb2.MoveGroupRequest(name=group_named("inference"))
    await client.call("MoveGroup", move)
    assert is_invalid(await client.failure("AcceptInvite", accept(token), ada))
    assert await membership(owner, ada) is None


async def test_an_invite_works_if_its_group_moved_inside_the_subtree(client: Client, ada: str) -> None:
    token = (await invited(client, MEMBER, "inference", "l1")).token
    move = group_pb2.MoveGroupRequest(name=group_named("inference"), parent_group=group_named("eng"))
    await client.call("MoveGroup", move)
    assert (await client.call("AcceptInvite", accept(token), ada)).group == group_named("inference")


async def test_an_invite_to_a_suspended_organization_is_refused_and_not_used_up(
    client: Client, owner: asyncpg.Connection, ada: str
) -> None:
    token = (await invited(client)).token
    await owner.execute("UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = 'acme'")
    failure = await client.failure("AcceptInvite", accept(token), ada)
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "ORGANIZATION_SUSPENDED")
    await owner.execute("UPDATE organizations SET state = 'ACTIVE' WHERE organization_id = 'acme'")
    await client.call("AcceptInvite", accept(token), ada)
