"""Creating invites: tokens, bounds and permissions."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import group_pb2
from megarouter.admin.v1 import invite_pb2 as pb
from megarouter.admin.v1.invite_pb2 import Invite
from megarouter.type.v1 import role_pb2

from gateway_core.model.organization.bearer_secrets import INVITE_TOKEN, hash_secret
from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import PEPPER, Client, running_service

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


@pytest.fixture
async def linking_client(settings: AdminSettings, people: None) -> AsyncIterator[Client]:
    """A client of a service that has a page for invites."""
    async with running_service(settings.model_copy(update={"invite_page_url": PAGE})) as (_, calling):
        yield calling


async def test_a_created_invite_has_a_link_with_its_token(linking_client: Client) -> None:
    made = await linking_client.call("CreateInvite", create(), "l1")
    assert INVITE_TOKEN.is_well_formed(made.token)
    assert made.link == f"{PAGE}#{made.token}"
    assert not made.secret_already_issued


async def test_a_created_invite_has_no_link_without_a_page(client: Client) -> None:
    made = await client.call("CreateInvite", create())
    assert INVITE_TOKEN.is_well_formed(made.token)
    assert made.link == ""


async def test_an_invite_is_valid_for_one_use_and_seven_days_by_default(client: Client) -> None:
    invite = (await client.call("CreateInvite", create(), "l1")).invite
    assert invite.name.startswith(f"{ORGANIZATION}/invites/inv-")
    assert (invite.role, invite.group) == (MEMBER, group_named("platform"))
    assert (invite.state, invite.max_uses, invite.use_count) == (Invite.STATE_PENDING, 1, 0)
    assert invite.inviter == f"{ORGANIZATION}/members/l1"
    assert invite.expire_time.seconds - invite.create_time.seconds == 7 * DAY_S
    assert await client.call("GetInvite", pb.GetInviteRequest(name=invite.name)) == invite


async def test_an_invite_has_the_requested_bounds(client: Client) -> None:
    wanted = invitation(ttl=Duration(seconds=30 * DAY_S), max_uses=1000, email_domain="Example.ORG")
    invite = (await client.call("CreateInvite", create(wanted))).invite
    assert invite.expire_time.seconds - invite.create_time.seconds == 30 * DAY_S
    assert (invite.max_uses, invite.email_domain, invite.email) == (1000, "example.org", "")
    end = Timestamp()
    end.FromDatetime(dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=1))
    invite = (await client.call("CreateInvite", create(invitation(expire_time=end, email="Ada@Example.ORG")))).invite
    assert (invite.expire_time, invite.email) == (end, "ada@example.org")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ttl": Duration()}, "invite.ttl"),
        ({"ttl": Duration(nanos=1)}, "invite.ttl"),
        ({"ttl": Duration(seconds=-1)}, "invite.ttl"),
        ({"ttl": Duration(seconds=30 * DAY_S + 1)}, "invite.ttl"),
        ({"ttl": Duration(seconds=2**62)}, "invite.ttl"),
        ({"expire_time": Timestamp(seconds=1)}, "invite.expire_time"),
        ({"expire_time": Timestamp(seconds=4_000_000_000)}, "invite.expire_time"),
        ({"expire_time": Timestamp(seconds=2**62)}, "invite.expire_time"),
        ({"max_uses": -1}, "invite.max_uses"),
        ({"max_uses": 1001}, "invite.max_uses"),
        ({"email": "unknown"}, "invite.email"),
        ({"email_domain": "localhost"}, "invite.email_domain"),
        ({"email": "ada@example.org", "email_domain": "example.org"}, "invite.email_domain"),
        ({"role": role_pb2.ROLE_UNSPECIFIED}, "invite.role"),
        ({"role": 99}, "invite.role"),
    ],
)
async def test_an_out_of_range_invite_is_refused(
    client: Client, owner: asyncpg.Connection, fields: dict[str, Any], field: str
) -> None:
    failure = await client.failure("CreateInvite", create(invitation(**fields)))
    assert (failure.code, failure.fields) == (INVALID_ARGUMENT, (field,))
    assert await count(owner) == 0


async def test_the_token_is_only_in_the_first_answer(
    client: Client, owner: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = await client.call("CreateInvite", create(request_id=str(uuid.uuid4())))
    everything = await owner.fetch(
        "SELECT i::text FROM invites i UNION ALL SELECT a::text FROM audit_log a"
        " UNION ALL SELECT encode(response, 'escape') FROM request_replays"
    )
    assert len(everything) == 3
    secret = made.token.removeprefix("mri-")[:43]
    assert not any(secret in row[0] for row in everything)
    assert secret not in MessageToJson(made.invite)
    assert secret not in caplog.text
    stored = await owner.fetchval("SELECT secret_hash FROM invites")
    assert stored == hash_secret(made.token, bytes.fromhex(PEPPER))


async def test_a_repeated_request_creates_no_second_invite_and_shows_no_token(
    client: Client, owner: asyncpg.Connection
) -> None:
    request = create(request_id=str(uuid.uuid4()))
    first = await client.call("CreateInvite", request)
    second = await client.call("CreateInvite", request)
    assert second == pb.CreateInviteResponse(invite=first.invite, secret_already_issued=True)
    assert await count(owner) == 1


@pytest.mark.parametrize(
    ("who", "role", "group"),
    [
        ("super", SUPER_ADMIN, ""),
        ("super", L1_ADMIN, "eng"),
        ("super", MEMBER, ""),
        ("l1", SUB_ADMIN, "inference"),
        ("l1", MEMBER, "eng"),
        ("sub", MEMBER, "platform"),
        ("sub", MEMBER, "inference"),
    ],
)
async def test_an_admin_invites_lower_roles_into_their_own_subtree(
    client: Client, who: str, role: int, group: str
) -> None:
    assert await client.code("CreateInvite", create(invitation(role, group)), who) is OK


@pytest.mark.parametrize(
    ("who", "role", "group", "reason"),
    [
        ("l1", L1_ADMIN, "eng", "ROLE_NOT_GRANTABLE"),
        ("l1", SUPER_ADMIN, "eng", "ROLE_NOT_GRANTABLE"),
        ("sub", SUB_ADMIN, "inference", "ROLE_NOT_GRANTABLE"),
        ("l1", SUPER_ADMIN, "", "PERMISSION_DENIED"),
        ("l1", MEMBER, "", "PERMISSION_DENIED"),
        ("l1", MEMBER, "sales", "PERMISSION_DENIED"),
        ("l1", L1_ADMIN, "sales", "PERMISSION_DENIED"),
        ("sub", MEMBER, "eng", "PERMISSION_DENIED"),
        ("super", MEMBER, "nowhere", "PERMISSION_DENIED"),
        ("member", MEMBER, "platform", "PERMISSION_DENIED"),
        ("stranger", MEMBER, "platform", "PERMISSION_DENIED"),
    ],
)
async def test_an_admin_cannot_invite_to_a_role_they_cannot_grant(
    client: Client, owner: asyncpg.Connection, who: str, role: int, group: str, reason: str
) -> None:
    failure = await client.failure("CreateInvite", create(invitation(role, group)), who)
    assert (failure.code, failure.reason) == (PERMISSION_DENIED, reason)
    assert await count(owner) == 0


async def test_an_unreachable_group_gets_the_error_of_a_missing_one(client: Client) -> None:
    unreachable = await client.failure("CreateInvite", create(invitation(L1_ADMIN, "sales")), "l1")
    absent = await client.failure("CreateInvite", create(invitation(L1_ADMIN, "absent")), "l1")
    assert unreachable.message.replace("sales", "absent") == absent.message
    foreign = Invite(role=MEMBER, group="organizations/other/groups/eng")
    assert (await client.failure("CreateInvite", create(foreign))).reason == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("role", "group"), [(SUPER_ADMIN, "eng"), (L1_ADMIN, "platform"), (SUB_ADMIN, "eng"), (L1_ADMIN, "")]
)
async def test_an_invite_is_refused_for_a_group_that_does_not_fit_the_role(
    client: Client, role: int, group: str
) -> None:
    failure = await client.failure("CreateInvite", create(invitation(role, group)))
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "ROLE_DOES_NOT_FIT_GROUP")


async def test_an_invite_into_a_deleted_group_is_refused(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE groups SET delete_time = now() WHERE group_id = 'inference'")
    failure = await client.failure("CreateInvite", create(invitation(group="inference")))
    assert (failure.reason, failure.metadata) == ("STATE_UNSUITABLE", {"state": "DELETED"})


async def test_deleting_a_group_revokes_the_pending_invites_into_it(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE members SET group_id = 'platform' WHERE group_id = 'inference'")
    into = (await client.call("CreateInvite", create(invitation(group="inference")))).invite
    unreachable = (await client.call("CreateInvite", create())).invite
    await client.call("DeleteGroup", group_pb2.DeleteGroupRequest(name=group_named("inference")))
    states = {invite.name: invite.state for invite in await listed(client)}
    assert states == {into.name: Invite.STATE_REVOKED, unreachable.name: Invite.STATE_PENDING}


async def test_a_personal_account_has_no_invites(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE organizations SET kind = 'PERSONAL' WHERE organization_id = 'other'")
    request = pb.CreateInviteRequest(parent="organizations/other", invite=Invite(role=MEMBER))
    failure = await client.failure("CreateInvite", request, "stranger")
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "PERSONAL_ACCOUNT")


async def test_a_batch_creates_invites_with_separate_tokens(client: Client) -> None:
    emails = [f"p{number}@example.org" for number in range(100)]
    answer = await client.call("BatchCreateInvites", batch(*emails, ttl=Duration(seconds=DAY_S)), "l1")
    assert [issued.invite.email for issued in answer.invites] == emails
    assert len({issued.token for issued in answer.invites}) == 100
    assert all(INVITE_TOKEN.is_well_formed(issued.token) for issued in answer.invites)
    assert len(await listed(client, page_size=1000)) == 100


async def test_a_repeated_batch_creates_nothing_and_shows_no_tokens(client: Client, owner: asyncpg.Connection) -> None:
    request = batch("a@example.org", "b@example.org", request_id=str(uuid.uuid4()))
    first = await client.call("BatchCreateInvites", request)
    second = await client.call("BatchCreateInvites", request)
    assert [issued.invite for issued in second.invites] == [issued.invite for issued in first.invites]
    assert all(issued.secret_already_issued and not issued.token for issued in second.invites)
    assert await count(owner) == 2


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (batch(), "emails"),
        (batch("a@example.org", "A@Example.org"), "emails"),
        (batch("a@example.org", "a@example.org"), "emails"),
        (batch("a@example.org", "unknown"), "emails[1]"),
        (batch(*(f"p{number}@example.org" for number in range(1_001))), "emails"),
        (batch("a@example.org", email="b@example.org"), "invite.email"),
        (batch("a@example.org", email_domain="example.org"), "invite.email_domain"),
    ],
)
async def test_a_batch_is_all_or_nothing(
    client: Client, owner: asyncpg.Connection, request_: pb.BatchCreateInvitesRequest, field: str
) -> None:
    failure = await client.failure("BatchCreateInvites", request_)
    assert (failure.code, failure.fields) == (INVALID_ARGUMENT, (field,))
    assert await count(owner) == 0
