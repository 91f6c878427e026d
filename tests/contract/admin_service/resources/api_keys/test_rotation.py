"""Deleting, rotating and disabling API keys; list filters, the audit log, and notifications about changes."""

import asyncio
import datetime as dt
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from tests.contract.admin_service.conftest import Client, add_key
from tests.contract.admin_service.resources.api_keys.calls import (
    ACME,
    DAY_S,
    NAME,
    create,
    delete,
    disable,
    enable,
    identity,
    logged,
    member_name,
    name_of,
    rotate,
    update,
)


@pytest.mark.parametrize(
    ("method", "request_"),
    [("UpdateApiKey", update(display_name="x")), ("RotateApiKey", rotate()), ("DisableApiKey", disable())],
)
async def test_a_deleted_key_cannot_be_changed(client: Client, method: str, request_: Any) -> None:
    await client.call("DeleteApiKey", delete())
    failure = await client.failure(method, request_)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "API_KEY_DELETED")


async def test_a_deleted_key_is_refused_and_its_record_stays(client: Client, owner: asyncpg.Connection) -> None:
    secret = (await client.call("RotateApiKey", rotate(), "member")).secret
    deleted = await client.call("DeleteApiKey", delete(), "member")
    assert deleted.state == ApiKey.STATE_DELETED
    assert await identity(owner, secret) is None
    assert (await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME))).state == ApiKey.STATE_DELETED
    assert await client.call("DeleteApiKey", delete(), "member") == deleted


async def test_after_a_rotation_both_secrets_are_valid_until_the_overlap_ends(
    client: Client, owner: asyncpg.Connection
) -> None:
    old = (await client.call("RotateApiKey", rotate(0), "member")).secret
    answer = await client.call("RotateApiKey", rotate(3_600), "member")
    found_old, found_new = await identity(owner, old), await identity(owner, answer.secret)
    assert found_old is not None
    assert found_new is not None
    assert found_old["expire_epoch_s"] == pytest.approx(answer.api_key.overlap_end_time.ToNanoseconds() / 10**9, abs=1)
    assert found_new["expire_epoch_s"] is None


async def test_a_rotation_overlaps_by_a_day_by_default(client: Client) -> None:
    key = (await client.call("RotateApiKey", rotate(), "member")).api_key
    left = key.overlap_end_time.ToDatetime(dt.UTC) - dt.datetime.now(dt.UTC)
    assert abs(left.total_seconds() - DAY_S) < 60


async def test_a_rotation_without_overlap_ends_every_older_secret(client: Client, owner: asyncpg.Connection) -> None:
    secrets = [(await client.call("RotateApiKey", rotate(overlap), "member")).secret for overlap in (0, DAY_S, 0)]
    assert [await identity(owner, secret) is not None for secret in secrets] == [False, False, True]


async def test_only_one_of_two_concurrent_rotations_succeeds(client: Client) -> None:
    outcomes = await asyncio.gather(
        *(client.call("RotateApiKey", rotate(), who) for who in ("member", "super")), return_exceptions=True
    )
    assert sum(isinstance(outcome, api_key_pb2.RotateApiKeyResponse) for outcome in outcomes) == 1
    failure = await client.failure("RotateApiKey", rotate(), "member")
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ROTATION_UNDER_WAY")
    assert failure.metadata["overlapEndTime"].endswith("Z")


async def test_a_repeated_rotation_rotates_once_and_shows_no_secret(client: Client, owner: asyncpg.Connection) -> None:
    request = rotate(0, request_id=str(uuid.uuid4()))
    first = await client.call("RotateApiKey", request, "member")
    again = await client.call("RotateApiKey", request, "member")
    assert (again.secret, again.secret_already_issued, again.api_key) == ("", True, first.api_key)
    assert await identity(owner, first.secret) is not None


@pytest.mark.parametrize(
    "overlap",
    [
        Duration(seconds=-1),
        Duration(seconds=7 * DAY_S, nanos=1),
        Duration(seconds=1, nanos=-1),
        Duration(seconds=2**62),
    ],
)
async def test_an_overlap_is_zero_to_seven_days(client: Client, overlap: Duration) -> None:
    failure = await client.failure("RotateApiKey", api_key_pb2.RotateApiKeyRequest(name=NAME, overlap_duration=overlap))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("overlap_duration",))


