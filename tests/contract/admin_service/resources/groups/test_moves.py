"""Moving and deleting groups: effects, refusals and concurrent calls."""

import asyncio

import asyncpg
import grpc
import pytest
from megarouter.admin.v1.group_pb2 import Group

from tests.contract.admin_service.conftest import Client, add_member
from tests.contract.admin_service.resources.groups.calls import (
    FAILED_PRECONDITION,
    PERMISSION_DENIED,
    create,
    delete,
    get,
    listed,
    move,
    named,
    paths,
    rename,
    spend,
)


async def test_a_move_includes_the_subtree_its_members_and_its_spend(client: Client, owner: asyncpg.Connection) -> None:
    await spend(owner, "group", "platform", 70)
    await spend(owner, "group", "eng", 80)
    notified: list[str] = []
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.append(str(arguments[3])))
    before = await get(client, "platform")
    group = await client.call("MoveGroup", move("platform", "sales", before.etag))
    assert list(group.path) == [named("sales"), named("platform")]
    assert group.etag != before.etag
    assert (group.spent_nano_credits, group.subtree_member_count) == (70, 3)
    assert ((await get(client, "eng")).spent_nano_credits, (await get(client, "sales")).spent_nano_credits) == (80, 0)
    assert (await paths(owner))["inference"] == ["sales", "platform", "inference"]
    assert await owner.fetchval("SELECT group_path FROM members WHERE member_id = 'below'") == [
        "sales", "platform", "inference",
    ]  # fmt: skip
    assert {"acme group platform", "acme group inference"} <= set(notified)
    assert await owner.fetchval("SELECT group_path FROM audit_log") == ["eng", "platform"]
    assert await client.call("MoveGroup", move("platform", "sales")) == group
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 1


async def test_a_moved_group_is_managed_by_the_admins_of_its_new_place(
    client: Client, owner: asyncpg.Connection
) -> None:
    await add_member(owner, "l1-sales", "L1_ADMIN", "sales")
    assert await client.code("UpdateGroup", rename("inference", "n"), "l1-sales") is PERMISSION_DENIED
    await client.call("MoveGroup", move("platform", "sales"))
    assert await client.code("UpdateGroup", rename("inference", "n"), "l1-sales") is grpc.StatusCode.OK
    assert await client.code("UpdateGroup", rename("inference", "m"), "l1") is PERMISSION_DENIED


@pytest.mark.parametrize(
    ("group", "parent", "reason"),
    [
        ("eng", "eng", "GROUP_CYCLE"),
        ("eng", "inference", "GROUP_CYCLE"),
        ("sales", "fourth", "GROUP_TOO_DEEP"),
        ("platform", "sales-team", "GROUP_TOO_DEEP"),
        ("eng", "sales", "GROUP_TOO_DEEP"),
        ("platform", "", "ROLE_DOES_NOT_FIT_GROUP"),
        ("sales", "platform", "ROLE_DOES_NOT_FIT_GROUP"),
        ("platform", "gone", "STATE_UNSUITABLE"),
        ("gone", "sales", "STATE_UNSUITABLE"),
    ],
)
async def test_a_move_that_would_break_the_tree_is_refused(
    client: Client, owner: asyncpg.Connection, group: str, parent: str, reason: str
) -> None:
    for new, above in (("fourth", "inference"), ("sales-team", "sales"), ("gone", "eng")):
        await client.call("CreateGroup", create(new, above))
    await client.call("DeleteGroup", delete("gone"))
    await add_member(owner, "l1-sales", "L1_ADMIN", "sales")
    before = await paths(owner)
    failure = await client.failure("MoveGroup", move(group, parent))
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, reason)
    assert await paths(owner) == before


@pytest.mark.parametrize(
    ("group", "parent", "allowed"),
    [
        ("inference", "eng", True),
        ("inference", "sales", False),
        ("inference", "", False),
        ("platform", "nowhere", False),
    ],
)
async def test_a_group_admin_moves_groups_only_inside_their_own_group(
    client: Client, group: str, parent: str, *, allowed: bool
) -> None:
    expected = grpc.StatusCode.OK if allowed else PERMISSION_DENIED
    assert await client.code("MoveGroup", move(group, parent), "l1") is expected


