"""Calls of the group methods, and queries of their tables."""

import asyncpg
import grpc
from megarouter.admin.v1 import group_pb2 as pb
from megarouter.admin.v1.group_pb2 import Group

from tests.contract.admin_service.conftest import Client

ORGANIZATION = "organizations/acme"
PERMISSION_DENIED, FAILED_PRECONDITION = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION


def named(group: str) -> str:
    return f"{ORGANIZATION}/groups/{group}" if group else ""


def create(group: str, parent: str = "", display_name: str = "New", request_id: str = "") -> pb.CreateGroupRequest:
    body = Group(display_name=display_name, parent_group=named(parent))
    return pb.CreateGroupRequest(parent=ORGANIZATION, group=body, group_id=group, request_id=request_id)


def rename(group: str, display_name: str, etag: str = "") -> pb.UpdateGroupRequest:
    return pb.UpdateGroupRequest(group=Group(name=named(group), display_name=display_name, etag=etag))


def move(group: str, parent: str, etag: str = "") -> pb.MoveGroupRequest:
    return pb.MoveGroupRequest(name=named(group), parent_group=named(parent), etag=etag)


def delete(group: str, etag: str = "") -> pb.DeleteGroupRequest:
    return pb.DeleteGroupRequest(name=named(group), etag=etag)


async def get(client: Client, group: str, member: str = "super") -> Group:
    found: Group = await client.call("GetGroup", pb.GetGroupRequest(name=named(group)), member)
    return found


async def listed(client: Client, member: str = "super", **fields: object) -> list[str]:
    request = pb.ListGroupsRequest(parent=ORGANIZATION, **fields)  # type: ignore[arg-type] # fields of the request
    answer = await client.call("ListGroups", request, member)
    return [group.name.rpartition("/")[2] for group in answer.groups]


async def paths(owner: asyncpg.Connection) -> dict[str, list[str]]:
    return {row[0]: row[1] for row in await owner.fetch("SELECT group_id, path FROM groups WHERE delete_time IS NULL")}


async def spend(owner: asyncpg.Connection, kind: str, scope: str, nano_credits: int) -> None:
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits) VALUES ('acme', $1, $2)",
        f"{kind}:{scope}:NEVER:0:0", nano_credits,
    )  # fmt: skip