async def test_a_member_cannot_enable_a_key_that_an_admin_disabled(client: Client) -> None:
    disabled = await client.call("DisableApiKey", disable(), "sub")
    assert disabled.disabled_by == member_name("sub")
    assert disabled.HasField("disable_time")
    failure = await client.failure("EnableApiKey", enable(), "member")
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "DISABLED_BY_ADMIN")
    enabled = await client.call("EnableApiKey", enable(), "sub")
    assert (enabled.state, enabled.disabled_by) == (ApiKey.STATE_ACTIVE, "")


async def test_a_member_enables_a_key_they_disabled_unless_an_admin_disabled_it_too(client: Client) -> None:
    await client.call("DisableApiKey", disable(), "member")
    await client.call("EnableApiKey", enable(), "member")
    await client.call("DisableApiKey", disable(), "member")
    await client.call("DisableApiKey", disable(), "l1")
    await client.call("DisableApiKey", disable(), "member")
    assert (await client.failure("EnableApiKey", enable(), "member")).reason == "DISABLED_BY_ADMIN"


async def test_a_group_admin_cannot_enable_their_own_key_that_an_admin_disabled(client: Client) -> None:
    await client.call("DisableApiKey", disable("key-sub"), "l1")
    assert (await client.failure("EnableApiKey", enable("key-sub"), "sub")).reason == "DISABLED_BY_ADMIN"


async def test_a_batch_disables_all_keys_or_none(client: Client, owner: asyncpg.Connection) -> None:
    def batch(*keys: str) -> api_key_pb2.BatchDisableApiKeysRequest:
        return api_key_pb2.BatchDisableApiKeysRequest(parent=ACME, names=[name_of(key) for key in keys])

    answer = await client.call("BatchDisableApiKeys", batch("key-below", "key-member"), "sub")
    assert [key.name for key in answer.api_keys] == [name_of("key-below"), name_of("key-member")]
    for forbidden in ("key-sales", "key-l1", "nothing"):
        failure = await client.failure("BatchDisableApiKeys", batch("key-sub", forbidden), "sub")
        assert (failure.code, failure.metadata["resource"]) == (grpc.StatusCode.PERMISSION_DENIED, name_of(forbidden))
    states = await owner.fetch("SELECT api_key_id FROM api_keys WHERE state = 'DISABLED' ORDER BY api_key_id")
    assert [row[0] for row in states] == ["key-below", "key-member"]


async def test_a_batch_is_limited_to_one_organization_and_to_its_size(client: Client) -> None:
    foreign = api_key_pb2.BatchDisableApiKeysRequest(parent=ACME, names=["organizations/other/apiKeys/key-stranger"])
    assert await client.code("BatchDisableApiKeys", foreign, "super") is grpc.StatusCode.PERMISSION_DENIED
    for names in ([], [NAME, NAME], [name_of(f"k{n}") for n in range(1_001)]):
        request = api_key_pb2.BatchDisableApiKeysRequest(parent=ACME, names=names)
        failure = await client.failure("BatchDisableApiKeys", request)
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("names",))


@pytest.mark.parametrize(
    ("caller", "group", "below", "keys"),
    [
        ("super", "platform", False, ["key-member", "key-sub"]),
        ("super", "platform", True, ["key-below", "key-member", "key-sub"]),
        ("sub", "inference", False, ["key-below"]),
        ("member", "platform", True, ["key-member"]),
        ("sub", "eng", True, ["key-below", "key-member", "key-sub"]),
    ],
)
async def test_a_list_can_be_limited_to_a_group(
    client: Client,
    caller: str,
    group: str,
    below: bool,  # noqa: FBT001
    keys: list[str],
) -> None:
    request = api_key_pb2.ListApiKeysRequest(parent=ACME, group=f"{ACME}/groups/{group}", with_descendants=below)
    page = await client.call("ListApiKeys", request, caller)
    assert [key.name for key in page.api_keys] == [name_of(key) for key in keys]


