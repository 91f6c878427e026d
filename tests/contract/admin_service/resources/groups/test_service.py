"""Reading, creating and renaming groups, and the permissions for it."""

import asyncio
import uuid

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import group_pb2 as pb
from megarouter.admin.v1.group_pb2 import Group

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.groups.calls import (
    FAILED_PRECONDITION,
    ORGANIZATION,
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


async def test_a_group_shows_its_path_member_counts_and_spend(client: Client, owner: asyncpg.Connection) -> None:
    await spend(owner, "group", "eng", 70)
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'l1-peer'")
    group = await get(client, "eng")
    assert (group.name, group.display_name, group.parent_group, group.level) == (named("eng"), "eng", "", 1)
    assert (group.child_count, group.member_count, group.subtree_member_count) == (1, 1, 4)
    assert (group.spent_nano_credits, group.HasField("budget_nano_credits")) == (70, False)
    deepest = await get(client, "inference")
    assert list(deepest.path) == [named("eng"), named("platform"), named("inference")]
    assert (deepest.parent_group, deepest.level, deepest.child_count) == (named("platform"), 3, 0)


async def test_spend_is_for_the_current_cycle_of_the_budget(client: Client, owner: asyncpg.Connection) -> None:
    await spend(owner, "group", "eng", 70)
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle)"
        " VALUES ('acme', 'group', 'eng', 1000, 'DAILY')"
    )
    assert ((await get(client, "eng")).spent_nano_credits, (await get(client, "eng")).budget_nano_credits) == (0, 1000)
    await owner.execute("UPDATE scope_spend SET settled_nano_credits = 5 WHERE counter LIKE 'group:eng:DAILY:%'")
    assert (await get(client, "eng")).spent_nano_credits == 5


async def test_the_list_is_in_tree_order(client: Client) -> None:
    for group, parent in (("eng-x", ""), ("a", "eng"), ("zz", "platform"), ("b", "a")):
        await client.call("CreateGroup", create(group, parent))
    tree = ["eng", "a", "b", "platform", "inference", "zz", "eng-x", "sales"]
    assert await listed(client) == tree
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        answer = await client.call(
            "ListGroups", pb.ListGroupsRequest(parent=ORGANIZATION, page_size=3, page_token=token)
        )
        pages.append([group.name.rpartition("/")[2] for group in answer.groups])
        token = answer.next_page_token
    assert pages == [tree[:3], tree[3:6], tree[6:]]


@pytest.mark.parametrize(
    ("member", "seen"),
    [
        ("super", ["eng", "platform", "inference", "sales"]),
        ("l1", ["eng", "platform", "inference"]),
        ("sub", ["eng", "platform", "inference"]),
        ("member", ["eng", "platform"]),
        ("sales", ["sales"]),
    ],
)
async def test_members_see_the_groups_above_them_and_admins_also_those_below(
    client: Client, member: str, seen: list[str]
) -> None:
    assert await listed(client, member) == seen
    for group in ("eng", "platform", "inference", "sales"):
        expected = grpc.StatusCode.OK if group in seen else PERMISSION_DENIED
        assert await client.code("GetGroup", pb.GetGroupRequest(name=named(group)), member) is expected


async def test_a_list_can_be_filtered_and_shows_spend_in_full_view(client: Client, owner: asyncpg.Connection) -> None:
    await spend(owner, "group", "platform", 9)
    assert await listed(client, filter="level >= 2") == ["platform", "inference"]
    assert await listed(client, filter=f'parent_group = "{named("eng")}"') == ["platform"]
    assert await listed(client, filter="SALE") == ["sales"]
    for view, spent in ((pb.GROUP_VIEW_FULL, 9), (pb.GROUP_VIEW_BASIC, 0)):
        request = pb.ListGroupsRequest(parent=ORGANIZATION, filter="display_name = platform", view=view)
        assert [group.spent_nano_credits for group in (await client.call("ListGroups", request)).groups] == [spent]


async def test_a_filter_that_names_another_organization_is_denied(client: Client) -> None:
    request = pb.ListGroupsRequest(parent=ORGANIZATION, filter="parent_group = organizations/other/groups/x")
    assert (await client.failure("ListGroups", request)).code is PERMISSION_DENIED


@pytest.mark.parametrize(
    ("member", "parent", "code"),
    [
        ("super", "", grpc.StatusCode.OK),
        ("super", "sales", grpc.StatusCode.OK),
        ("l1", "eng", grpc.StatusCode.OK),
        ("l1", "inference", grpc.StatusCode.OK),
        ("l1", "", PERMISSION_DENIED),
        ("l1", "sales", PERMISSION_DENIED),
        ("sub", "platform", PERMISSION_DENIED),
        ("member", "platform", PERMISSION_DENIED),
    ],
)
async def test_only_admins_above_create_groups(client: Client, member: str, parent: str, code: grpc.StatusCode) -> None:
    assert await client.code("CreateGroup", create("new", parent), member) is code


async def test_a_created_group_is_in_the_table_and_in_the_audit_log(client: Client, owner: asyncpg.Connection) -> None:
    group = await client.call("CreateGroup", create("", "platform", "Tools"), "l1")
    made = group.name.rpartition("/")[2]
    assert made.startswith("grp-")
    assert (group.display_name, group.level, group.parent_group) == ("Tools", 3, named("platform"))
    assert (await paths(owner))[made] == ["eng", "platform", made]
    entry = await owner.fetchrow("SELECT * FROM audit_log")
    assert entry is not None
    assert (entry["method"], entry["resource_name"]) == ("megarouter.admin.v1.Groups/CreateGroup", group.name)
    assert (entry["member_id"], entry["group_path"], entry["before"]) == ("l1", ["eng", "platform", made], None)


