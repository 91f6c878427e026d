"""Organizations over the API: creating, changing, suspending, deleting and undeleting."""

import asyncio
import json
import time
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import account_pb2, api_key_pb2, credit_pb2
from megarouter.admin.v1 import organization_pb2 as pb
from megarouter.admin.v1.organization_pb2 import Organization

from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import Client, add_member
from tests.contract.usage_service.settlement_cases import (
    CATALOG,
    breaches,
    charge,
    make_hold,
    make_settlement,
    register,
)
from usage_service.settlement.store import settle_batch

ACME = "organizations/acme"
DENIED, PRECONDITION = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION
ADMINS_BELOW = ("l1", "sub", "member")
TRANSITIONS = ("SuspendOrganization", "ResumeOrganization", "DeleteOrganization", "UndeleteOrganization")


def create(organization: str = "", request_id: str = "", **fields: Any) -> pb.CreateOrganizationRequest:
    body = Organization(**{"display_name": "Initech", **fields})
    return pb.CreateOrganizationRequest(organization=body, organization_id=organization, request_id=request_id)


def update(*paths: str, name: str = ACME, **fields: Any) -> pb.UpdateOrganizationRequest:
    body = Organization(name=name, **fields)
    return pb.UpdateOrganizationRequest(organization=body, update_mask=FieldMask(paths=paths))


async def get(client: Client, name: str = ACME, member: str = "super") -> Organization:
    found: Organization = await client.call("GetOrganization", pb.GetOrganizationRequest(name=name), member)
    return found


async def change(client: Client, method: str, member: str = "super", **fields: Any) -> Organization:
    request = getattr(pb, f"{method}Request")(**{"name": ACME, **fields})
    changed: Organization = await client.call(method, request, member)
    return changed


async def failure_of(client: Client, method: str, member: str = "super", **fields: Any) -> Any:
    return await client.failure(method, getattr(pb, f"{method}Request")(**{"name": ACME, **fields}), member)


async def personal_account(client: Client, member: str) -> str:
    answer = await client.call("ListMyAccounts", account_pb2.ListMyAccountsRequest(filter="kind = PERSONAL"), member)
    return str(answer.accounts[0].organization)


async def test_the_creator_of_an_organization_is_its_first_super_admin(
    client: Client, owner: asyncpg.Connection
) -> None:
    made = await client.call("CreateOrganization", create("initech", time_zone="Asia/Tokyo"), "member")
    me = await client.call("GetUser", account_pb2.GetUserRequest(name="users/me"), "member")
    assert me.current_account == made.name
    assert (made.name, made.display_name, made.time_zone) == ("organizations/initech", "Initech", "Asia/Tokyo")
    assert (made.kind, made.state) == (Organization.KIND_ORGANIZATION, Organization.STATE_ACTIVE)
    assert made.input_estimate == Organization.INPUT_ESTIMATE_BALANCED
    assert made.expired_hold_policy == Organization.EXPIRED_HOLD_POLICY_CHARGE_HOLD
    row = await owner.fetchrow("SELECT user_id, role, group_id FROM members WHERE organization_id = 'initech'")
    assert row is not None
    assert tuple(row) == ("member", "SUPER_ADMIN", None)
    assert await get(client, "organizations/initech", "member") == made
    assert (await failure_of(client, "GetOrganization", name="organizations/initech")).code is DENIED
    credit = credit_pb2.TopUpCreditRequest(
        parent="organizations/initech", amount_nano_credits=5, request_id=str(uuid.uuid4())
    )
    assert (await client.call("TopUpCredit", credit, "member")).balance.balance_nano_credits == 5


async def test_an_id_is_generated_by_default_and_names_may_repeat(client: Client) -> None:
    made = [await client.call("CreateOrganization", create()) for _ in range(2)]
    assert made[0].name != made[1].name
    assert all(one.name.startswith("organizations/org-") for one in made)