@pytest.mark.parametrize(
    "group", ["organizations/acme/groups/sales", "organizations/acme/groups/none", "organizations/other/groups/x"]
)
async def test_a_list_of_an_invisible_group_is_denied(client: Client, group: str) -> None:
    failure = await client.failure("ListApiKeys", api_key_pb2.ListApiKeysRequest(parent=ACME, group=group), "sub")
    assert (failure.code, failure.metadata["resource"]) == (grpc.StatusCode.PERMISSION_DENIED, group)


async def test_a_list_is_filtered_by_member(client: Client) -> None:
    request = api_key_pb2.ListApiKeysRequest(parent=ACME, filter=f'member = "{member_name("sub")}"')
    assert [key.name for key in (await client.call("ListApiKeys", request)).api_keys] == [name_of("key-sub")]


async def test_a_full_view_shows_spend_and_last_use(client: Client, owner: asyncpg.Connection) -> None:
    used = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, last_use_time)"
        " VALUES ('acme', 'api_key:key-member:NEVER:0:0', 700, 3, $1)", used,
    )  # fmt: skip
    request = api_key_pb2.ListApiKeysRequest(parent=ACME, view=api_key_pb2.API_KEY_VIEW_FULL)
    for key in (await client.call("ListApiKeys", request, "member")).api_keys:
        assert (key.spent_nano_credits, key.call_count) == (700, 3)
        assert key.last_use_time.ToDatetime(dt.UTC) == used
    basic = await client.call("ListApiKeys", api_key_pb2.ListApiKeysRequest(parent=ACME), "member")
    assert not basic.api_keys[0].HasField("last_use_time")


async def test_every_change_is_in_the_audit_log_without_a_secret(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("CreateApiKey", create("member", "new"), "sub")
    await client.call("UpdateApiKey", update(key="new", display_name="Renamed"), "member")
    await client.call("UpdateApiKey", update(key="new", display_name="Renamed"), "member")
    rotated = await client.call("RotateApiKey", api_key_pb2.RotateApiKeyRequest(name=name_of("new")), "member")
    await client.call("DeleteApiKey", delete("new"), "l1")
    assert await logged(owner) == [
        ("CreateApiKey", name_of("new"), "sub"),
        ("UpdateApiKey", name_of("new"), "member"),
        ("RotateApiKey", name_of("new"), "member"),
        ("DeleteApiKey", name_of("new"), "l1"),
    ]
    log = await owner.fetchval("SELECT string_agg(a::text, '') FROM audit_log a")
    assert made.secret not in log
    assert rotated.secret not in log


async def test_the_data_plane_is_notified_of_a_new_secret(client: Client, owner: asyncpg.Connection) -> None:
    notified: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.put_nowait(str(arguments[3])))
    for request in (update(ip_allow_list=["192.0.2.1"]), update(model_whitelist=ModelWhitelist(entries=["a"]))):
        await client.call("UpdateApiKey", request, "member")
    await client.call("RotateApiKey", rotate(), "member")
    heard = {await asyncio.wait_for(notified.get(), 30) for _ in range(4)}
    assert heard == {"acme api_key key-member", "acme guardrail api_key:key-member"}


async def test_a_personal_account_can_have_keys(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE organizations SET kind = 'PERSONAL' WHERE organization_id = 'other'")
    request = api_key_pb2.CreateApiKeyRequest(parent="organizations/other", api_key=ApiKey(display_name="Mine"))
    assert (await client.call("CreateApiKey", request, "stranger")).secret


@pytest.mark.parametrize("caller", ["l1-peer", "sales", "below", "stranger"])
async def test_only_admin_service_may_write_keys(client: Client, owner: asyncpg.Connection, caller: str) -> None:
    await add_key(owner, "of-l1", "l1")
    for method, request in (
        ("UpdateApiKey", update(key="of-l1", display_name="x")),
        ("RotateApiKey", api_key_pb2.RotateApiKeyRequest(name=name_of("of-l1"))),
        ("DeleteApiKey", delete("of-l1")),
    ):
        assert await client.code(method, request, caller) is grpc.StatusCode.PERMISSION_DENIED
