"""Moving, promoting, suspending and removing members: permissions, effects and concurrent calls."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import member_pb2 as pb
from megarouter.admin.v1.member_pb2 import Member

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.members.calls import (
    FAILED_PRECONDITION,
    L1_ADMIN,
    MEMBER,
    OK,
    ORGANIZATION,
    PERMISSION_DENIED,
    SUB_ADMIN,
    SUPER_ADMIN,
    get,
    group_named,
    listed,
    move,
    named,
    only_super,
    remove,
    resume,
    role_change,
    row,
    suspend,
)


@pytest.mark.parametrize(
    ("who", "member", "code"),
    [
        ("super", "l1", OK),
        ("l1", "sub", OK),
        ("l1", "member", OK),
        ("l1", "l1-peer", PERMISSION_DENIED),
        ("l1", "l1", PERMISSION_DENIED),
        ("l1", "super", PERMISSION_DENIED),
        ("l1", "sales", PERMISSION_DENIED),
        ("sub", "below", OK),
        ("sub", "sub", PERMISSION_DENIED),
        ("sub", "l1", PERMISSION_DENIED),
        ("member", "below", PERMISSION_DENIED),
        ("member", "member", PERMISSION_DENIED),
        ("stranger", "member", PERMISSION_DENIED),
    ],
)
async def test_admins_change_only_lower_roles_in_their_subtree(
    client: Client, owner: asyncpg.Connection, who: str, member: str, code: grpc.StatusCode
) -> None:
    names = [named(member)]
    for method, request in (
        ("SuspendMember", suspend(member)),
        ("ResumeMember", resume(member)),
        ("BatchSuspendMembers", pb.BatchSuspendMembersRequest(parent=ORGANIZATION, names=names)),
        ("BatchResumeMembers", pb.BatchResumeMembersRequest(parent=ORGANIZATION, names=names)),
        ("RemoveMember", remove(member)),
    ):
        assert await client.code(method, request, who) is code, method
    assert (await row(owner, member))[2] == ("REMOVED" if code is OK else "ACTIVE")


@pytest.mark.parametrize(
    ("who", "member", "group", "code"),
    [
        ("super", "sales", "inference", OK),
        ("super", "member", "", OK),
        ("l1", "below", "eng", OK),
        ("l1", "sub", "inference", OK),
        ("sub", "below", "platform", OK),
        ("l1", "member", "sales", PERMISSION_DENIED),
        ("l1", "member", "", PERMISSION_DENIED),
        ("l1", "sales", "eng", PERMISSION_DENIED),
        ("sub", "below", "eng", PERMISSION_DENIED),
        ("member", "member", "inference", PERMISSION_DENIED),
        ("l1", "sub", "eng", FAILED_PRECONDITION),
        ("super", "l1", "platform", FAILED_PRECONDITION),
        ("super", "super", "eng", FAILED_PRECONDITION),
    ],
)
async def test_a_member_is_moved_only_within_the_admins_reach_and_where_the_role_fits(
    client: Client, owner: asyncpg.Connection, who: str, member: str, group: str, code: grpc.StatusCode
) -> None:
    before = await row(owner, member)
    assert await client.code("MoveMember", move(member, group), who) is code
    role, stands, state = await row(owner, member)
    assert (role, state) == (before[0], before[2])
    assert stands == ((group or None) if code is OK else before[1])


@pytest.mark.parametrize("group", ["organizations/other/groups/eng", "organizations/acme/groups/none", "nonsense"])
async def test_a_missing_group_gets_the_error_of_an_unreachable_one(client: Client, group: str) -> None:
    request = pb.MoveMemberRequest(name=named("member"), group=group)
    failure = await client.failure("MoveMember", request, "l1")
    assert failure.message == f"Permission members:write denied on resource '{group}' (or it might not exist)."
    out_of_reach = await client.failure("MoveMember", move("member", "sales"), "l1")
    assert out_of_reach.message == failure.message.replace(group, group_named("sales"))


async def test_a_member_cannot_be_moved_into_a_deleted_group(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE groups SET delete_time = now() WHERE group_id = 'sales'")
    assert (await client.failure("MoveMember", move("member", "sales"))).reason == "STATE_UNSUITABLE"
    request = await role_change(client, "member", L1_ADMIN, "sales")
    assert (await client.failure("ChangeMemberRole", request)).reason == "STATE_UNSUITABLE"


async def test_a_move_keeps_keys_and_spend_notifies_and_is_logged(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits) VALUES ('acme', 'member:member:NEVER:0:0', 7)"
    )
    notified: list[str] = []
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.append(str(arguments[3])))
    before = await get(client, "member")
    after = await client.call("MoveMember", move("member", "sales", before.etag))
    assert (after.group, after.spent_nano_credits, after.key_count) == (group_named("sales"), 7, 1)
    assert after.etag != before.etag
    assert await owner.fetchval("SELECT group_path FROM api_keys WHERE member_id = 'member'") == ["sales"]
    assert "acme member member" in notified
    entry = await owner.fetchrow("SELECT * FROM audit_log")
    assert entry is not None
    assert (entry["resource_name"], entry["group_path"]) == (named("member"), ["eng", "platform"])
    assert group_named("platform") in entry["before"]
    assert group_named("sales") in entry["after"]
    assert await client.call("MoveMember", move("member", "sales")) == after
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 1
    assert (await client.failure("MoveMember", move("member", "eng", before.etag))).reason == "ETAG_MISMATCH"


@pytest.mark.parametrize(
    ("who", "member", "role", "group", "outcome"),
    [
        ("super", "member", L1_ADMIN, "eng", "OK"),
        ("super", "member", SUPER_ADMIN, None, "OK"),
        ("super", "member", SUPER_ADMIN, "", "OK"),
        ("super", "l1", MEMBER, None, "OK"),
        ("super", "sub", L1_ADMIN, "eng", "OK"),
        ("l1", "member", SUB_ADMIN, None, "OK"),
        ("l1", "sub", MEMBER, "eng", "OK"),
        ("sub", "below", MEMBER, "platform", "OK"),
        ("super", "member", L1_ADMIN, None, "ROLE_DOES_NOT_FIT_GROUP"),
        ("super", "member", SUPER_ADMIN, "eng", "ROLE_DOES_NOT_FIT_GROUP"),
        ("super", "sales", SUB_ADMIN, None, "ROLE_DOES_NOT_FIT_GROUP"),
        ("super", "l1", SUB_ADMIN, "", "ROLE_DOES_NOT_FIT_GROUP"),
        ("l1", "member", L1_ADMIN, "eng", "ROLE_NOT_GRANTABLE"),
        ("l1", "member", SUPER_ADMIN, None, "ROLE_NOT_GRANTABLE"),
        ("sub", "below", SUB_ADMIN, "platform", "ROLE_NOT_GRANTABLE"),
        ("l1", "member", SUB_ADMIN, "sales", "PERMISSION_DENIED"),
        ("l1", "member", MEMBER, "", "PERMISSION_DENIED"),
        ("l1", "l1", SUPER_ADMIN, None, "PERMISSION_DENIED"),
        ("l1", "l1-peer", MEMBER, None, "PERMISSION_DENIED"),
        ("sub", "member", MEMBER, "eng", "PERMISSION_DENIED"),
        ("member", "member", SUB_ADMIN, None, "PERMISSION_DENIED"),
    ],
)
async def test_a_role_is_granted_only_by_higher_roles_and_where_it_fits(
    client: Client, owner: asyncpg.Connection, who: str, member: str, role: int, group: str | None, outcome: str
) -> None:
    before = await row(owner, member)
    for validate_only in (True, False):
        request = await role_change(client, member, role, group, validate_only=validate_only)
        if outcome == "OK":
            answer = await client.call("ChangeMemberRole", request, who)
            assert answer.role == role
            assert (await row(owner, member) == before) == validate_only
        else:
            assert (await client.failure("ChangeMemberRole", request, who)).reason == outcome
            assert await row(owner, member) == before
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == (outcome == "OK")


async def test_a_role_change_requires_the_current_etag(client: Client) -> None:
    request = await role_change(client, "member", SUB_ADMIN)
    changes = await asyncio.gather(*(client.code("ChangeMemberRole", request, "l1") for _ in range(5)))
    assert sorted(code.name for code in changes) == ["ABORTED"] * 4 + ["OK"]
    without = pb.ChangeMemberRoleRequest(name=named("member"), role=MEMBER)
    assert (await client.failure("ChangeMemberRole", without)).fields == ("etag",)
    unspecified = pb.ChangeMemberRoleRequest(name=named("member"), etag=request.etag)
    assert (await client.failure("ChangeMemberRole", unspecified)).fields == ("role",)


async def test_a_lost_role_takes_effect_at_the_next_call(client: Client) -> None:
    assert await client.code("SuspendMember", suspend("below"), "sub") is OK
    await client.call("ChangeMemberRole", await role_change(client, "sub", MEMBER))
    assert await client.code("ResumeMember", resume("below"), "sub") is PERMISSION_DENIED


async def test_a_suspended_member_is_refused_until_resumed(client: Client, owner: asyncpg.Connection) -> None:
    notified: list[str] = []
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.append(str(arguments[3])))
    suspended = await client.call("SuspendMember", suspend("l1"))
    assert suspended.state == Member.STATE_SUSPENDED
    async with asyncio.timeout(30):
        while not notified:
            await asyncio.sleep(0.01)
    assert notified == ["acme member l1"]
    assert await client.call("SuspendMember", suspend("l1")) == suspended
    assert await client.code("ListMembers", pb.ListMembersRequest(parent=ORGANIZATION), "l1") is PERMISSION_DENIED
    assert (await client.call("ResumeMember", resume("l1"))).state == Member.STATE_ACTIVE
    assert await client.code("ListMembers", pb.ListMembersRequest(parent=ORGANIZATION), "l1") is OK
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 2


async def test_a_removed_member_permanently_loses_keys_and_keeps_usage(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits) VALUES ('acme', 'member:member:NEVER:0:0', 7)"
    )
    removed = await client.call("RemoveMember", remove("member"), "sub")
    assert (removed.state, removed.key_count, removed.spent_nano_credits) == (Member.STATE_REMOVED, 0, 7)
    assert await owner.fetchval("SELECT state FROM api_keys WHERE member_id = 'member'") == "DELETED"
    hash_of_secret = await owner.fetchval("SELECT secret_hash FROM api_keys WHERE member_id = 'member'")
    assert await owner.fetch("SELECT * FROM identity_of_key($1)", hash_of_secret) == []
    assert await client.call("RemoveMember", remove("member"), "sub") == removed
    assert "member" not in await listed(client)
    assert await get(client, "member", "l1") == removed


async def test_a_removed_member_can_only_return_by_an_invite(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("RemoveMember", remove("member"))
    requests = [
        ("ResumeMember", resume("member")),
        ("SuspendMember", suspend("member")),
        ("MoveMember", move("member", "sales")),
        ("ChangeMemberRole", await role_change(client, "member", SUB_ADMIN)),
        ("BatchResumeMembers", pb.BatchResumeMembersRequest(parent=ORGANIZATION, names=[named("member")])),
    ]
    for method, request in requests:
        failure = await client.failure(method, request)
        assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "MEMBER_REMOVED"), method
    assert await row(owner, "member") == ("MEMBER", "platform", "REMOVED")


async def test_a_repeated_change_is_applied_once(client: Client, owner: asyncpg.Connection) -> None:
    request = suspend("member", str(uuid.uuid4()))
    first = await client.call("SuspendMember", request)
    await client.call("ResumeMember", resume("member"))
    assert await client.call("SuspendMember", request) == first
    assert (await row(owner, "member"))[2] == "ACTIVE"


async def test_the_last_active_super_admin_cannot_be_removed(client: Client, owner: asyncpg.Connection) -> None:
    await only_super(owner, "second")
    await client.call("SuspendMember", suspend("second"))
    demotion = await role_change(client, "super", MEMBER)
    for method, request in (
        ("RemoveMember", remove("super")),
        ("SuspendMember", suspend("super")),
        ("ChangeMemberRole", demotion),
        (
            "BatchRemoveMembers",
            pb.BatchRemoveMembersRequest(parent=ORGANIZATION, names=[named("second"), named("super")]),
        ),
    ):
        failure = await client.failure(method, request)
        assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "LAST_SUPER_ADMIN"), method
    assert await row(owner, "super") == ("SUPER_ADMIN", None, "ACTIVE")
    assert await row(owner, "second") == ("SUPER_ADMIN", None, "SUSPENDED")


@pytest.mark.parametrize("verb", ["remove", "suspend", "demote"])
async def test_two_super_admins_who_remove_each_other_concurrently_leave_one(
    client: Client, owner: asyncpg.Connection, verb: str
) -> None:
    await only_super(owner, "second")
    for _ in range(50):
        requests_of: dict[str, list[Any]] = {
            "remove": [remove("second"), remove("super")],
            "suspend": [suspend("second"), suspend("super")],
            "demote": [await role_change(client, who, MEMBER) for who in ("second", "super")],
        }
        requests = requests_of[verb]
        method = {"remove": "RemoveMember", "suspend": "SuspendMember", "demote": "ChangeMemberRole"}[verb]
        outcomes = await asyncio.gather(
            client.code(method, requests[0], "super"), client.code(method, requests[1], "second")
        )
        assert outcomes.count(OK) == 1
        active = (
            "SELECT count(*) FROM members WHERE organization_id = 'acme' AND role = 'SUPER_ADMIN' AND state = 'ACTIVE'"
        )
        assert await owner.fetchval(active) == 1
        await owner.execute(
            "UPDATE members SET role = 'SUPER_ADMIN', state = 'ACTIVE' WHERE member_id IN ('super', 'second')"
        )


async def test_super_admins_who_remove_themselves_concurrently_leave_one(
    client: Client, owner: asyncpg.Connection
) -> None:
    await only_super(owner, "second")
    for _ in range(50):
        failures = await asyncio.gather(*(client.code("RemoveMember", remove(who), who) for who in ("super", "second")))
        assert sorted(code.name for code in failures) == ["FAILED_PRECONDITION", "OK"]
        await owner.execute("UPDATE members SET state = 'ACTIVE' WHERE member_id IN ('super', 'second')")


async def test_a_batch_changes_members_in_the_given_order(client: Client, owner: asyncpg.Connection) -> None:
    names = [named(member) for member in ("sales", "below", "member")]
    moved = await client.call(
        "BatchMoveMembers", pb.BatchMoveMembersRequest(parent=ORGANIZATION, names=names, group=group_named("platform"))
    )
    assert [(member.name, member.group) for member in moved.members] == [
        (name, group_named("platform")) for name in names
    ]
    for method, request, state in (
        (
            "BatchSuspendMembers",
            pb.BatchSuspendMembersRequest(parent=ORGANIZATION, names=names),
            Member.STATE_SUSPENDED,
        ),
        ("BatchResumeMembers", pb.BatchResumeMembersRequest(parent=ORGANIZATION, names=names), Member.STATE_ACTIVE),
        ("BatchRemoveMembers", pb.BatchRemoveMembersRequest(parent=ORGANIZATION, names=names), Member.STATE_REMOVED),
    ):
        answer = await client.call(method, request, "l1")
        assert [(member.name, member.state) for member in answer.members] == [(name, state) for name in names]
    # Two moves, and three changes of three members each.
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 2 + 3 * 3


@pytest.mark.parametrize(
    "odd", ["organizations/other/members/stranger", named("unknown"), named("sales"), named("l1-peer"), "member", ""]
)
async def test_a_batch_changes_all_members_or_none(client: Client, owner: asyncpg.Connection, odd: str) -> None:
    names = [named("member"), odd, named("below")]
    for method, request in (
        ("BatchSuspendMembers", pb.BatchSuspendMembersRequest(parent=ORGANIZATION, names=names)),
        ("BatchRemoveMembers", pb.BatchRemoveMembersRequest(parent=ORGANIZATION, names=names)),
        ("BatchMoveMembers", pb.BatchMoveMembersRequest(parent=ORGANIZATION, names=names, group=group_named("eng"))),
    ):
        failure = await client.failure(method, request, "l1")
        assert failure.message == f"Permission members:write denied on resource '{odd}' (or it might not exist)."
    assert await owner.fetchval("SELECT count(*) FROM members WHERE state <> 'ACTIVE'") == 0
    assert await row(owner, "member") == ("MEMBER", "platform", "ACTIVE")
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 0


async def test_a_batch_with_one_unfitting_role_moves_no_member(client: Client, owner: asyncpg.Connection) -> None:
    names = [named("member"), named("sub")]
    request = pb.BatchMoveMembersRequest(parent=ORGANIZATION, names=names, group=group_named("eng"))
    assert (await client.failure("BatchMoveMembers", request)).reason == "ROLE_DOES_NOT_FIT_GROUP"
    assert (await row(owner, "member"))[1] == "platform"


@pytest.mark.parametrize("names", [[], [named("member")] * 2, [named(f"m{n}") for n in range(1_001)]])
async def test_a_batch_names_one_to_a_thousand_and_none_twice(client: Client, names: list[str]) -> None:
    request = pb.BatchRemoveMembersRequest(parent=ORGANIZATION, names=names)
    assert (await client.failure("BatchRemoveMembers", request)).fields[0] == "names"
