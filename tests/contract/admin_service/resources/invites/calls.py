"""Helpers for tests of invites: requests, invites, and users without memberships."""

from typing import Any

import asyncpg
import grpc
from megarouter.admin.v1 import invite_pb2 as pb
from megarouter.admin.v1.invite_pb2 import Invite
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.conftest import Client, Failure, add_token

ORGANIZATION = "organizations/acme"
FAILED_PRECONDITION, RESOURCE_EXHAUSTED = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.RESOURCE_EXHAUSTED
SUPER_ADMIN, L1_ADMIN = role_pb2.ROLE_SUPER_ADMIN, role_pb2.ROLE_L1_ADMIN
SUB_ADMIN, MEMBER = role_pb2.ROLE_SUB_ADMIN, role_pb2.ROLE_MEMBER


def group_named(group: str) -> str:
    return f"{ORGANIZATION}/groups/{group}" if group else ""


def accept(token: str, request_id: str = "") -> pb.AcceptInviteRequest:
    return pb.AcceptInviteRequest(token=token, request_id=request_id)


def preview(token: str) -> pb.PreviewInviteRequest:
    return pb.PreviewInviteRequest(token=token)


async def invited(
    client: Client, role: int = MEMBER, group: str = "platform", by: str = "super", **fields: Any
) -> pb.CreateInviteResponse:
    invite = Invite(role=role, group=group_named(group), **fields)  # type: ignore[arg-type] # a value of the enum
    request = pb.CreateInviteRequest(parent=ORGANIZATION, invite=invite)
    made: pb.CreateInviteResponse = await client.call("CreateInvite", request, by)
    return made


async def add_user(owner: asyncpg.Connection, user: str, email: str | None = "") -> None:
    """Adds a user with an access token and no memberships. The default address is `<user>@example.org`."""
    address = f"{user}@example.org" if email == "" else email
    await owner.execute("INSERT INTO users (user_id, email, display_name) VALUES ($1, $2, $1)", user, address)
    await add_token(owner, user)


async def uses_of(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT sum(use_count) FROM invites"))


async def set_seat_limit(owner: asyncpg.Connection, limit: int) -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', $1)",
        limit,
    )


async def membership(owner: asyncpg.Connection, user: str) -> tuple[str, ...] | None:
    row = await owner.fetchrow(
        "SELECT role, group_id, state FROM members WHERE organization_id = 'acme' AND user_id = $1", user
    )
    return tuple(row) if row else None


def is_invalid(failure: Failure) -> bool:
    return (failure.code, failure.reason, failure.metadata) == (FAILED_PRECONDITION, "INVITE_INVALID", {})