@pytest.mark.parametrize("taken", ["acme", "other"])
async def test_an_id_that_was_ever_used_is_refused(client: Client, owner: asyncpg.Connection, taken: str) -> None:
    await owner.execute("UPDATE organizations SET state = 'DELETED' WHERE organization_id = 'other'")
    failure = await client.failure("CreateOrganization", create(taken))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert failure.metadata == {"resource": f"organizations/{taken}"}
    assert await owner.fetchval("SELECT display_name FROM organizations WHERE organization_id = $1", taken) == taken
    assert await owner.fetchval("SELECT count(*) FROM members WHERE organization_id = 'other'") == 1


async def test_only_one_of_two_concurrent_creations_gets_an_id(client: Client, owner: asyncpg.Connection) -> None:
    people = ("super", "l1", "sub", "member", "sales")
    codes = await asyncio.gather(*(client.code("CreateOrganization", create("initech"), who) for who in people))
    assert sorted(code.name for code in codes) == ["ALREADY_EXISTS"] * 4 + ["OK"]
    assert await owner.fetchval("SELECT count(*) FROM members WHERE organization_id = 'initech'") == 1


async def test_a_repeated_creation_creates_one_organization(client: Client, owner: asyncpg.Connection) -> None:
    request = create(request_id=str(uuid.uuid4()))
    first = await client.call("CreateOrganization", request)
    assert await client.call("CreateOrganization", request) == first
    assert await owner.fetchval("SELECT count(*) FROM organizations WHERE display_name = 'Initech'") == 1
    failure = await client.failure("CreateOrganization", create(request_id=request.request_id, display_name="Other"))
    assert failure.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (create(display_name=""), "organization.display_name"),
        (create(display_name="x" * 201), "organization.display_name"),
        (create(time_zone="Mars/Olympus"), "organization.time_zone"),
        (create(input_estimate=9), "organization.input_estimate"),
        (create(billing_email="unknown"), "organization.billing_email"),
        (create("Not-An-Id"), "organization_id"),
        (create(request_id="1"), "request_id"),
    ],
)
async def test_an_out_of_range_request_creates_nothing(
    client: Client, owner: asyncpg.Connection, request_: pb.CreateOrganizationRequest, field: str
) -> None:
    failure = await client.failure("CreateOrganization", request_)
    assert (failure.reason, failure.fields) == ("FIELD_INVALID", (field,))
    assert await owner.fetchval("SELECT count(*) FROM organizations") == 2


async def test_output_only_fields_from_a_caller_are_ignored(client: Client) -> None:
    made = await client.call(
        "CreateOrganization",
        create("initech", name=ACME, kind=Organization.KIND_PERSONAL, state=Organization.STATE_DELETED, etag="x"),
    )
    assert (made.name, made.kind) == ("organizations/initech", Organization.KIND_ORGANIZATION)
    sent = Organization(state=Organization.STATE_DELETED, kind=Organization.KIND_PERSONAL, display_name="New")
    sent.delete_time.GetCurrentTime()
    sent.name = ACME
    changed = await client.call(
        "UpdateOrganization", pb.UpdateOrganizationRequest(organization=sent, update_mask=FieldMask(paths=["*"]))
    )
    assert (changed.state, changed.kind) == (Organization.STATE_ACTIVE, Organization.KIND_ORGANIZATION)
    assert not changed.HasField("delete_time")


async def test_an_update_changes_only_the_fields_in_its_mask(client: Client) -> None:
    before = await get(client)
    changed = await client.call(
        "UpdateOrganization",
        update("billing_email", "input_estimate", billing_email="pay@acme.example", input_estimate=1, display_name="X"),
    )
    assert (changed.billing_email, changed.display_name) == ("pay@acme.example", before.display_name)
    assert changed.input_estimate == Organization.INPUT_ESTIMATE_STRICT
    assert changed.etag != before.etag
    renamed = await client.call("UpdateOrganization", update(display_name="Acme Works"))
    assert (renamed.display_name, renamed.billing_email) == ("Acme Works", "pay@acme.example")
    replaced = await client.call("UpdateOrganization", update("*", display_name="Acme", expired_hold_policy=3))
    assert (replaced.billing_email, replaced.time_zone) == ("", "UTC")
    assert replaced.expired_hold_policy == Organization.EXPIRED_HOLD_POLICY_RELEASE
    assert await get(client) == replaced


