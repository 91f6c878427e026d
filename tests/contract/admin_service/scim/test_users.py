"""Users of a directory: members without a role of admin, suspended and removed by the directory, and of one organization only."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1 import credential_pb2, member_pb2
from megarouter.admin.v1.credential_pb2 import Credential
from megarouter.type.v1 import permission_pb2

from gateway_core.model.organization.bearer_secrets import CREDENTIAL
from tests.contract.admin_service.conftest import Client, bearer
from tests.contract.admin_service.scim.conftest import DirectoryClient, connected

ADA = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "Ada@acme.example",
    "externalId": "00u1",
    "name": {"givenName": "Ada", "familyName": "Byron"},
    "emails": [{"value": "Ada@acme.example", "type": "work", "primary": True}],
    "active": True,
}


def patch(operation: str, path: str | None, value: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": operation, **({"path": path} if path else {}), "value": value}],
    }


INACTIVE = patch("replace", "active", value=False)
ACTIVE = patch("replace", "active", value=True)


async def state_of(owner: asyncpg.Connection, member: str) -> Any:
    return await owner.fetchval("SELECT state FROM members WHERE organization_id = 'acme' AND member_id = $1", member)


async def audit(owner: asyncpg.Connection) -> list[Any]:
    return list(
        await owner.fetch(
            "SELECT * FROM audit_log WHERE organization_id = 'acme' AND method LIKE '%.Scim/%' ORDER BY 2"
        )
    )


async def test_a_new_user_is_a_member_in_no_group(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    made = await directory("POST", "Users", ADA)
    assert made.status == 201
    assert made.headers["location"] == made.body["meta"]["location"] == f"/scim/v2/Users/{made.id}"
    row = await owner.fetchrow(
        "SELECT m.role, m.state, m.group_id, u.email, u.display_name FROM members m JOIN users u USING (user_id)"
        " WHERE m.member_id = $1",
        made.id,
    )
    assert row is not None
    assert tuple(row) == ("MEMBER", "ACTIVE", None, "ada@acme.example", "Ada Byron")
    read = await directory("GET", f"Users/{made.id}")
    assert {key: read.body[key] for key in ADA} == ADA
    assert read.headers["etag"] == read.body["meta"]["version"]


async def test_every_change_is_in_the_audit_log_with_the_credential(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    user = await directory.user("ada", displayName="Ada")
    await directory("PATCH", f"Users/{user}", INACTIVE)
    await directory("PATCH", f"Users/{user}", patch("replace", "displayName", "Ada B"))
    await directory("DELETE", f"Users/{user}")
    entries = await audit(owner)
    assert [entry["method"].rpartition("/")[2] for entry in entries] == ["Create"] * 2 + ["Modify"] * 2 + ["Delete"]
    assert {entry["credential_id"] for entry in entries} == {directory.name.rpartition("/")[2]}
    assert {entry["resource_name"] for entry in entries} == {f"organizations/acme/members/{user}"}
    assert json.loads(entries[3]["after"])["displayName"] == "Ada B"


async def test_a_repeated_push_changes_nothing(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    made = await directory("POST", "Users", ADA)
    assert (await directory("POST", "Users", ADA)).body["scimType"] == "uniqueness"
    before = len(await audit(owner))
    assert (await directory("PUT", f"Users/{made.id}", ADA)).body == made.body
    assert (await directory("PATCH", f"Users/{made.id}", ACTIVE)).body == made.body
    assert len(await audit(owner)) == before
    assert (await directory("DELETE", f"Users/{made.id}")).status == 204
    assert (await directory("DELETE", f"Users/{made.id}")).status == 404


async def test_a_name_is_taken_in_any_case_and_by_members_of_before(directory: DirectoryClient) -> None:
    await directory("POST", "Users", ADA)
    for name in ("ADA@acme.example", "member@example.org"):
        answer = await directory("POST", "Users", {"userName": name})
        assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")


async def test_inactive_suspends_and_active_resumes(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    user = await directory.user("ada")
    assert (await directory("PATCH", f"Users/{user}", patch("Replace", "active", "False"))).body["active"] is False
    assert await state_of(owner, user) == "SUSPENDED"
    assert (await directory("PATCH", f"Users/{user}", patch("Replace", "active", "True"))).body["active"] is True
    assert await state_of(owner, user) == "ACTIVE"


async def test_what_an_admin_suspended_stays_suspended(
    directory: DirectoryClient, client: Client, owner: asyncpg.Connection
) -> None:
    """Seen to fail without `is_suspended`, and without the trigger that forgets it."""
    user = await directory.user("ada")
    name = f"organizations/acme/members/{user}"
    await directory("PATCH", f"Users/{user}", INACTIVE)
    await client.call("ResumeMember", member_pb2.ResumeMemberRequest(name=name))
    await client.call("SuspendMember", member_pb2.SuspendMemberRequest(name=name))
    answer = await directory("PATCH", f"Users/{user}", ACTIVE)
    assert (answer.status, answer.body["active"]) == (200, False)
    assert await state_of(owner, user) == "SUSPENDED"


async def test_whom_an_admin_suspended_does_not_come_back_by_delete_and_create(
    directory: DirectoryClient, client: Client, owner: asyncpg.Connection
) -> None:
    """Seen to fail without `is_name_kept`: the new push made the member active."""
    user = (await directory("POST", "Users", ADA)).id
    for name in (user, "member"):
        suspend = member_pb2.SuspendMemberRequest(name=f"organizations/acme/members/{name}")
        await client.call("SuspendMember", suspend)
        assert (await directory("DELETE", f"Users/{name}")).status == 204
    assert (await directory("POST", "Users", ADA)).status == 409
    assert (await directory("POST", "Users", {"userName": "member@example.org"})).status == 409
    assert [await state_of(owner, one) for one in (user, "member")] == ["REMOVED", "REMOVED"]


async def test_delete_removes_the_member_and_the_same_person_comes_back(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    first = (await directory("POST", "Users", ADA)).id
    await directory("DELETE", f"Users/{first}")
    assert await state_of(owner, first) == "REMOVED"
    assert (await directory("GET", f"Users/{first}")).status == 404
    assert (await directory("POST", "Users", ADA)).id == first
    await directory("DELETE", f"Users/{first}")
    other_person = await directory("POST", "Users", ADA | {"externalId": "00u2"})
    assert (other_person.status, other_person.id == first) == (201, False)


async def test_whom_an_admin_removed_the_directory_does_not_bring_back(
    directory: DirectoryClient, client: Client
) -> None:
    user = (await directory("POST", "Users", ADA)).id
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name=f"organizations/acme/members/{user}"))
    assert (await directory("POST", "Users", ADA)).status == 409


@pytest.mark.parametrize("admin", ["super", "l1", "sub"])
async def test_admins_are_neither_suspended_nor_removed(
    directory: DirectoryClient, owner: asyncpg.Connection, admin: str
) -> None:
    """Seen to fail for l1 and sub without the check of the role."""
    for answer in (
        await directory("PATCH", f"Users/{admin}", INACTIVE),
        await directory("PUT", f"Users/{admin}", {"userName": f"{admin}@example.org", "active": False}),
        await directory("DELETE", f"Users/{admin}"),
    ):
        assert answer.status == 403
    assert await state_of(owner, admin) == "ACTIVE"


@pytest.mark.parametrize("admin", ["l1", "sub"])
async def test_a_credential_that_allows_it_suspends_resumes_and_removes_admins(
    client: Client, owner: asyncpg.Connection, admin: str
) -> None:
    directory = await connected(client, may_change_admins=True)
    role = await owner.fetchval("SELECT role FROM members WHERE member_id = $1", admin)
    assert (await directory("PATCH", f"Users/{admin}", INACTIVE)).status == 200
    assert await state_of(owner, admin) == "SUSPENDED"
    assert (await directory("PATCH", f"Users/{admin}", ACTIVE)).body["active"] is True
    assert await owner.fetchval("SELECT role FROM members WHERE member_id = $1", admin) == role
    assert (await directory("DELETE", f"Users/{admin}")).status == 204
    assert await state_of(owner, admin) == "REMOVED"
    back = await directory("POST", "Users", {"userName": f"{admin}@example.org"})
    assert await owner.fetchval("SELECT role FROM members WHERE member_id = $1", back.id) == "MEMBER"


async def test_no_credential_suspends_or_removes_a_super_admin(client: Client, owner: asyncpg.Connection) -> None:
    directory = await connected(client, may_change_admins=True)
    await owner.execute("UPDATE members SET role = 'SUPER_ADMIN', group_id = NULL WHERE member_id = 'l1'")
    assert (await directory("PATCH", "Users/l1", INACTIVE)).status == 403
    assert (await directory("DELETE", "Users/l1")).status == 403
    assert await state_of(owner, "l1") == "ACTIVE"


async def test_an_admin_whom_the_directory_suspended_is_not_resumed_without_the_setting(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    allowed = await connected(client, may_change_admins=True)
    await allowed("PATCH", "Users/l1", INACTIVE)
    assert (await directory("PATCH", "Users/l1", ACTIVE)).status == 403
    assert await state_of(owner, "l1") == "SUSPENDED"


async def test_only_a_directory_may_change_admins(client: Client) -> None:
    wanted = Credential(
        display_name="x",
        kind=Credential.KIND_AUTOMATION,
        permissions=[permission_pb2.PERMISSION_MEMBERS_WRITE],
        may_change_admins=True,
    )
    request = credential_pb2.CreateCredentialRequest(parent="organizations/acme", credential=wanted)
    failure = await client.failure("CreateCredential", request)
    assert failure.fields == ("credential.may_change_admins",)


async def test_no_push_changes_a_role(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    user = await directory.user("ada", roles=[{"value": "SUPER_ADMIN"}], role="SUPER_ADMIN")
    await directory("PATCH", f"Users/{user}", patch("add", "roles", [{"value": "L1_ADMIN"}]))
    assert await owner.fetchval("SELECT role FROM members WHERE member_id = $1", user) == "MEMBER"


async def test_the_users_of_another_organization_are_not_there(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    other = await connected(client, "stranger", "other")
    foreign = await other.user("eve@other.example")
    for verb, body in (("GET", None), ("PUT", ADA), ("PATCH", INACTIVE), ("DELETE", None)):
        answer = await directory(verb, f"Users/{foreign}", body)
        assert answer.status == 404
        assert answer.body["detail"] == (await directory(verb, "Users/nobody", body)).body["detail"].replace(
            "nobody", foreign
        )
    listed = await directory("GET", "Users", filter='userName eq "eve@other.example"')
    assert listed.body["totalResults"] == 0
    assert await owner.fetchval("SELECT state FROM members WHERE member_id = $1", foreign) == "ACTIVE"


async def test_an_address_of_another_user_makes_nobody_that_user_and_shows_nothing(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    """Seen to fail when the address linked the present user."""
    taken = await directory("POST", "Users", {"userName": "stranger@example.org", "displayName": "X"})
    free = await directory("POST", "Users", {"userName": "nobody@example.org", "displayName": "X"})
    for answer in (taken, free):
        assert answer.status == 201
        del answer.body["meta"], answer.body["userName"], answer.body["id"]
    assert taken.body == free.body
    assert await owner.fetchval("SELECT count(*) FROM members WHERE user_id = 'stranger'") == 1
    assert await owner.fetchval("SELECT display_name FROM users WHERE user_id = 'stranger'") == "stranger"


async def test_a_member_of_before_is_found_by_address_and_kept(directory: DirectoryClient) -> None:
    found = await directory("GET", "Users", filter='userName eq "MEMBER@example.org"')
    assert [one["id"] for one in found.body["Resources"]] == ["member"]
    named = await directory("POST", "Users", {"userName": "m1", "emails": [{"value": "member@example.org"}]})
    assert (named.status, named.id) == (201, "member")


async def test_a_name_of_a_member_of_before_changes_in_the_directory_only(
    directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    await directory("PATCH", "Users/member", patch("replace", "displayName", "Somebody Else"))
    assert (await directory("GET", "Users/member")).body["displayName"] == "Somebody Else"
    assert await owner.fetchval("SELECT display_name FROM users WHERE user_id = 'member'") == "member"


async def test_a_service_account_is_no_user(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, role, display_name) VALUES ('acme', 'sa-ci', 'MEMBER', 'CI')"
    )
    assert (await directory("GET", "Users/sa-ci")).status == 404
    assert (await directory("DELETE", "Users/sa-ci")).status == 404
    listed = await directory("GET", "Users")
    assert "sa-ci" not in [one["id"] for one in listed.body["Resources"]]


async def test_a_revoked_or_expired_credential_ends_at_once(
    client: Client, directory: DirectoryClient, owner: asyncpg.Connection
) -> None:
    second = await connected(client)
    await client.call("RevokeCredential", credential_pb2.RevokeCredentialRequest(name=directory.name))
    await owner.execute(
        "UPDATE credentials SET expire_time = now() WHERE credential_id = $1", second.name.rpartition("/")[2]
    )
    for ended in (directory, second):
        answer = await ended("POST", "Users", ADA)
        assert (answer.status, answer.body["status"]) == (401, "401")
    assert await owner.fetchval("SELECT count(*) FROM scim_users") == 0


async def test_only_a_credential_for_scim_uses_it(client: Client) -> None:
    wanted = Credential(
        display_name="x", kind=Credential.KIND_AUTOMATION, permissions=[permission_pb2.PERMISSION_MEMBERS_WRITE]
    )
    request = credential_pb2.CreateCredentialRequest(parent="organizations/acme", credential=wanted)
    secrets = [(await client.call("CreateCredential", request)).secret, bearer("super")[0][1].removeprefix("Bearer ")]
    for secret in secrets:
        assert (await DirectoryClient(client, "", secret)("GET", "Users")).status == 403
    unknown = CREDENTIAL.make(b"x" * 32)
    assert (await DirectoryClient(client, "", unknown)("GET", "Users")).status == 401


async def test_without_a_free_seat_nobody_is_added(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', 7)"
        " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET seat_limit = 7"
    )
    assert (await directory("POST", "Users", ADA)).status == 403
    assert await owner.fetchval("SELECT count(*) FROM scim_users") == 0


async def test_two_pushes_of_one_user_make_one_member(directory: DirectoryClient, owner: asyncpg.Connection) -> None:
    answers = await asyncio.gather(*(directory("POST", "Users", ADA) for _ in range(5)))
    assert sorted(one.status for one in answers) == [201, 409, 409, 409, 409]
    assert await owner.fetchval("SELECT count(*) FROM scim_users") == 1


async def test_a_version_that_is_gone_is_refused(directory: DirectoryClient) -> None:
    user = await directory.user("ada")
    version = (await directory("GET", f"Users/{user}")).headers["etag"]
    change = patch("replace", "displayName", "A")
    assert (await directory("PATCH", f"Users/{user}", change, headers={"if-match": version})).status == 200
    for verb, body in (("PATCH", change), ("PUT", {"userName": "ada"}), ("DELETE", None)):
        assert (await directory(verb, f"Users/{user}", body, headers={"if-match": version})).status == 412


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        (b"{", "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (b"[" * 100_000, "invalidSyntax"),
        (b'{"a": "' + b"x" * 1_100_000 + b'"}', "tooMany"),
        ({}, "invalidValue"),
        ({"userName": 5}, "invalidValue"),
        ({"userName": "x" * 201}, "invalidValue"),
        ({"userName": "a\u202eb"}, "invalidValue"),
        ({"userName": "ada", "active": "maybe"}, "invalidValue"),
        ({"userName": "ada", "emails": [{"value": "x"}] * 21}, "tooMany"),
        ({"userName": "ada", "USERNAME": "bob"}, "invalidSyntax"),
    ],
)
async def test_a_bad_body_changes_nothing(
    directory: DirectoryClient, owner: asyncpg.Connection, body: Any, scim_type: str
) -> None:
    answer = await directory("POST", "Users", body)
    assert (answer.status, answer.body["scimType"]) == (400, scim_type)
    assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert await owner.fetchval("SELECT count(*) FROM scim_users") == 0


@pytest.mark.parametrize(
    ("verb", "path", "body", "query", "status"),
    [
        ("GET", "Users/a\0b", None, {}, 400),
        ("GET", "Users", None, {"filter": 'userName eq "a\0b"'}, 400),
        ("GET", "Users/../Groups", None, {}, 404),
        ("PATCH", "Users/member", {"Operations": [{"op": "add", "path": "\ud800[", "value": 1}]}, {}, 400),
        ("PATCH", "Users/member", {"Operations": [{"op": "add", "path": "displayName", "value": "\ud800"}]}, {}, 400),
        ("PUT", "Users", ADA, {}, 405),
        ("POST", "Bulk", {}, {}, 501),
    ],
)
async def test_an_odd_request_is_an_error_of_scim(
    directory: DirectoryClient, verb: str, path: str, body: Any, query: dict[str, Any], status: int
) -> None:
    answer = await directory(verb, path, body, **query)
    assert (answer.status, answer.body["status"]) == (status, str(status))


async def test_pages_and_filters(directory: DirectoryClient) -> None:
    for name in ("ann", "bea", "cat"):
        await directory.user(name, displayName=name.title(), emails=[{"value": f"{name}@acme.example", "type": "work"}])
    first = (await directory("GET", "Users", count=4)).body
    second = (await directory("GET", "Users", count=4, start_index=5)).body
    assert (first["totalResults"], first["itemsPerPage"], second["startIndex"]) == (10, 4, 5)
    assert not {one["id"] for one in first["Resources"]} & {one["id"] for one in second["Resources"]}
    assert (await directory("GET", "Users", count=0)).body["Resources"] == []
    for text, expected in (
        ('userName sw "bea"', {"bea"}),
        ('emails[type eq "work" and value co "cat@"]', {"cat"}),
        ('emails.value eq "ann@acme.example" or displayName eq "bea"', {"ann", "bea"}),
        ('userName eq "ann" and not (active eq true)', set()),
    ):
        found = (await directory("GET", "Users", filter=text)).body
        assert {one["userName"] for one in found["Resources"]} == expected
    assert (await directory("GET", "Users", filter="userName is x")).body["scimType"] == "invalidFilter"
