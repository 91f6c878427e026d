"""Members leave an organization by themselves."""

import asyncio
import uuid

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import account_pb2 as pb
from megarouter.admin.v1 import api_key_pb2, member_pb2

from tests.contract.admin_service.access.climbing import world
from tests.contract.admin_service.conftest import Client, add_member
from tests.contract.admin_service.resources.accounts.test_service import ACME, OTHER, accounts, me, switch

OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def leave(organization: str = ACME, request_id: str = "") -> pb.LeaveOrganizationRequest:
    return pb.LeaveOrganizationRequest(organization=organization, request_id=request_id)


async def state_of(owner: asyncpg.Connection, member: str) -> str:
    return str(
        await owner.fetchval("SELECT state FROM members WHERE organization_id = 'acme' AND member_id = $1", member)
    )


async def test_a_member_leaves_without_keys_and_returns_to_the_personal_account(
    client: Client, owner: asyncpg.Connection
) -> None:
    await switch(client, ACME, "member")
    balance = (
        "SELECT balance_nano_credits FROM ledger_accounts WHERE organization_id = 'acme' AND account = 'CREDIT_POOL'"
    )
    before = await owner.fetchval(balance)
    user = await client.call("LeaveOrganization", leave(), "member")
    assert user.current_account.startswith("organizations/personal-")
    assert await state_of(owner, "member") == "REMOVED"
    assert await owner.fetchval("SELECT state FROM api_keys WHERE api_key_id = 'key-member'") == "DELETED"
    assert await owner.fetchval(balance) == before
    assert [one.organization for one in await accounts(client, "member")] == [user.current_account]
    listing = api_key_pb2.ListApiKeysRequest(parent=ACME)
    assert await client.code("ListApiKeys", listing, "member") is DENIED


async def test_another_current_account_stays(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('other', 'guest', 'member', 'MEMBER')"
    )
    await switch(client, OTHER, "member")
    await client.call("LeaveOrganization", leave(), "member")
    assert (await me(client, "member")).current_account == OTHER


async def test_the_departure_is_in_the_audit_log_of_the_group(client: Client, owner: asyncpg.Connection) -> None:
    request = leave(request_id=str(uuid.uuid4()))
    for _ in range(2):
        await client.call("LeaveOrganization", request, "member")
    (entry,) = await owner.fetch("SELECT * FROM audit_log WHERE organization_id = 'acme'")
    assert (entry["user_id"], entry["resource_name"]) == ("member", f"{ACME}/members/member")
    assert (entry["group_path"], entry["method"].rpartition("/")[2]) == (["eng", "platform"], "LeaveOrganization")


async def test_nobody_leaves_twice_or_from_outside(client: Client, owner: asyncpg.Connection) -> None:
    """A suspended member cannot leave either, and so cannot come back with another invite."""
    await client.call("LeaveOrganization", leave(), "member")
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'below'")
    before = await world(owner)
    for who, organization in (("member", ACME), ("below", ACME), ("stranger", ACME), ("super", "organizations/none")):
        assert await client.code("LeaveOrganization", leave(organization), who) is DENIED
    after = await world(owner)
    tables = ("members", "api_keys", "audit_log")
    assert [after[table] for table in tables] == [before[table] for table in tables]


async def test_the_last_super_admin_and_the_personal_account_stay(client: Client, owner: asyncpg.Connection) -> None:
    failure = await client.failure("LeaveOrganization", leave(), "super")
    assert (failure.code, failure.reason) == (FAILED_PRECONDITION, "LAST_SUPER_ADMIN")
    personal = (await me(client, "super")).current_account
    assert (await client.failure("LeaveOrganization", leave(personal), "super")).reason == "PERSONAL_ACCOUNT"
    assert await state_of(owner, "super") == "ACTIVE"


@pytest.mark.parametrize("round_", range(3))
async def test_of_two_super_admins_who_leave_at_once_one_stays(
    client: Client, owner: asyncpg.Connection, round_: int
) -> None:
    """Seen to fail without the lock."""
    await add_member(owner, "second", "SUPER_ADMIN", None)
    for who in ("super", "second"):
        await me(client, who)  # creates the personal account
    codes = await asyncio.gather(*(client.code("LeaveOrganization", leave(), who) for who in ("super", "second")))
    assert sorted(code.name for code in codes) == ["FAILED_PRECONDITION", "OK"]
    states = {await state_of(owner, "super"), await state_of(owner, "second")}
    assert states == {"ACTIVE", "REMOVED"}


async def test_leaving_races_suspension_without_escaping_it(client: Client, owner: asyncpg.Connection) -> None:
    """The member ends suspended, or out without keys."""
    await me(client, "member")
    suspension = member_pb2.SuspendMemberRequest(name=f"{ACME}/members/member")
    codes = await asyncio.gather(
        client.code("LeaveOrganization", leave(), "member"), client.code("SuspendMember", suspension, "super")
    )
    assert set(codes) <= {OK, DENIED, FAILED_PRECONDITION}
    assert await state_of(owner, "member") == ("REMOVED" if codes[0] is OK else "SUSPENDED")
