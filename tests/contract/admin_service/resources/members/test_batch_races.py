"""Batches that race with each other and with single changes: each takes effect as a whole, and none waits in a circle."""

import asyncio

import asyncpg
from megarouter.admin.v1 import api_key_pb2, invite_pb2
from megarouter.admin.v1 import member_pb2 as pb
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.members.calls import (
    FAILED_PRECONDITION,
    OK,
    ORGANIZATION,
    PERMISSION_DENIED,
    group_named,
    move,
    named,
    only_super,
    remove,
    row,
)

ROUNDS = 10
PEOPLE = ("member", "below", "sales")


def names(*, backward: bool = False) -> list[str]:
    return [named(member) for member in (reversed(PEOPLE) if backward else PEOPLE)]


def batch_move(group: str, *, backward: bool) -> pb.BatchMoveMembersRequest:
    return pb.BatchMoveMembersRequest(parent=ORGANIZATION, names=names(backward=backward), group=group_named(group))


async def test_batches_that_move_the_same_members_in_opposite_orders_end_in_one_place(
    client: Client, owner: asyncpg.Connection
) -> None:
    for _ in range(ROUNDS):
        codes = await asyncio.gather(
            client.code("BatchMoveMembers", batch_move("eng", backward=False), "super"),
            client.code("BatchMoveMembers", batch_move("platform", backward=True), "super"),
            client.code("BatchMoveMembers", batch_move("inference", backward=False), "super"),
        )
        assert set(codes) == {OK}
        assert len({(await row(owner, member))[1] for member in PEOPLE}) == 1
    assert await owner.fetchval("SELECT count(*) FROM audit_log") <= 3 * len(PEOPLE) * ROUNDS


async def test_a_batch_that_races_its_opposite_leaves_all_members_alike(
    client: Client, owner: asyncpg.Connection
) -> None:
    for _ in range(ROUNDS):
        codes = await asyncio.gather(
            client.code(
                "BatchSuspendMembers", pb.BatchSuspendMembersRequest(parent=ORGANIZATION, names=names()), "super"
            ),
            client.code(
                "BatchResumeMembers",
                pb.BatchResumeMembersRequest(parent=ORGANIZATION, names=names(backward=True)),
                "super",
            ),
        )
        assert set(codes) == {OK}
        assert len({(await row(owner, member))[2] for member in PEOPLE}) == 1


async def test_a_batch_that_races_a_removal_changes_all_or_none(client: Client, owner: asyncpg.Connection) -> None:
    moved = set()
    for number in range(ROUNDS):
        await owner.execute(
            "UPDATE members SET state = 'ACTIVE', group_id = 'eng' WHERE organization_id = 'acme' AND member_id = ANY ($1)",
            list(PEOPLE),
        )
        batch = client.code("BatchMoveMembers", batch_move("platform", backward=number % 2 == 0), "super")
        single = client.code("RemoveMember", remove("below"), "super")
        codes = await asyncio.gather(*((batch, single) if number % 4 < 2 else (single, batch)))
        batch_code = codes[0 if number % 4 < 2 else 1]
        places = [(await row(owner, member))[1] for member in ("member", "sales")]
        moved.add(batch_code)
        assert places == (["platform"] * 2 if batch_code is OK else ["eng"] * 2), codes
    assert moved <= {OK, FAILED_PRECONDITION, PERMISSION_DENIED}


async def test_batches_that_remove_super_admins_leave_one(client: Client, owner: asyncpg.Connection) -> None:
    await only_super(owner, "second")
    active = "SELECT count(*) FROM members WHERE organization_id = 'acme' AND role = 'SUPER_ADMIN' AND state = 'ACTIVE'"
    for method, request in (
        ("BatchSuspendMembers", pb.BatchSuspendMembersRequest),
        ("BatchRemoveMembers", pb.BatchRemoveMembersRequest),
    ):
        codes = await asyncio.gather(
            *(
                client.code(method, request(parent=ORGANIZATION, names=[named(who), named("member")]), other)
                for who, other in (("super", "second"), ("second", "super"))
            )
        )
        assert OK in codes
        assert await owner.fetchval(active) >= 1
        await owner.execute("UPDATE members SET state = 'ACTIVE' WHERE member_id IN ('super', 'second', 'member')")


async def test_a_repeated_batch_of_invites_makes_them_once(client: Client, owner: asyncpg.Connection) -> None:
    invite = invite_pb2.Invite(role=role_pb2.ROLE_MEMBER, group=group_named("eng"))
    request = invite_pb2.BatchCreateInvitesRequest(
        parent=ORGANIZATION,
        invite=invite,
        emails=[f"{name}@example.org" for name in "abc"],
        request_id="5b0f6d0e-3c8d-4b59-8c3f-9a1f5d5b7a11",
    )
    answers = await asyncio.gather(*(client.call("BatchCreateInvites", request) for _ in range(10)))
    assert await owner.fetchval("SELECT count(*) FROM invites") == 3
    assert sum(bool(made.token) for answer in answers for made in answer.invites) == 3


async def test_keys_that_a_batch_disables_while_they_are_enabled_or_deleted(
    client: Client, owner: asyncpg.Connection
) -> None:
    keys = [f"{ORGANIZATION}/apiKeys/key-{member}" for member in PEOPLE]
    batch = api_key_pb2.BatchDisableApiKeysRequest
    for number in range(ROUNDS):
        codes = await asyncio.gather(
            client.code("BatchDisableApiKeys", batch(parent=ORGANIZATION, names=keys), "super"),
            client.code("BatchDisableApiKeys", batch(parent=ORGANIZATION, names=keys[::-1]), "super"),
            client.code("EnableApiKey", api_key_pb2.EnableApiKeyRequest(name=keys[number % 3]), "super"),
            client.code("MoveMember", move("below", "platform" if number % 2 else "inference"), "super"),
        )
        assert set(codes) == {OK}
    states = await owner.fetch("SELECT state FROM api_keys WHERE api_key_id = ANY ($1)", [f"key-{m}" for m in PEOPLE])
    assert sorted(state[0] for state in states).count("DISABLED") >= 2