@pytest.mark.parametrize("path", ["color", "display_name.x", "settings"])
async def test_a_mask_that_names_no_field_is_refused(client: Client, path: str) -> None:
    failure = await client.failure("UpdateOrganization", update(path, display_name="X"))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("update_mask",))
    assert (await get(client)).display_name == "acme"


async def test_a_name_cannot_be_cleared(client: Client) -> None:
    failure = await client.failure("UpdateOrganization", update("display_name"))
    assert (failure.reason, failure.fields) == ("FIELD_INVALID", ("display_name",))


@pytest.mark.parametrize("method", ["UpdateOrganization", *TRANSITIONS])
async def test_a_stale_etag_changes_nothing(client: Client, method: str) -> None:
    if method == "UndeleteOrganization":
        await change(client, "DeleteOrganization")
    stale, present = '"0123456789abcdef"', await get(client)
    request = (
        update(display_name="X", etag=stale)
        if method == "UpdateOrganization"
        else getattr(pb, f"{method}Request")(name=ACME, etag=stale)
    )
    failure = await client.failure(method, request)
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await get(client) == present


async def test_only_one_of_two_changes_with_one_etag_succeeds(client: Client) -> None:
    etag = (await get(client)).etag
    codes = await asyncio.gather(
        *(client.code("UpdateOrganization", update(display_name=f"N{n}", etag=etag), "super") for n in range(5))
    )
    assert sorted(code.name for code in codes) == ["ABORTED"] * 4 + ["OK"]


@pytest.mark.parametrize("member", [*ADMINS_BELOW, "stranger"])
async def test_only_super_admins_change_an_organization(client: Client, member: str) -> None:
    for method in TRANSITIONS:
        assert (await failure_of(client, method, member)).code is DENIED
    assert (await client.failure("UpdateOrganization", update(display_name="X"), member)).code is DENIED
    assert (await get(client)).state == Organization.STATE_ACTIVE


async def test_only_members_see_the_organization(client: Client) -> None:
    for member in ("super", *ADMINS_BELOW):
        assert (await get(client, member=member)).name == ACME
    foreign = await failure_of(client, "GetOrganization", "stranger")
    absent = await failure_of(client, "GetOrganization", "stranger", name="organizations/nowhere")
    assert foreign.code is absent.code is DENIED
    assert foreign.message == absent.message.replace("nowhere", "acme")