@pytest.mark.parametrize(
    ("group", "parent", "reason"),
    [("eng", "", "ALREADY_EXISTS"), ("new", "fourth", "GROUP_TOO_DEEP"), ("new", "gone", "STATE_UNSUITABLE")],
)
async def test_an_impossible_group_is_refused(client: Client, group: str, parent: str, reason: str) -> None:
    await client.call("CreateGroup", create("fourth", "inference"))
    await client.call("CreateGroup", create("gone", "eng"))
    await client.call("DeleteGroup", delete("gone"))
    assert (await client.failure("CreateGroup", create(group, parent))).reason == reason


async def test_a_personal_account_has_no_groups(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE organizations SET kind = 'PERSONAL' WHERE organization_id = 'acme'")
    assert (await client.failure("CreateGroup", create("new"))).reason == "PERSONAL_ACCOUNT"


@pytest.mark.parametrize(
    "parent", ["organizations/other/groups/x", named("nowhere"), "organizations/acme/members/l1", "x"]
)
async def test_a_missing_parent_gets_the_error_of_an_unreachable_one(client: Client, parent: str) -> None:
    request = pb.CreateGroupRequest(parent=ORGANIZATION, group=Group(display_name="n", parent_group=parent))
    failure = await client.failure("CreateGroup", request, "l1")
    assert failure.message == f"Permission groups:write denied on resource '{parent}' (or it might not exist)."
    out_of_reach = await client.failure("CreateGroup", create("n", "sales"), "l1")
    assert out_of_reach.message == failure.message.replace(f"'{parent}'", f"'{named('sales')}'")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (create("new", display_name=""), "group.display_name"),
        (create("new", display_name="x" * 201), "group.display_name"),
        (create("new", display_name="Ops\nRoot"), "group.display_name"),
        (create("new", display_name="Ops\u202etooR"), "group.display_name"),
        (create("New"), "group_id"),
        (create("new", request_id="1"), "request_id"),
    ],
)
async def test_an_out_of_range_group_is_refused(client: Client, request_: pb.CreateGroupRequest, field: str) -> None:
    assert (await client.failure("CreateGroup", request_)).fields == (field,)


async def test_a_repeated_creation_creates_one_group(client: Client, owner: asyncpg.Connection) -> None:
    request = create("", "eng", request_id=str(uuid.uuid4()))
    answers = await asyncio.gather(*(client.call("CreateGroup", request) for _ in range(5)))
    assert len({answer.name for answer in answers}) == 1
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 1
    request.group.display_name = "Other"
    assert (await client.failure("CreateGroup", request)).reason == "REQUEST_ID_REUSED"


async def test_a_rename_changes_only_the_name(client: Client, owner: asyncpg.Connection) -> None:
    before = await get(client, "platform")
    sent_back = Group()
    sent_back.CopyFrom(before)
    sent_back.display_name = "Platform"
    sent_back.member_count, sent_back.level = 99, 1
    request = pb.UpdateGroupRequest(group=sent_back, update_mask=FieldMask(paths=["*"]))
    after = await client.call("UpdateGroup", request, "l1")
    assert (after.display_name, after.parent_group, after.level, after.member_count) == ("Platform", named("eng"), 2, 2)
    assert after.etag != before.etag
    assert after.update_time.ToDatetime() > before.update_time.ToDatetime()
    assert (await paths(owner))["platform"] == ["eng", "platform"]


@pytest.mark.parametrize(
    ("path", "field"), [("parent_group", "update_mask"), ("nothing", "update_mask"), ("display_name", "display_name")]
)
async def test_a_mask_may_name_only_the_display_name_and_not_clear_it(client: Client, path: str, field: str) -> None:
    group = Group(name=named("platform"), parent_group=named("sales"))
    request = pb.UpdateGroupRequest(group=group, update_mask=FieldMask(paths=[path]))
    assert (await client.failure("UpdateGroup", request)).fields == (field,)


@pytest.mark.parametrize(
    ("member", "group", "code"),
    [
        ("super", "eng", grpc.StatusCode.OK),
        ("l1", "platform", grpc.StatusCode.OK),
        ("l1", "eng", PERMISSION_DENIED),
        ("l1", "sales", PERMISSION_DENIED),
        ("sub", "inference", PERMISSION_DENIED),
        ("member", "platform", PERMISSION_DENIED),
    ],
)
async def test_only_admins_above_change_groups(
    client: Client, owner: asyncpg.Connection, member: str, group: str, code: grpc.StatusCode
) -> None:
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE group_id = $1 AND member_id <> $2", group, member)
    assert await client.code("UpdateGroup", rename(group, "n"), member) is code
    target = "inference" if group == "platform" else group
    if code is PERMISSION_DENIED:
        assert await client.code("MoveGroup", move(group, "eng"), member) is code
        assert await client.code("DeleteGroup", delete(target), member) in {code, FAILED_PRECONDITION}


async def test_only_one_of_two_renames_with_one_etag_succeeds(client: Client) -> None:
    etag = (await get(client, "platform")).etag
    outcomes = await asyncio.gather(
        *(client.call("UpdateGroup", rename("platform", f"n{n}", etag)) for n in range(5)), return_exceptions=True
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, Group)]) == 1
    assert (await client.failure("UpdateGroup", rename("platform", "n", etag))).reason == "ETAG_MISMATCH"
