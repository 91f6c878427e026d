"""Calls of the member methods, and queries of their tables."""

from typing import Any

import asyncpg
import grpc
from megarouter.admin.v1 import member_pb2 as pb
from megarouter.admin.v1.member_pb2 import Member
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.conftest import Client, add_member

ORGANIZATION = "organizations/acme"
OK, PERMISSION_DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
SUPER_ADMIN, L1_ADMIN = role_pb2.ROLE_SUPER_ADMIN, role_pb2.ROLE_L1_ADMIN
SUB_ADMIN, MEMBER = role_pb2.ROLE_SUB_ADMIN, role_pb2.ROLE_MEMBER


def named(member: str) -> str:
    return f"{ORGANIZATION}/members/{member}"


def group_named(group: str) -> str:
    return f"{ORGANIZATION}/groups/{group}" if group else ""


def move(member: str, group: str, etag: str = "") -> pb.MoveMemberRequest:
    return pb.MoveMemberRequest(name=named(member), group=group_named(group), etag=etag)


def suspend(member: str, request_id: str = "") -> pb.SuspendMemberRequest:
    return pb.SuspendMemberRequest(name=named(member), request_id=request_id)


def resume(member: str) -> pb.ResumeMemberRequest:
    return pb.ResumeMemberRequest(name=named(member))


def remove(member: str) -> pb.RemoveMemberRequest:
    return pb.RemoveMemberRequest(name=named(member))


async def get(client: Client, member: str, who: str = "super") -> Member:
    found: Member = await client.call("GetMember", pb.GetMemberRequest(name=named(member)), who)
    return found


async def role_change(client: Client, member: str, role: int, group: str | None = None, **fields: Any) -> Any:
    """Returns the request with the current etag of the member."""
    request = pb.ChangeMemberRoleRequest(name=named(member), role=role, **fields)  # type: ignore[arg-type] # a value of the enum
    request.etag = request.etag or (await get(client, member)).etag
    if group is not None:
        request.group = group_named(group)
    return request


async def listed(client: Client, who: str = "super", **fields: Any) -> list[str]:
    answer = await client.call("ListMembers", pb.ListMembersRequest(parent=ORGANIZATION, **fields), who)
    return [member.name.rpartition("/")[2] for member in answer.members]


async def row(owner: asyncpg.Connection, member: str) -> tuple[str, str | None, str]:
    found = await owner.fetchrow("SELECT role, group_id, state FROM members WHERE member_id = $1", member)
    assert found is not None
    return found["role"], found["group_id"], found["state"]


async def only_super(owner: asyncpg.Connection, *others: str) -> None:
    for other in others:
        await add_member(owner, other, "SUPER_ADMIN", None)
