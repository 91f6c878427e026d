"""Invites for people who are members already: refused at creation, and none stays pending without effect."""

import asyncpg
import pytest
from megarouter.admin.v1 import invite_pb2 as pb
from megarouter.admin.v1.invite_pb2 import Invite

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.invites.calls import (
    FAILED_PRECONDITION,
    MEMBER,
    ORGANIZATION,
    SUB_ADMIN,
    accept,
    add_user,
    group_named,
    invited,
    is_invalid,
    membership,
)


def create(email: str, role: int = SUB_ADMIN, group: str = "platform") -> pb.CreateInviteRequest:
    invite = Invite(role=role, group=group_named(group), email=email)  # type: ignore[arg-type] # a value of the enum
    return pb.CreateInviteRequest(parent=ORGANIZATION, invite=invite)


@pytest.mark.parametrize("role", [SUB_ADMIN, MEMBER])
async def test_an_invite_for_an_active_member_is_refused_and_names_the_role_change(
    client: Client, owner: asyncpg.Connection, role: int
) -> None:
    failure = await client.failure("CreateInvite", create("Member@Example.org", role))
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "ALREADY_MEMBER")
    assert failure.metadata == {"member": f"{ORGANIZATION}/members/member", "role": "MEMBER", "state": "ACTIVE"}
    assert "ChangeMemberRole" in failure.message
    assert await owner.fetchval("SELECT count(*) FROM invites") == 0


async def test_an_invite_for_a_suspended_member_is_refused_and_names_the_resumption(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'member'")
    failure = await client.failure("CreateInvite", create("member@example.org"))
    assert (failure.reason, failure.metadata["state"]) == ("ALREADY_MEMBER", "SUSPENDED")
    assert "ResumeMember" in failure.message


async def test_an_admin_who_cannot_read_the_member_gets_only_the_reason(client: Client) -> None:
    failure = await client.failure("CreateInvite", create("sales@example.org", MEMBER), "sub")
    assert (failure.reason, failure.metadata) == ("ALREADY_MEMBER", {})
    assert "members/" not in failure.message


async def test_one_member_among_the_addresses_of_a_batch_refuses_all(client: Client, owner: asyncpg.Connection) -> None:
    request = pb.BatchCreateInvitesRequest(
        parent=ORGANIZATION,
        invite=Invite(role=MEMBER, group=group_named("platform")),
        emails=["new@example.org", "below@example.org"],
    )
    failure = await client.failure("BatchCreateInvites", request)
    assert failure.reason == "ALREADY_MEMBER"
    assert "below@example.org" in failure.message
    assert await owner.fetchval("SELECT count(*) FROM invites") == 0


@pytest.mark.parametrize("who", ["removed", "stranger"])
async def test_others_can_be_invited(client: Client, owner: asyncpg.Connection, who: str) -> None:
    """A removed member, and a member of another organization."""
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'member'")
    email = "member@example.org" if who == "removed" else "stranger@example.org"
    made = await client.call("CreateInvite", create(email, MEMBER))
    assert made.invite.state == Invite.STATE_PENDING


async def test_accepting_revokes_the_other_invites_for_the_address(client: Client, owner: asyncpg.Connection) -> None:
    await add_user(owner, "ada")
    first = await invited(client, MEMBER, email="ada@example.org")
    second = await invited(client, SUB_ADMIN, email="ada@example.org", max_uses=2)
    other = await invited(client, MEMBER, email="eva@example.org")
    await client.call("AcceptInvite", accept(first.token), "ada")
    states = [
        (await client.call("GetInvite", pb.GetInviteRequest(name=made.invite.name))).state
        for made in (first, second, other)
    ]
    assert states == [Invite.STATE_ACCEPTED, Invite.STATE_REVOKED, Invite.STATE_PENDING]
    assert is_invalid(await client.failure("AcceptInvite", accept(second.token), "ada"))
    assert await membership(owner, "ada") == ("MEMBER", "platform", "ACTIVE")
    logged = await owner.fetch("SELECT resource_name FROM audit_log WHERE method LIKE '%/AcceptInvite'")
    assert second.invite.name in {row[0] for row in logged}


async def test_an_unbound_invite_accepted_by_a_member_leaves_none_pending_for_the_address(
    client: Client, owner: asyncpg.Connection
) -> None:
    """The invite was created before the user got the address."""
    bound = await invited(client, SUB_ADMIN, email="later@example.org")
    await owner.execute("UPDATE users SET email = 'later@example.org' WHERE user_id = 'member'")
    answer = await client.call("AcceptInvite", accept(bound.token), "member")
    assert (answer.already_member, answer.role) == (True, MEMBER)
    found = await client.call("GetInvite", pb.GetInviteRequest(name=bound.invite.name))
    assert found.state == Invite.STATE_REVOKED
