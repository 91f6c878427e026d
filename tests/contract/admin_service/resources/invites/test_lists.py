"""Listing and revoking invites, and their states."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import group_pb2
from megarouter.admin.v1 import invite_pb2 as pb
from megarouter.admin.v1.invite_pb2 import Invite
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.conftest import Client

ORGANIZATION = "organizations/acme"
PAGE = "https://console.example/invites"
OK, PERMISSION_DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
FAILED_PRECONDITION, INVALID_ARGUMENT = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT
SUPER_ADMIN, L1_ADMIN = role_pb2.ROLE_SUPER_ADMIN, role_pb2.ROLE_L1_ADMIN
SUB_ADMIN, MEMBER = role_pb2.ROLE_SUB_ADMIN, role_pb2.ROLE_MEMBER
DAY_S = 86_400


def group_named(group: str) -> str:
    return f"{ORGANIZATION}/groups/{group}" if group else ""


def invitation(role: int = MEMBER, group: str = "platform", **fields: Any) -> Invite:
    return Invite(role=role, group=group_named(group), **fields)  # type: ignore[arg-type] # a value of the enum


def create(invite: Invite | None = None, request_id: str = "") -> pb.CreateInviteRequest:
    return pb.CreateInviteRequest(parent=ORGANIZATION, invite=invite or invitation(), request_id=request_id)


def batch(*emails: str, request_id: str = "", **fields: Any) -> pb.BatchCreateInvitesRequest:
    return pb.BatchCreateInvitesRequest(
        parent=ORGANIZATION, invite=invitation(**fields), emails=emails, request_id=request_id
    )


def revoke(name: str, etag: str = "") -> pb.RevokeInviteRequest:
    return pb.RevokeInviteRequest(name=name, etag=etag)


async def listed(client: Client, member: str = "super", **fields: Any) -> list[Invite]:
    request = pb.ListInvitesRequest(parent=ORGANIZATION, **fields)
    return list((await client.call("ListInvites", request, member)).invites)


async def count(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM invites"))


async def test_an_admin_sees_the_invites_of_their_own_subtree(client: Client) -> None:
    for role, group in ((SUPER_ADMIN, ""), (L1_ADMIN, "eng"), (MEMBER, "inference"), (MEMBER, "sales")):
        await client.call("CreateInvite", create(invitation(role, group)))
    seen = {who: {invite.group.rpartition("/")[2] for invite in await listed(client, who)} for who in ("l1", "sub")}
    assert seen == {"l1": {"eng", "inference"}, "sub": {"inference"}}
    assert len(await listed(client)) == 4
    assert await client.code("ListInvites", pb.ListInvitesRequest(parent=ORGANIZATION), "member") is PERMISSION_DENIED
    assert await client.code("ListInvites", pb.ListInvitesRequest(parent=ORGANIZATION), "stranger") is PERMISSION_DENIED


async def test_invites_move_with_their_group(client: Client) -> None:
    invite = (await client.call("CreateInvite", create(invitation(group="inference")))).invite
    request = group_pb2.MoveGroupRequest(name=group_named("inference"), parent_group=group_named("sales"))
    await client.call("MoveGroup", request)
    assert await listed(client, "l1") == []
    assert await client.code("GetInvite", pb.GetInviteRequest(name=invite.name), "l1") is PERMISSION_DENIED
    assert len(await listed(client)) == 1


async def test_invites_are_paged_and_filtered(client: Client) -> None:
    await client.call("BatchCreateInvites", batch("ada@example.org", "bob@example.com"), "l1")
    await client.call("CreateInvite", create(invitation(SUB_ADMIN, email_domain="example.net")))
    first = await client.call("ListInvites", pb.ListInvitesRequest(parent=ORGANIZATION, page_size=2))
    rest = await client.call(
        "ListInvites", pb.ListInvitesRequest(parent=ORGANIZATION, page_size=2, page_token=first.next_page_token)
    )
    names = [invite.name for page in (first, rest) for invite in page.invites]
    assert (len(names), names, rest.next_page_token) == (3, sorted(names), "")
    assert [invite.name for invite in await listed(client, order_by="name desc")] == names[::-1]
    found = {text: len(await listed(client, filter=text)) for text in (
        "state = PENDING", "state != STATE_PENDING", "role = SUB_ADMIN", 'email = "ada@example.org"', "bob",
        f'inviter = "{ORGANIZATION}/members/l1"', f'group = "{group_named("platform")}"', "max_uses > 1",
        "example.net",
    )}  # fmt: skip
    assert list(found.values()) == [3, 0, 1, 1, 1, 2, 3, 0, 1]
    other = await client.failure("ListInvites", pb.ListInvitesRequest(
        parent=ORGANIZATION, filter="state = PENDING", page_token=first.next_page_token))  # fmt: skip
    assert other.reason == "PAGE_TOKEN_INVALID"
    foreign = pb.ListInvitesRequest(parent=ORGANIZATION, filter='inviter = "organizations/other/members/stranger"')
    assert (await client.failure("ListInvites", foreign)).reason == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("expire_time = now()", Invite.STATE_EXPIRED),
        ("use_count = 1", Invite.STATE_ACCEPTED),
        ("use_count = 1, expire_time = now()", Invite.STATE_ACCEPTED),
        ("revoke_time = now(), use_count = 1", Invite.STATE_REVOKED),
        ("max_uses = 2, use_count = 1", Invite.STATE_PENDING),
    ],
)
async def test_the_state_says_whether_the_invite_can_be_used(
    client: Client, owner: asyncpg.Connection, change: str, state: Invite.State.ValueType
) -> None:
    name = (await client.call("CreateInvite", create())).invite.name
    await owner.execute(f"UPDATE invites SET {change}")  # noqa: S608
    assert (await client.call("GetInvite", pb.GetInviteRequest(name=name))).state == state
    assert [invite.state for invite in await listed(client, filter=f"state = {Invite.State.Name(state)}")] == [state]


async def test_revoking_is_final_and_idempotent(client: Client) -> None:
    invite = (await client.call("CreateInvite", create())).invite
    revoked = await client.call("RevokeInvite", revoke(invite.name, invite.etag), "l1")
    assert (revoked.state, revoked.HasField("revoke_time")) == (Invite.STATE_REVOKED, True)
    assert revoked.etag != invite.etag
    assert await client.call("RevokeInvite", revoke(invite.name)) == revoked


@pytest.mark.parametrize(("change", "state"), [("use_count = 1", "ACCEPTED"), ("expire_time = now()", "EXPIRED")])
async def test_a_finished_invite_cannot_be_revoked(
    client: Client, owner: asyncpg.Connection, change: str, state: str
) -> None:
    name = (await client.call("CreateInvite", create())).invite.name
    await owner.execute(f"UPDATE invites SET {change}")  # noqa: S608
    failure = await client.failure("RevokeInvite", revoke(name))
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "STATE_UNSUITABLE")
    assert failure.metadata == {"state": state}


@pytest.mark.parametrize(
    ("who", "role", "group", "code"),
    [
        ("super", SUPER_ADMIN, "", OK),
        ("l1", SUPER_ADMIN, "", PERMISSION_DENIED),
        ("l1", L1_ADMIN, "eng", PERMISSION_DENIED),
        ("l1", SUB_ADMIN, "platform", OK),
        ("l1", MEMBER, "sales", PERMISSION_DENIED),
        ("sub", SUB_ADMIN, "platform", PERMISSION_DENIED),
        ("sub", MEMBER, "inference", OK),
        ("member", MEMBER, "platform", PERMISSION_DENIED),
        ("stranger", MEMBER, "platform", PERMISSION_DENIED),
    ],
)
async def test_an_admin_revokes_invites_of_lower_roles(
    client: Client, who: str, role: int, group: str, code: grpc.StatusCode
) -> None:
    name = (await client.call("CreateInvite", create(invitation(role, group)))).invite.name
    assert await client.code("RevokeInvite", revoke(name), who) is code


async def test_a_stale_etag_revokes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    invite = (await client.call("CreateInvite", create(invitation(max_uses=2)))).invite
    await owner.execute("UPDATE invites SET use_count = 1")
    failure = await client.failure("RevokeInvite", revoke(invite.name, invite.etag))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await owner.fetchval("SELECT revoke_time FROM invites") is None


async def test_only_one_of_many_concurrent_revocations_is_logged(client: Client, owner: asyncpg.Connection) -> None:
    invite = (await client.call("CreateInvite", create())).invite
    await asyncio.gather(*(client.call("RevokeInvite", revoke(invite.name)) for _ in range(10)))
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE method LIKE '%RevokeInvite'") == 1


async def test_creation_and_revocation_are_in_the_audit_log(client: Client, owner: asyncpg.Connection) -> None:
    invite = (await client.call("CreateInvite", create(), "l1")).invite
    await client.call("RevokeInvite", revoke(invite.name))
    made, revoked = await owner.fetch(
        "SELECT user_id, resource_name, group_path, before ->> 'state' AS before, after ->> 'state' AS after"
        " FROM audit_log ORDER BY sequence"
    )
    path = ["eng", "platform"]
    assert tuple(made) == ("l1", invite.name, path, None, "STATE_PENDING")
    assert tuple(revoked) == ("super", invite.name, path, "STATE_PENDING", "STATE_REVOKED")
