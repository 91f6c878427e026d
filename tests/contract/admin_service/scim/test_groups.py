"""Groups of a directory: groups of the organization in which the directory places its members."""

import asyncio
from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1 import group_pb2, member_pb2

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.scim.conftest import DirectoryClient, connected

ACME = "organizations/acme"


def patch(operation: str, path: str | None = None, value: Any = None) -> dict[str, Any]:
    one = {"op": operation, "path": path, "value": value}
    return {"Operations": [{key: part for key, part in one.items() if part is not None}]}


def members(*users: str) -> list[dict[str, str]]:
    return [{"value": user} for user in users]


async def place_of(owner: asyncpg.Connection, member: str) -> Any:
    return await owner.fetchval(
        "SELECT group_id FROM members WHERE organization_id = 'acme' AND member_id = $1", member
    )


async def test_a_group_of_the_directory_is_the_place_of_its_members(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await directory.user("ada")
    group = await directory.group("Platform", user)
    assert await place_of(owner, user) == group
    assert await owner.fetchval("SELECT path FROM groups WHERE group_id = $1", group) == [group]
    read = (await directory("GET", f"Groups/{group}")).body
    assert read["members"] == [{"value": user, "$ref": f"/scim/v2/Users/{user}", "type": "User"}]
    shown = (await directory("GET", f"Users/{user}")).body["groups"]
    assert [(one["value"], one["display"]) for one in shown] == [(group, "Platform")]


async def test_entra_and_okta_change_members(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    ada, bob = await directory.user("ada"), await directory.user("bob")
    group = await directory.group("Platform")
    for change, expected in (
        (patch("Add", "members", members(ada, bob)), {ada, bob}),
        (patch("Add", "members", members(ada)), {ada, bob}),
        (patch("Remove", f'members[value eq "{ada}"]'), {bob}),
        (patch("Remove", f'members[value eq "{ada}"]'), {bob}),
        (patch("Add", "members", members(ada)), {ada, bob}),
        (patch("Remove", "members", members(bob)), {ada}),
        (patch("replace", "members", members(bob)), {bob}),
        (patch("replace", None, {"id": group, "displayName": "Engines"}), {bob}),
        (patch("remove", "members"), set()),
    ):
        answer = await directory("PATCH", f"Groups/{group}", change)
        assert answer.status == 200, answer
        assert {one["value"] for one in answer.body.get("members", ())} == expected
        assert {user for user in (ada, bob) if await place_of(owner, user) == group} == expected
    assert answer.body["displayName"] == "Engines"


async def test_the_deepest_group_is_the_place_else_the_first(
    directory: DirectoryClient, client: Client, owner: asyncpg.Connection
) -> None:
    """Seen to fail when the newest group was the place."""
    user = await directory.user("ada")
    first, second, deep = [await directory.group(name) for name in ("First", "Second", "Deep")]
    await client.call(
        "MoveGroup",
        group_pb2.MoveGroupRequest(name=f"{ACME}/groups/{deep}", parent_group=f"{ACME}/groups/sales"),
    )
    expected = {first: first, second: first, deep: deep}
    for group, place in expected.items():
        await directory("PATCH", f"Groups/{group}", patch("add", "members", members(user)))
        assert await place_of(owner, user) == place
    for group, after in ((deep, first), (first, second), (second, None)):
        assert (await directory("DELETE", f"Groups/{group}")).status == 204
        assert await place_of(owner, user) == after


async def test_where_an_admin_put_a_member_they_stay(
    directory: DirectoryClient, client: Client, owner: asyncpg.Connection
) -> None:
    """Seen to fail without `placed_group_id`."""
    user = await directory.user("ada")
    group = await directory.group("Platform", user)
    await client.call(
        "MoveMember", member_pb2.MoveMemberRequest(name=f"{ACME}/members/{user}", group=f"{ACME}/groups/sales")
    )
    other = await directory.group("Other", user, "member", "l1")
    assert [await place_of(owner, one) for one in (user, "member", "l1")] == ["sales", "platform", "eng"]
    assert (await directory("DELETE", f"Groups/{group}")).status == 204
    assert len((await directory("GET", f"Groups/{other}")).body["members"]) == 3


async def test_groups_of_admins_are_not_there(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    for verb, body in (("GET", None), ("PATCH", patch("replace", "displayName", "x")), ("DELETE", None)):
        assert (await directory(verb, "Groups/eng", body)).status == 404
    assert (await directory("GET", "Groups")).body["totalResults"] == 0
    assert await owner.fetchval("SELECT display_name FROM groups WHERE group_id = 'eng'") == "eng"


async def test_a_group_with_members_of_an_admin_is_not_deleted(directory: DirectoryClient, client: Client) -> None:
    group = await directory.group("Platform", await directory.user("ada"))
    await client.call(
        "MoveMember", member_pb2.MoveMemberRequest(name=f"{ACME}/members/sales", group=f"{ACME}/groups/{group}")
    )
    assert (await directory("DELETE", f"Groups/{group}")).status == 409
    assert len((await directory("GET", f"Groups/{group}")).body["members"]) == 1


async def test_the_users_and_groups_of_another_organization_are_out_of_reach(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    other = await connected(client, "stranger", "other")
    foreign_user = await other.user("eve")
    foreign_group = await other.group("Theirs", foreign_user)
    group = await directory.group("Ours")
    for verb, body in (("GET", None), ("PUT", {"displayName": "x"}), ("DELETE", None)):
        assert (await directory(verb, f"Groups/{foreign_group}", body)).status == 404
    answers = [
        await directory("PATCH", f"Groups/{group}", patch("add", "members", members(one)))
        for one in (foreign_user, "mem-nobody")
    ]
    assert [one.body["scimType"] for one in answers] == ["invalidValue"] * 2
    assert answers[0].body["detail"].replace(foreign_user, "mem-nobody") == answers[1].body["detail"]
    assert await owner.fetchval("SELECT count(*) FROM scim_group_members WHERE organization_id = 'acme'") == 0


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": ""},
        {"displayName": "x" * 201},
        {"displayName": "a", "members": [{"value": "eng", "type": "Group"}]},
        {"displayName": "a", "members": [{"display": "x", "type": "User"}]},
        {"displayName": "a", "members": [{"value": "sa-ci"}]},
    ],
)
async def test_a_bad_group_changes_nothing(
    directory: DirectoryClient, owner: asyncpg.Connection, body: dict[str, Any]
) -> None:
    assert (await directory("POST", "Groups", body)).body["scimType"] == "invalidValue"
    assert await owner.fetchval("SELECT count(*) FROM scim_groups") == 0
    assert await owner.fetchval("SELECT count(*) FROM groups WHERE organization_id = 'acme'") == 4


async def test_a_repeated_push_of_a_group_changes_nothing(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await directory.user("ada")
    group = await directory.group("Platform", user)
    assert (await directory("POST", "Groups", {"displayName": "platform"})).body["scimType"] == "uniqueness"
    count = "SELECT count(*) FROM audit_log WHERE organization_id = 'acme'"
    entries, read = await owner.fetchval(count), (await directory("GET", f"Groups/{group}")).body
    again = await directory("PUT", f"Groups/{group}", {"displayName": "Platform", "members": members(user)})
    assert again.body == read
    assert await owner.fetchval(count) == entries


async def test_two_pushes_at_once_end_in_one_place(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    user = await directory.user("ada")
    groups = [await directory.group(f"g{number}") for number in range(4)]
    add = patch("add", "members", members(user))
    answers = await asyncio.gather(*(directory("PATCH", f"Groups/{group}", add) for group in groups))
    assert [one.status for one in answers] == [200] * 4
    first = await owner.fetchval("SELECT group_id FROM scim_group_members ORDER BY sequence LIMIT 1")
    assert await place_of(owner, user) == first


async def test_a_removal_during_a_push_leaves_no_member(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    user, group = await directory.user("ada"), await directory.group("Platform")
    add = patch("add", "members", members(user))
    pushed, removed = await asyncio.gather(
        directory("PATCH", f"Groups/{group}", add), directory("DELETE", f"Users/{user}")
    )
    assert (pushed.status in {200, 400}, removed.status) == (True, 204)
    assert await owner.fetchval("SELECT count(*) FROM scim_group_members") == 0


async def test_groups_are_found_by_name_and_by_member(directory: DirectoryClient) -> None:
    user = await directory.user("ada")
    group, _ = await directory.group("Platform", user), await directory.group("Sales")
    for text in ('displayName eq "platform"', f'members.value eq "{user}"', f'id eq "{group}"'):
        found = (await directory("GET", "Groups", filter=text, excluded_attributes="members")).body
        assert [one["id"] for one in found["Resources"]] == [group]
        assert "members" not in found["Resources"][0]
    page = (await directory("GET", "Groups", count=1, start_index=2)).body
    assert (page["totalResults"], len(page["Resources"])) == (2, 1)