async def test_a_new_time_zone_keeps_the_spend(client: Client, owner: asyncpg.Connection) -> None:
    await sync_catalog(owner, CATALOG)
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle, budget_nano_credits)"
        " VALUES ('acme', 'organization', 'acme', 'MONTHLY', 1)"
    )
    hold = make_hold(placed_epoch_us=time.time_ns() // 1_000)
    await register(owner, hold)
    await settle_batch(owner, [make_settlement(hold)])
    revision = "SELECT cycle_revision FROM guardrails"
    spent = (
        "SELECT settled_nano_credits FROM scope_spend WHERE counter LIKE 'organization:acme:MONTHLY:%:' || ($1::bigint)"
    )
    before = await owner.fetchval(revision)
    await client.call("UpdateOrganization", update(display_name="Renamed", time_zone="UTC"))
    assert await owner.fetchval(revision) == before
    await client.call("UpdateOrganization", update(time_zone="Asia/Tokyo"))
    after = await owner.fetchval(revision)
    assert after > before
    assert await owner.fetchval(spent, after) == charge()


async def test_a_suspended_organization_has_no_usable_keys_and_cannot_be_changed(
    client: Client, owner: asyncpg.Connection
) -> None:
    notified: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.put_nowait(str(arguments[3])))
    suspended = await change(client, "SuspendOrganization")
    assert suspended.state == Organization.STATE_SUSPENDED
    assert await asyncio.wait_for(notified.get(), 30) == "acme organization acme"
    active = "SELECT organization_active FROM identity_of_key(sha256('acmekey-super'::bytea))"
    assert await owner.fetchval(active) is False
    assert await change(client, "SuspendOrganization") == suspended
    disable = api_key_pb2.DisableApiKeyRequest(name=f"{ACME}/apiKeys/key-super")
    for method, request in (("DisableApiKey", disable), ("UpdateOrganization", update(display_name="X"))):
        failure = await client.failure(method, request)
        assert (failure.code, failure.reason) == (PRECONDITION, "ORGANIZATION_SUSPENDED")
    assert (await get(client, member="member")).state == Organization.STATE_SUSPENDED
    resumed = await change(client, "ResumeOrganization")
    assert resumed.state == Organization.STATE_ACTIVE
    assert await change(client, "ResumeOrganization") == resumed
    assert await owner.fetchval(active) is True
    await client.call("DisableApiKey", disable)


async def test_a_deleted_organization_can_only_be_read_and_undeleted(client: Client, owner: asyncpg.Connection) -> None:
    notified: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.put_nowait(str(arguments[3])))
    deleted = await change(client, "DeleteOrganization")
    assert deleted.state == Organization.STATE_DELETED
    assert deleted.purge_time.seconds - deleted.delete_time.seconds == 30 * 86_400
    assert await asyncio.wait_for(notified.get(), 30) == "acme organization acme"
    active = "SELECT organization_active FROM identity_of_key(sha256('acmekey-super'::bytea))"
    assert await owner.fetchval(active) is False
    assert await get(client) == deleted
    assert await change(client, "DeleteOrganization") == deleted
    for method in ("SuspendOrganization", "ResumeOrganization"):
        assert (await failure_of(client, method)).code is DENIED
    for method, request in (
        ("UpdateOrganization", update(display_name="X")),
        ("ListApiKeys", api_key_pb2.ListApiKeysRequest(parent=ACME)),
        ("GetCreditBalance", credit_pb2.GetCreditBalanceRequest(name=f"{ACME}/creditBalance")),
    ):
        assert (await client.failure(method, request)).code is DENIED
    back = await change(client, "UndeleteOrganization", etag=deleted.etag)
    assert (back.state, back.HasField("delete_time"), back.HasField("purge_time")) == (
        Organization.STATE_ACTIVE,
        False,
        False,
    )
    assert await owner.fetchval(active) is True


async def test_undeleting_restores_the_suspension(client: Client) -> None:
    await change(client, "SuspendOrganization")
    await change(client, "DeleteOrganization")
    assert (await change(client, "UndeleteOrganization")).state == Organization.STATE_SUSPENDED


async def test_an_organization_that_is_not_deleted_cannot_be_undeleted(client: Client) -> None:
    failure = await failure_of(client, "UndeleteOrganization")
    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")


async def test_after_its_purge_time_a_deletion_is_final(client: Client, owner: asyncpg.Connection) -> None:
    await change(client, "DeleteOrganization")
    await owner.execute(
        "UPDATE organizations SET purge_time = now() + interval '1 minute' WHERE organization_id = 'acme'"
    )
    await change(client, "UndeleteOrganization")
    await change(client, "DeleteOrganization")
    await owner.execute("UPDATE organizations SET purge_time = now() WHERE organization_id = 'acme'")
    failure = await failure_of(client, "UndeleteOrganization")
    assert (failure.code, failure.reason) == (PRECONDITION, "PURGED")
    assert (await get(client)).state == Organization.STATE_DELETED


