"""Reading and listing members over the API."""

from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import member_pb2 as pb
from megarouter.admin.v1.member_pb2 import Member

from tests.contract.admin_service.conftest import Client, add_member
from tests.contract.admin_service.resources.members.calls import (
    OK,
    ORGANIZATION,
    PERMISSION_DENIED,
    SUB_ADMIN,
    get,
    group_named,
    listed,
    named,
)


async def test_a_member_shows_their_user_and_spend(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE member_id = 'below'")
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits) VALUES ('acme', 'member:sub:NEVER:0:0', 70)"
    )
    member = await get(client, "sub")
    assert (member.name, member.user, member.display_name) == (named("sub"), "users/sub", "sub")
    assert (member.email, member.role, member.state) == ("sub@example.org", SUB_ADMIN, Member.STATE_ACTIVE)
    assert (member.group, member.key_count, member.spent_nano_credits) == (group_named("platform"), 1, 70)
    assert (member.group_display_name, (await get(client, "super")).group_display_name) == ("platform", "")
    assert (await get(client, "below")).key_count == 0
    basic = pb.GetMemberRequest(name=named("sub"), view=pb.MEMBER_VIEW_BASIC)
    assert (await client.call("GetMember", basic)).spent_nano_credits == 0


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("super", ["below", "l1", "l1-peer", "member", "sales", "sub", "super"]),
        ("l1", ["below", "l1", "l1-peer", "member", "sub"]),
        ("sub", ["below", "member", "sub"]),
        ("member", ["member"]),
    ],
)
async def test_members_see_themselves_and_admins_their_subtree(client: Client, who: str, seen: list[str]) -> None:
    assert await listed(client, who) == seen
    for member in ("below", "l1", "member", "sales", "sub", "super"):
        expected = OK if member in seen else PERMISSION_DENIED
        assert await client.code("GetMember", pb.GetMemberRequest(name=named(member)), who) is expected


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"group": "eng"}, ["l1", "l1-peer"]),
        ({"group": "eng", "with_descendants": True}, ["below", "l1", "l1-peer", "member", "sub"]),
        ({"group": "inference", "with_descendants": True}, ["below"]),
        ({"filter": "role = SUB_ADMIN OR role = ROLE_SUPER_ADMIN"}, ["sub", "super"]),
        ({"filter": "state = SUSPENDED"}, ["sales"]),
        ({"filter": "SALES"}, ["sales"]),
        ({"filter": '"l1@EXAMPLE"'}, ["l1"]),
        ({"filter": '"%"'}, []),
        ({"filter": 'group = "organizations/acme/groups/platform"'}, ["member", "sub"]),
        ({"filter": 'email = "below@example.org"', "order_by": "name desc"}, ["below"]),
        ({"filter": "NOT role = MEMBER", "order_by": "name desc"}, ["super", "sub", "l1-peer", "l1"]),
        ({"filter": "state = REMOVED"}, []),
        ({"filter": "state = REMOVED", "show_removed": True}, ["gone"]),
    ],
)
async def test_members_are_found_by_group_role_state_and_text(
    client: Client, owner: asyncpg.Connection, fields: dict[str, Any], found: list[str]
) -> None:
    await add_member(owner, "gone", "MEMBER", "platform")
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'gone'")
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'sales'")
    if "group" in fields:
        fields = fields | {"group": group_named(fields["group"])}
    assert await listed(client, **fields) == found


@pytest.mark.parametrize(
    ("who", "group", "found"),
    [
        ("l1", "platform", ["below", "member", "sub"]),
        ("sub", "platform", ["below", "member", "sub"]),
        ("sub", "eng", ["below", "member", "sub"]),
        ("member", "platform", ["member"]),
        ("member", "eng", ["member"]),
    ],
)
async def test_a_group_filter_never_shows_more_than_the_caller_may_see(
    client: Client, who: str, group: str, found: list[str]
) -> None:
    assert await listed(client, who, group=group_named(group), with_descendants=True) == found


@pytest.mark.parametrize(
    "group",
    ["organizations/acme/groups/sales", "organizations/acme/groups/no", "organizations/other/groups/eng", "eng"],
)
async def test_an_invisible_group_gets_the_error_of_a_missing_one(client: Client, group: str) -> None:
    failure = await client.failure("ListMembers", pb.ListMembersRequest(parent=ORGANIZATION, group=group), "l1")
    assert failure.message == f"Permission members:read denied on resource '{group}' (or it might not exist)."


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"with_descendants": True}, "with_descendants"),
        ({"page_size": -1}, "page_size"),
        ({"filter": "password = x"}, "filter"),
        ({"order_by": "email"}, "order_by"),
        ({"view": 9}, "view"),
    ],
)
async def test_an_out_of_range_list_request_is_refused(client: Client, fields: dict[str, Any], field: str) -> None:
    failure = await client.failure("ListMembers", pb.ListMembersRequest(parent=ORGANIZATION, **fields))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))


@pytest.mark.parametrize("size", [1, 3, 7, 8])
async def test_pages_have_no_gap_and_no_repetition(client: Client, size: int) -> None:
    seen: list[str] = []
    token, pages = "", 0
    while not pages or token:
        request = pb.ListMembersRequest(parent=ORGANIZATION, page_size=size, page_token=token)
        answer = await client.call("ListMembers", request)
        seen += [member.name for member in answer.members]
        token, pages = answer.next_page_token, pages + 1
    assert seen == sorted(seen)
    assert (len(seen), pages) == (7, -(-7 // size))


async def test_a_page_token_works_only_for_the_same_request_and_shows_nothing_more(client: Client) -> None:
    request = pb.ListMembersRequest(parent=ORGANIZATION, page_size=1)
    token = (await client.call("ListMembers", request)).next_page_token
    assert await listed(client, "sub", page_token=token) == ["member", "sub"]
    other = pb.ListMembersRequest(parent=ORGANIZATION, page_token=token, show_removed=True)
    assert (await client.failure("ListMembers", other)).reason == "PAGE_TOKEN_INVALID"
