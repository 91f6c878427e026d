"""Service accounts: who may do what with them, what happens to their keys, and races."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import api_key_pb2, audit_log_pb2, group_pb2, guardrail_pb2
from megarouter.admin.v1 import service_account_pb2 as pb
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.service_account_pb2 import ServiceAccount

from admin_service.resources.invites.acceptance_store import seats_of
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.api_keys.calls import identity
from tests.contract.admin_service.resources.service_accounts.calls import (
    ACME,
    create,
    create_key,
    get,
    group_named,
    key_of,
    listed,
    named,
)

OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
NAME = named("sa-build")


async def row_of(owner: asyncpg.Connection, secret: str) -> asyncpg.Record:
    found = await identity(owner, secret)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("who", "group", "code"),
    [
        ("super", "", OK),
        ("super", "sales", OK),
        ("l1", "eng", OK),
        ("l1", "inference", OK),
        ("sub", "platform", OK),
        ("l1", "", DENIED),
        ("l1", "sales", DENIED),
        ("sub", "eng", DENIED),
        ("member", "platform", DENIED),
        ("stranger", "platform", DENIED),
    ],
)
async def test_admins_create_service_accounts_and_their_keys_within_their_reach(
    client: Client, owner: asyncpg.Connection, who: str, group: str, code: grpc.StatusCode
) -> None:
    assert await client.code("CreateServiceAccount", create(group=group), who) is code
    if code is not OK:
        assert await owner.fetchval("SELECT count(*) FROM members WHERE user_id IS NULL") == 0
        await client.call("CreateServiceAccount", create(group=group))
    made = await client.code("CreateApiKey", create_key(), who)
    assert made is code
    assert (await get(client)).key_count == (1 if code is OK else 0)


async def test_a_key_of_a_service_account_names_it_and_calls_on_its_scopes(
    client: Client, owner: asyncpg.Connection
) -> None:
    made = await key_of(client, who="sub")
    assert (made.api_key.service_account, made.api_key.member) == (NAME, "")
    assert made.api_key.member_display_name == "Build server"
    found = await row_of(owner, made.secret)
    assert (found["member_id"], found["member_active"], found["group_path"]) == ("sa-build", True, ["eng", "platform"])
    request = api_key_pb2.ListApiKeysRequest(parent=ACME, filter=f'service_account = "{NAME}"')
    assert [key.name for key in (await client.call("ListApiKeys", request, "l1")).api_keys] == [made.api_key.name]


async def test_the_limits_of_its_key_bind_where_they_were_set(client: Client) -> None:
    """A key without a person has no owner who may lift anything: only the place that set a limit, or one above."""
    await client.call("CreateServiceAccount", create())
    made = await client.call("CreateApiKey", create_key(ip_allow_list=["192.0.2.0/24"]), "l1")
    lift = api_key_pb2.UpdateApiKeyRequest(
        api_key=api_key_pb2.ApiKey(name=made.api_key.name), update_mask=FieldMask(paths=["ip_allow_list"])
    )
    assert (await client.failure("UpdateApiKey", lift, "sub")).reason == "LIMIT_SET_ABOVE"
    assert await client.code("UpdateApiKey", lift, "l1") is OK


async def test_a_disabled_or_deleted_service_account_stops_its_keys_at_once(
    client: Client, owner: asyncpg.Connection
) -> None:
    """The transaction that changes it makes a new revision, so every replica reads the identity again."""
    secret = (await key_of(client)).secret
    revision = await owner.fetchval("SELECT revision FROM identity_revisions WHERE organization_id = 'acme'")
    disabled = await client.call("DisableServiceAccount", pb.DisableServiceAccountRequest(name=NAME), "sub")
    assert disabled.state == ServiceAccount.STATE_DISABLED
    found = await row_of(owner, secret)
    assert (found["member_active"], found["revision"]) == (False, revision + 1)
    refused = await client.failure("CreateApiKey", create_key())
    assert (refused.reason, refused.metadata["state"]) == ("STATE_UNSUITABLE", "DISABLED")
    await client.call("EnableServiceAccount", pb.EnableServiceAccountRequest(name=NAME))
    assert (await row_of(owner, secret))["member_active"]
    await client.call("DeleteServiceAccount", pb.DeleteServiceAccountRequest(name=NAME))
    assert await identity(owner, secret) is None


async def test_an_undeleted_service_account_has_its_guardrail_and_no_keys(
    client: Client, owner: asyncpg.Connection
) -> None:
    secret = (await key_of(client)).secret
    name = f"{ACME}/guardrails/serviceaccount-sa-build"
    limit = Guardrail(name=name, budget_nano_credits=7)
    await client.call("UpdateGuardrail", guardrail_pb2.UpdateGuardrailRequest(guardrail=limit), "sub")
    for _ in range(2):
        deleted = await client.call("DeleteServiceAccount", pb.DeleteServiceAccountRequest(name=NAME))
        assert (deleted.state, deleted.key_count) == (ServiceAccount.STATE_DELETED, 0)
    assert await listed(client) == []
    assert await listed(client, show_deleted=True) == ["sa-build"]
    for method, request in (
        ("UpdateServiceAccount", pb.UpdateServiceAccountRequest(service_account=ServiceAccount(name=NAME))),
        ("DisableServiceAccount", pb.DisableServiceAccountRequest(name=NAME)),
        ("EnableServiceAccount", pb.EnableServiceAccountRequest(name=NAME)),
        ("MoveServiceAccount", pb.MoveServiceAccountRequest(name=NAME)),
        ("CreateApiKey", create_key()),
    ):
        assert (await client.failure(method, request)).reason == "STATE_UNSUITABLE", method
    for _ in range(2):
        restored = await client.call("UndeleteServiceAccount", pb.UndeleteServiceAccountRequest(name=NAME), "sub")
        assert (restored.state, restored.key_count) == (ServiceAccount.STATE_ACTIVE, 0)
        assert restored.budget_nano_credits == 7
    assert await identity(owner, secret) is None


async def test_a_service_account_is_renamed_and_moved_with_its_keys(client: Client, owner: asyncpg.Connection) -> None:
    secret = (await key_of(client)).secret
    etag = (await get(client)).etag
    renamed = pb.UpdateServiceAccountRequest(
        service_account=ServiceAccount(name=NAME, display_name="Nightly build", etag=etag)
    )
    assert (await client.call("UpdateServiceAccount", renamed, "sub")).display_name == "Nightly build"
    assert (await client.failure("UpdateServiceAccount", renamed, "sub")).reason == "ETAG_MISMATCH"
    to_sales = pb.MoveServiceAccountRequest(name=NAME, group=group_named("sales"))
    assert await client.code("MoveServiceAccount", to_sales, "sub") is DENIED
    await client.call("MoveServiceAccount", to_sales)
    assert (await row_of(owner, secret))["group_path"] == ["sales"]
    assert await client.code("GetServiceAccount", pb.GetServiceAccountRequest(name=NAME), "sub") is DENIED


async def test_lists_show_a_caller_the_service_accounts_of_the_subtree(client: Client) -> None:
    for service_account, group in (("sa-a", ""), ("sa-b", "eng"), ("sa-c", "inference"), ("sa-d", "sales")):
        await client.call("CreateServiceAccount", create(service_account, group))
    assert await listed(client) == ["sa-a", "sa-b", "sa-c", "sa-d"]
    assert await listed(client, "l1") == ["sa-b", "sa-c"]
    assert await listed(client, "sub") == ["sa-c"]
    assert await listed(client, group=group_named("eng")) == ["sa-b"]
    assert await listed(client, group=group_named("eng"), with_descendants=True) == ["sa-b", "sa-c"]
    assert await listed(client, filter="state = STATE_ACTIVE AND Build", page_size=2) == ["sa-a", "sa-b"]
    for who in ("member", "stranger"):
        assert await client.code("ListServiceAccounts", pb.ListServiceAccountsRequest(parent=ACME), who) is DENIED


async def test_an_id_begins_with_sa_and_is_never_used_again(client: Client) -> None:
    assert (await client.failure("CreateServiceAccount", create("build"))).fields == ("service_account_id",)
    generated = await client.call("CreateServiceAccount", create(""))
    assert generated.name.startswith(named("sa-"))
    await client.call("CreateServiceAccount", create())
    await client.call("DeleteServiceAccount", pb.DeleteServiceAccountRequest(name=NAME))
    assert (await client.failure("CreateServiceAccount", create())).reason == "ALREADY_EXISTS"


async def test_a_key_has_one_owner(client: Client) -> None:
    await client.call("CreateServiceAccount", create())
    both = create_key(member=f"{ACME}/members/member")
    assert (await client.failure("CreateApiKey", both)).fields == ("api_key.service_account",)


async def test_a_service_account_takes_no_seat_but_keeps_its_group_in_use(
    client: Client, owner: asyncpg.Connection
) -> None:
    await client.call("CreateServiceAccount", create(group="sales"))
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'sales'")
    sales = await client.call("GetGroup", group_pb2.GetGroupRequest(name=group_named("sales")))
    assert (sales.member_count, sales.subtree_member_count) == (0, 0)
    refused = await client.failure("DeleteGroup", group_pb2.DeleteGroupRequest(name=group_named("sales")))
    assert (refused.reason, refused.metadata["serviceAccountCount"]) == ("GROUP_NOT_EMPTY", "1")
    assert "1 service account" in refused.message
    taken = await owner.fetchval("SELECT count(*) FROM members WHERE user_id IS NOT NULL AND state <> 'REMOVED' AND"
                                 " organization_id = 'acme'")  # fmt: skip
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', $1)",
        taken + 1,
    )
    assert (await seats_of(owner, "acme")).has_free


async def test_changes_are_in_the_audit_log_of_the_group(client: Client) -> None:
    made = await key_of(client, who="sub")
    request_id = str(uuid.uuid4())
    for _ in range(2):
        await client.call("DisableServiceAccount", pb.DisableServiceAccountRequest(name=NAME, request_id=request_id))
    listing = audit_log_pb2.ListAuditLogEntriesRequest(parent=ACME)
    entries = list(reversed((await client.call("ListAuditLogEntries", listing, "sub")).audit_log_entries))
    assert [(entry.method.rpartition("/")[2], entry.resource) for entry in entries] == [
        ("CreateServiceAccount", NAME),
        ("CreateApiKey", made.api_key.name),
        ("DisableServiceAccount", NAME),
    ]
    assert entries[1].after["serviceAccount"] == NAME
    assert entries[2].before["displayName"] == "Build server"


@pytest.mark.parametrize("round_", range(3))
async def test_no_key_outlives_a_deletion_that_races_its_creation(
    client: Client, owner: asyncpg.Connection, round_: int
) -> None:
    """Keys are created while the service account is deleted. Each is refused or deleted."""
    await client.call("CreateServiceAccount", create())

    async def key(number: int) -> Any:
        return await client.code("CreateApiKey", create_key(key=f"key-{round_}-{number}"), "sub")

    calls = [key(number) for number in range(8)]
    calls.insert(4, client.code("DeleteServiceAccount", pb.DeleteServiceAccountRequest(name=NAME), "super"))
    codes = await asyncio.gather(*calls)
    assert set(codes) <= {OK, FAILED_PRECONDITION}
    living = "SELECT count(*) FROM api_keys WHERE member_id = 'sa-build' AND state <> 'DELETED'"
    assert await owner.fetchval(living) == 0