async def test_concurrent_deletion_and_undeletion_end_in_one_of_the_two_states(client: Client) -> None:
    await change(client, "DeleteOrganization")
    for _ in range(5):
        await asyncio.gather(
            client.code("UndeleteOrganization", pb.UndeleteOrganizationRequest(name=ACME), "super"),
            client.code("DeleteOrganization", pb.DeleteOrganizationRequest(name=ACME), "super"),
        )
        now = await get(client)
        assert now.HasField("purge_time") == (now.state == Organization.STATE_DELETED)


async def test_a_deletion_keeps_the_ledger_and_calls_under_way_are_charged(
    client: Client, owner: asyncpg.Connection
) -> None:
    """The organization has credit and an open hold (fault H6)."""
    await sync_catalog(owner, CATALOG)
    top_up = credit_pb2.TopUpCreditRequest(parent=ACME, amount_nano_credits=10**12, request_id=str(uuid.uuid4()))
    await client.call("TopUpCredit", top_up)
    hold = make_hold(placed_epoch_us=time.time_ns() // 1_000)
    await register(owner, hold)
    await change(client, "DeleteOrganization")
    await settle_batch(owner, [make_settlement(hold)])
    assert await breaches(owner) == []
    await change(client, "UndeleteOrganization")
    balance = await client.call("GetCreditBalance", credit_pb2.GetCreditBalanceRequest(name=f"{ACME}/creditBalance"))
    assert balance.balance_nano_credits == 10**12 - charge()


async def test_a_personal_account_cannot_be_deleted(client: Client) -> None:
    personal = await personal_account(client, "member")
    failure = await failure_of(client, "DeleteOrganization", "member", name=personal)
    assert (failure.code, failure.reason) == (PRECONDITION, "PERSONAL_ACCOUNT")
    assert (await get(client, personal, "member")).state == Organization.STATE_ACTIVE


async def test_every_change_is_in_the_log_of_the_organization(client: Client, owner: asyncpg.Connection) -> None:
    request_id = str(uuid.uuid4())
    await client.call("CreateOrganization", create("initech", request_id), "member")
    for method in ("SuspendOrganization", "ResumeOrganization", "ResumeOrganization", "DeleteOrganization"):
        await change(client, method)
    await change(client, "UndeleteOrganization")
    await client.call("UpdateOrganization", update(display_name="Renamed"))
    await client.call("UpdateOrganization", update(display_name="Renamed"))
    rows = await owner.fetch("SELECT * FROM audit_log ORDER BY sequence")
    assert [(row["organization_id"], row["method"].rpartition("/")[2]) for row in rows] == [
        ("initech", "CreateOrganization"),
        ("acme", "SuspendOrganization"),
        ("acme", "ResumeOrganization"),
        ("acme", "DeleteOrganization"),
        ("acme", "UndeleteOrganization"),
        ("acme", "UpdateOrganization"),
    ]
    first, last = rows[0], rows[-1]
    assert (first["user_id"], first["member_id"], first["before"], first["request_id"]) == (
        "member",
        None,
        None,
        request_id,
    )
    assert json.loads(first["after"])["displayName"] == "Initech"
    assert (last["user_id"], last["member_id"], last["role"]) == ("super", "super", "SUPER_ADMIN")
    assert (json.loads(last["before"])["displayName"], json.loads(last["after"])["displayName"]) == ("acme", "Renamed")


async def test_a_token_for_one_organization_cannot_create_another(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE access_tokens SET only_organization_id = 'acme' WHERE user_id = 'super'")
    assert (await client.failure("CreateOrganization", create())).code is DENIED
    await client.call("UpdateOrganization", update(display_name="X"))
    await add_member(owner, "elsewhere", "SUPER_ADMIN", None, "other")
    await owner.execute("UPDATE access_tokens SET only_organization_id = 'acme' WHERE user_id = 'elsewhere'")
    assert (await failure_of(client, "GetOrganization", "elsewhere", name="organizations/other")).code is DENIED
