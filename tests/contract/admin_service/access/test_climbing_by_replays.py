"""Attempts to read a remembered answer through a repeated request: another caller's answer, or an outdated one."""

import uuid
from typing import Any, Final

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message
from megarouter.admin.v1 import api_key_pb2, group_pb2, invite_pb2, member_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.invite_pb2 import Invite
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.access.climbing import ACME, name_of, world
from tests.contract.admin_service.conftest import Client

DENIED = grpc.StatusCode.PERMISSION_DENIED
MEMBER = role_pb2.ROLE_MEMBER
PLATFORM = name_of("groups", "platform")
pytestmark = pytest.mark.usefixtures("people")


async def test_another_users_request_id_does_not_return_their_answer(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail when answers are found by request id alone, without the user."""
    request = api_key_pb2.CreateApiKeyRequest(
        parent=ACME, api_key=ApiKey(display_name="k"), request_id=str(uuid.uuid4())
    )
    first = await client.call("CreateApiKey", request, "sub")
    second = await client.call("CreateApiKey", request, "member")
    assert second.api_key.member == name_of("members", "member")
    assert (second.api_key.name != first.api_key.name, second.secret != first.secret) == (True, True)
    assert not second.secret_already_issued
    assert await owner.fetchval("SELECT count(*) FROM api_keys WHERE display_name = 'k'") == 2


async def test_a_caller_who_lost_the_permission_does_not_get_the_old_answer(
    client: Client, owner: asyncpg.Connection
) -> None:
    request = member_pb2.SuspendMemberRequest(name=name_of("members", "below"), request_id=str(uuid.uuid4()))
    await client.call("SuspendMember", request, "sub")
    await owner.execute("UPDATE members SET role = 'MEMBER' WHERE member_id = 'sub'")
    assert await client.code("SuspendMember", request, "sub") is DENIED


async def test_a_request_id_applies_to_one_organization(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail when a remembered answer is not compared with the request: a call for `other` returned the group of `acme`."""
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('other', 'super', 'super', 'SUPER_ADMIN')"
    )
    request = group_pb2.CreateGroupRequest(
        parent=ACME, group=group_pb2.Group(display_name="Ops"), request_id=str(uuid.uuid4())
    )
    await client.call("CreateGroup", request)
    before = await world(owner)
    request.parent = "organizations/other"
    assert (await client.failure("CreateGroup", request)).reason == "REQUEST_ID_REUSED"
    assert await world(owner) == before


REPLAYED: Final[dict[str, tuple[str, Message]]] = {
    "BatchSuspendMembers": ("members", member_pb2.BatchSuspendMembersRequest(names=[name_of("members", "below")])),
    "BatchResumeMembers": ("members", member_pb2.BatchResumeMembersRequest(names=[name_of("members", "below")])),
    "BatchRemoveMembers": ("members", member_pb2.BatchRemoveMembersRequest(names=[name_of("members", "below")])),
    "BatchMoveMembers": (
        "members", member_pb2.BatchMoveMembersRequest(names=[name_of("members", "below")], group=PLATFORM),
    ),
    "BatchDisableApiKeys": ("members", api_key_pb2.BatchDisableApiKeysRequest(names=[name_of("apiKeys", "key-below")])),
    "CreateApiKey": (
        "members",
        api_key_pb2.CreateApiKeyRequest(api_key=ApiKey(member=name_of("members", "below"), display_name="k")),
    ),
    "BatchCreateInvites": (
        "invites",
        invite_pb2.BatchCreateInvitesRequest(
            invite=Invite(role=MEMBER, group=PLATFORM), emails=["a@example.org", "b@example.org"]
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", REPLAYED)
async def test_an_old_answer_is_not_repeated_after_its_resources_left_the_callers_reach(
    client: Client, owner: asyncpg.Connection, method: str
) -> None:
    """The caller still has the permission on the parent, but not on resources named in the request or its answer.

    Seen to fail when the resources of the old answer are not authorized again.
    """
    table, body = REPLAYED[method]
    request: Any = type(body)()
    request.CopyFrom(body)
    request.parent, request.request_id = ACME, str(uuid.uuid4())
    await client.call(method, request, "sub")
    assert await client.code(method, request, "sub") is grpc.StatusCode.OK
    await owner.execute(
        "UPDATE members SET group_id = 'sales' WHERE member_id = 'below'"
        if table == "members"
        else "UPDATE invites SET group_id = 'sales' WHERE inviter_member_id = 'sub'"
    )
    before = await world(owner)
    assert await client.code(method, request, "sub") is DENIED
    assert await world(owner) == before