async def test_a_deleted_group_below_does_not_prevent_a_move_and_does_not_move(
    client: Client, owner: asyncpg.Connection
) -> None:
    for new, above in (("third", "sales"), ("fourth", "third"), ("team", "eng")):
        await client.call("CreateGroup", create(new, above))
    await client.call("DeleteGroup", delete("fourth"))
    await client.call("MoveGroup", move("third", "inference"))
    assert (await paths(owner))["third"] == ["eng", "platform", "inference", "third"]
    assert list((await get(client, "fourth")).path) == [named("sales"), named("third"), named("fourth")]


async def test_only_an_empty_group_is_deleted(client: Client) -> None:
    failure = await client.failure("DeleteGroup", delete("eng"))
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "GROUP_NOT_EMPTY")
    assert failure.metadata == {"groupCount": "1", "memberCount": "2", "serviceAccountCount": "0"}
    assert failure.message == "The group contains 1 group, 2 members and 0 service accounts. Move or remove them first."


async def test_a_deleted_group_leaves_the_tree_but_stays_in_history(client: Client, owner: asyncpg.Connection) -> None:
    await spend(owner, "group", "sales", 70)
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE group_id = 'sales'")
    etag = (await get(client, "sales")).etag
    assert (await client.failure("DeleteGroup", delete("sales", '"0123456789abcdef"'))).reason == "ETAG_MISMATCH"
    deleted = await client.call("DeleteGroup", delete("sales", etag))
    assert deleted.HasField("delete_time")
    assert await client.call("DeleteGroup", delete("sales", etag)) == deleted
    assert await listed(client) == ["eng", "platform", "inference"]
    assert await listed(client, show_deleted=True) == ["eng", "platform", "inference", "sales"]
    assert (await get(client, "sales")).spent_nano_credits == 70
    assert (await client.failure("CreateGroup", create("sales"))).reason == "ALREADY_EXISTS"
    assert (await client.failure("UpdateGroup", rename("sales", "n"))).reason == "STATE_UNSUITABLE"
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 1


async def test_pending_invites_into_a_deleted_group_are_revoked(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateGroup", create("new"))
    for invite, group in (("pending", "new"), ("elsewhere", "sales")):
        await owner.execute(
            "INSERT INTO invites (organization_id, invite_id, inviter_member_id, group_id, role, secret_hash, expire_time)"
            " VALUES ('acme', $1, 'super', $2, 'MEMBER', sha256($1::text::bytea), now() + interval '1 day')",
            invite, group,
        )  # fmt: skip
    await client.call("DeleteGroup", delete("new"))
    assert await owner.fetchval("SELECT array_agg(invite_id) FROM invites WHERE revoke_time IS NOT NULL") == ["pending"]


async def test_two_concurrent_moves_below_each_other_create_no_cycle(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM api_keys")
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE role IN ('SUB_ADMIN', 'L1_ADMIN')")
    for round_ in range(20):
        for group in ("a", "b"):
            await client.call("CreateGroup", create(f"{group}{round_}"))
        outcomes = await asyncio.gather(
            client.call("MoveGroup", move(f"a{round_}", f"b{round_}")),
            client.call("MoveGroup", move(f"b{round_}", f"a{round_}")),
            return_exceptions=True,
        )
        assert len([outcome for outcome in outcomes if isinstance(outcome, Group)]) == 1


async def test_a_group_is_never_moved_below_a_concurrently_deleted_one(
    client: Client, owner: asyncpg.Connection
) -> None:
    for round_ in range(20):
        for group in ("a", "b"):
            await client.call("CreateGroup", create(f"{group}{round_}"))
        outcomes = await asyncio.gather(
            client.call("MoveGroup", move(f"a{round_}", f"b{round_}")),
            client.call("DeleteGroup", delete(f"b{round_}")),
            return_exceptions=True,
        )
        assert len([outcome for outcome in outcomes if isinstance(outcome, Group)]) == 1
    orphans = await owner.fetchval(
        "SELECT count(*) FROM groups g JOIN groups p ON p.group_id = g.parent_group_id"
        " WHERE p.delete_time IS NOT NULL AND g.delete_time IS NULL"
    )
    assert orphans == 0
