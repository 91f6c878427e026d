"""Keys change their owner: who may do it, what goes with a key and what stays, and races."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import api_key_pb2, audit_log_pb2, member_pb2
from megarouter.admin.v1 import service_account_pb2 as accounts

from tests.contract.admin_service.access.climbing import world
from tests.contract.admin_service.conftest import Client, add_member
from tests.contract.admin_service.resources.api_keys.calls import (
    ACME,
    NAME,
    create,
    delete,
    disable,
    enable,
    identity,
    key_limit,
    member_name,
    name_of,
    rotate,
    update,
)
from tests.contract.admin_service.resources.service_accounts.calls import create as create_account
from tests.contract.admin_service.resources.service_accounts.calls import named as account_named

OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def transfer(
    member: str = "", account: str = "", key: str = "key-member", **fields: Any
) -> api_key_pb2.TransferApiKeyRequest:
    return api_key_pb2.TransferApiKeyRequest(
        name=name_of(key),
        member=member and member_name(member),
        service_account=account and account_named(account),
        **fields,
    )


async def owner_of(owner: asyncpg.Connection, key: str = "key-member") -> tuple[str, list[str], str]:
    row = await owner.fetchrow("SELECT member_id, group_path, state FROM api_keys WHERE api_key_id = $1", key)
    assert row is not None
    return row["member_id"], row["group_path"], row["state"]


@pytest.mark.parametrize(
    ("who", "key", "to", "code"),
    [
        ("super", "key-member", "sales", OK),
        ("l1", "key-member", "below", OK),
        ("sub", "key-member", "below", OK),
        ("sub", "key-sub", "member", OK),
        ("sub", "key-member", "sub", OK),
        ("l1", "key-member", "sales", DENIED),
        ("l1", "key-sales", "member", DENIED),
        ("sub", "key-member", "l1", DENIED),
        ("sub", "key-l1", "member", DENIED),
        ("member", "key-member", "below", DENIED),
        ("member", "key-below", "member", DENIED),
        ("super", "key-member", "stranger", DENIED),
        ("stranger", "key-member", "stranger", DENIED),
        ("stranger", "key-stranger", "member", DENIED),
    ],
)
async def test_whoever_may_write_the_keys_of_both_owners_transfers_a_key(
    client: Client, owner: asyncpg.Connection, who: str, key: str, to: str, code: grpc.StatusCode
) -> None:
    before = await world(owner)
    assert await client.code("TransferApiKey", transfer(to, key=key), who) is code
    if code is OK:
        assert (await owner_of(owner, key))[0] == to
    else:
        assert await world(owner) == before


async def test_a_key_goes_to_a_service_account_with_its_secret_and_its_limits(
    client: Client, owner: asyncpg.Connection
) -> None:
    await client.call("CreateServiceAccount", create_account(group="sales"))
    made = await client.call("CreateApiKey", create("member", "moving", ip_allow_list=["192.0.2.0/24"]))
    moved = await client.call("TransferApiKey", transfer(account="sa-build", key="moving"))
    assert (moved.api_key.service_account, moved.api_key.member, moved.secret) == (account_named("sa-build"), "", "")
    found = await identity(owner, made.secret)
    assert found is not None
    assert (found["member_id"], found["group_path"]) == ("sa-build", ["sales"])
    assert found["ip_allow_list"] == ["192.0.2.0/24"]
    assert [origin.scope for origin in moved.api_key.limit_origins] == [ACME]


async def test_a_limit_from_above_stays_bound_after_a_transfer(client: Client) -> None:
    """A transfer is no way around a limit: the new owner may not lift it either."""
    await client.call("CreateApiKey", create("member", "bound", ip_allow_list=["192.0.2.0/24"]), "l1")
    await client.call("TransferApiKey", transfer("sub", key="bound"), "sub")
    lift = update(["ip_allow_list"], key="bound")
    assert (await client.failure("UpdateApiKey", lift, "sub")).reason == "LIMIT_SET_ABOVE"


async def test_a_rotated_secret_ends_the_earlier_ones_at_once(client: Client, owner: asyncpg.Connection) -> None:
    first = (await client.call("CreateApiKey", create("member", "leaked"))).secret
    rotation = api_key_pb2.RotateApiKeyRequest(name=name_of("leaked"))
    second = (await client.call("RotateApiKey", rotation)).secret
    request = transfer("below", key="leaked", rotate_secret=True, request_id=str(uuid.uuid4()))
    third = (await client.call("TransferApiKey", request)).secret
    assert [bool(await identity(owner, secret)) for secret in (first, second, third)] == [False, False, True]
    repeated = await client.call("TransferApiKey", request)
    assert (repeated.secret, repeated.secret_already_issued) == ("", True)
    assert ((await identity(owner, third)) or {"member_id": ""})["member_id"] == "below"


async def test_without_a_rotation_both_secrets_of_an_overlap_stay_valid(
    client: Client, owner: asyncpg.Connection
) -> None:
    first = (await client.call("CreateApiKey", create("member", "kept"))).secret
    second = (await client.call("RotateApiKey", api_key_pb2.RotateApiKeyRequest(name=name_of("kept")))).secret
    await client.call("TransferApiKey", transfer("below", key="kept"))
    for secret in (first, second):
        found = await identity(owner, secret)
        assert found is not None
        assert found["member_id"] == "below"


@pytest.mark.parametrize(
    ("kind", "scope", "whitelist", "mode", "guardrail"),
    [
        ("member", "below", ["model-a"], "ENFORCE", "member-below"),
        ("group", "inference", ["model-c"], "ENFORCE", "group-inference"),
        ("organization", "acme", [], "ENFORCE", "organization"),
        ("member", "below", ["model-a", "model-b", "model-c"], "ENFORCE", ""),
        ("group", "inference", ["model-c"], "SHADOW", ""),
        ("group", "sales", ["model-c"], "ENFORCE", ""),
    ],
)
async def test_the_whitelists_of_the_new_owner_must_allow_those_of_the_key(
    client: Client, owner: asyncpg.Connection, kind: str, scope: str, whitelist: list[str], mode: str, guardrail: str
) -> None:
    """Seen to fail without the check: the key would pass the transfer and fail in its calls."""
    key = create("member", "listed")
    key.api_key.model_whitelist.entries.extend(["model-a", "model-b"])
    await client.call("CreateApiKey", key)
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, model_whitelist, mode) VALUES ('acme', $1, $2, $3, $4)",
        kind, scope, whitelist, mode,
    )  # fmt: skip
    if not guardrail:
        assert await client.code("TransferApiKey", transfer("below", key="listed"), "super") is OK
        return
    refused = await client.failure("TransferApiKey", transfer("below", key="listed"))
    assert (refused.code, refused.reason) == (FAILED_PRECONDITION, "KEY_WHITELIST_TOO_WIDE")
    assert refused.metadata["guardrail"] == f"{ACME}/guardrails/{guardrail}"
    assert (await owner_of(owner, "listed"))[0] == "member"
    assert await client.code("TransferApiKey", transfer("below"), "super") is OK  # a key without a whitelist has theirs


async def test_the_new_owner_needs_room_and_the_organization_does_not(
    client: Client, owner: asyncpg.Connection
) -> None:
    keys = await owner.fetchval("SELECT count(*) FROM api_keys WHERE organization_id = 'acme'")
    await key_limit(owner, "organization", "acme", keys)
    await client.call("TransferApiKey", transfer("below"))
    await key_limit(owner, "member", "sub", 1)
    assert (await client.failure("TransferApiKey", transfer("sub"))).reason == "KEY_LIMIT_REACHED"


async def test_bad_requests_change_nothing(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateServiceAccount", create_account())
    await client.call("DisableServiceAccount", accounts.DisableServiceAccountRequest(name=account_named("sa-build")))
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'below'")
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'sales'")
    before = await world(owner)
    for request, reason in (
        (transfer(), "FIELD_INVALID"),
        (transfer("below", "sa-build"), "FIELD_INVALID"),
        (transfer(account="sa-none"), "PERMISSION_DENIED"),
        (transfer("sa-build"), "PERMISSION_DENIED"),
        (transfer(account="sa-build"), "STATE_UNSUITABLE"),
        (transfer("below"), "STATE_UNSUITABLE"),
        (transfer("sales"), "MEMBER_REMOVED"),
        (transfer("sub", etag='"0123456789abcdef"'), "ETAG_MISMATCH"),
    ):
        assert (await client.failure("TransferApiKey", request)).reason == reason, request
    assert await world(owner) == before
    await client.call("DeleteApiKey", delete())
    assert (await client.failure("TransferApiKey", transfer("sub"))).reason == "API_KEY_DELETED"


async def test_a_transfer_to_its_owner_changes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    before = await world(owner)
    answer = await client.call("TransferApiKey", transfer("member"))
    assert (answer.api_key.name, answer.secret) == (NAME, "")
    assert await world(owner) == before


async def test_a_suspended_member_does_not_call_again_by_a_transfer(client: Client, owner: asyncpg.Connection) -> None:
    """Whoever knows the secret of a suspended member's key stays out: the key moves only with a new one. Seen to fail without the
    check."""
    secret = (await client.call("CreateApiKey", create("member", "known"))).secret
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'member'")
    before = await world(owner)
    refused = await client.failure("TransferApiKey", transfer("below", key="known"))
    assert (refused.code, refused.reason) == (FAILED_PRECONDITION, "ROTATION_REQUIRED")
    assert await world(owner) == before
    moved = await client.call("TransferApiKey", transfer("below", key="known", rotate_secret=True))
    assert await identity(owner, secret) is None
    assert ((await identity(owner, moved.secret)) or {"member_id": ""})["member_id"] == "below"


async def test_a_disabled_key_stays_disabled(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("DisableApiKey", disable(), "super")
    await client.call("TransferApiKey", transfer("sub"))
    assert await owner_of(owner) == ("sub", ["eng", "platform"], "DISABLED")
    assert (await client.failure("EnableApiKey", enable(), "sub")).reason == "DISABLED_BY_ADMIN"


async def test_what_the_former_owner_disabled_the_new_owner_enables(client: Client) -> None:
    await client.call("DisableApiKey", disable(), "member")
    await client.call("TransferApiKey", transfer("below"), "sub")
    assert await client.code("EnableApiKey", enable(), "below") is OK


async def test_the_audit_logs_of_both_groups_have_the_transfer(client: Client) -> None:
    await client.call("TransferApiKey", transfer("sales"))
    for who in ("super", "sub"):
        request = audit_log_pb2.ListAuditLogEntriesRequest(parent=ACME)
        entries = (await client.call("ListAuditLogEntries", request, who)).audit_log_entries
        assert {entry.resource for entry in entries} == {NAME}
        assert all(entry.before["member"] == member_name("member") for entry in entries)
        assert all(entry.after["member"] == member_name("sales") for entry in entries)
        assert len(entries) == (2 if who == "super" else 1)


async def test_the_former_owner_has_no_right_on_the_key_anymore(client: Client) -> None:
    await client.call("TransferApiKey", transfer("below"))
    for method, request in (
        ("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME)),
        ("RotateApiKey", rotate()),
        ("DisableApiKey", disable()),
        ("DeleteApiKey", delete()),
        ("TransferApiKey", transfer("member")),
    ):
        assert await client.code(method, request, "member") is DENIED
    assert await client.code("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME), "below") is OK


@pytest.mark.parametrize("round_", range(3))
async def test_no_key_outlives_the_removal_of_its_new_owner_in_a_race(
    client: Client, owner: asyncpg.Connection, round_: int
) -> None:
    """The key ends deleted with the new owner, or stays with the former one."""
    await add_member(owner, "leaving", "MEMBER", "platform")
    removal = member_pb2.RemoveMemberRequest(name=member_name("leaving"))
    calls = [client.code("TransferApiKey", transfer("leaving"), "super"), client.code("RemoveMember", removal, "super")]
    if round_ % 2:
        calls.reverse()
    assert set(await asyncio.gather(*calls)) <= {OK, FAILED_PRECONDITION}
    assert (await owner_of(owner))[::2] in {("leaving", "DELETED"), ("member", "ACTIVE")}


async def test_racing_transfers_leave_one_owner(client: Client, owner: asyncpg.Connection) -> None:
    """Each passes the current etag, so exactly one wins."""
    etag = (await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME))).etag
    targets = ("below", "sub", "sales", "l1")
    codes = await asyncio.gather(*(client.code("TransferApiKey", transfer(to, etag=etag), "super") for to in targets))
    assert sorted(code.name for code in codes) == ["ABORTED", "ABORTED", "ABORTED", "OK"]
    assert (await owner_of(owner))[0] == targets[codes.index(OK)]


async def test_a_deletion_that_races_a_transfer_always_wins(client: Client, owner: asyncpg.Connection) -> None:
    codes = await asyncio.gather(
        client.code("TransferApiKey", transfer("below"), "super"), client.code("DeleteApiKey", delete(), "super")
    )
    assert codes[1] is OK
    assert (await owner_of(owner))[2] == "DELETED"
