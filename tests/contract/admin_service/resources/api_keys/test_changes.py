"""Creating and updating API keys: permissions, limits and validation."""

import asyncio
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from gateway_core.model.organization.bearer_secrets import API_KEY
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.api_keys.calls import (
    NAME,
    create,
    delete,
    identity,
    key_limit,
    member_name,
    name_of,
    update,
)


async def test_a_created_key_works_and_only_its_hash_is_stored(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("CreateApiKey", create(), "member")
    assert API_KEY.is_well_formed(made.secret)
    assert made.api_key.member == member_name("member")
    assert made.api_key.state == ApiKey.STATE_ACTIVE
    found = await identity(owner, made.secret)
    assert found is not None
    assert name_of(found["api_key_id"]) == made.api_key.name
    stored = await owner.fetchval("SELECT k::text FROM api_keys k WHERE api_key_id = $1", found["api_key_id"])
    assert made.secret not in stored
    assert made.api_key.obfuscated_key != made.secret


async def test_a_key_is_created_with_every_field(client: Client, owner: asyncpg.Connection) -> None:
    expiry = Timestamp(seconds=4_000_000_000)
    made = await client.call(
        "CreateApiKey",
        create(
            key="build-server",
            expire_time=expiry,
            model_whitelist=ModelWhitelist(entries=["openai/*"]),
            ip_allow_list=["192.0.2.0/24", "2001:db8::1"],
        ),
        "member",
    )
    key = await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=name_of("build-server")), "member")
    assert key == made.api_key
    assert key.expire_time == expiry
    assert list(key.model_whitelist.entries) == ["openai/*"]
    assert list(key.ip_allow_list) == ["192.0.2.0/24", "2001:db8::1/128"]
    rail = await owner.fetchval("SELECT model_whitelist FROM guardrails WHERE scope_id = 'build-server'")
    assert rail == ["openai/*"]


@pytest.mark.parametrize(
    ("caller", "member"),
    [("super", "l1"), ("super", "super"), ("l1", "sub"), ("l1", "below"), ("sub", "member"), ("member", "member")],
)
async def test_an_admin_creates_keys_for_lower_roles_in_the_subtree(client: Client, caller: str, member: str) -> None:
    made = await client.call("CreateApiKey", create(member), caller)
    assert made.api_key.member == member_name(member)


@pytest.mark.parametrize(
    ("caller", "member"),
    [("member", "below"), ("sub", "l1"), ("sub", "sales"), ("l1", "l1-peer"), ("l1", "super"), ("super", "unknown")],
)
async def test_a_key_for_an_unreachable_member_gets_the_error_of_a_missing_member(
    client: Client, owner: asyncpg.Connection, caller: str, member: str
) -> None:
    before = await owner.fetchval("SELECT count(*) FROM api_keys")
    failure = await client.failure("CreateApiKey", create(member), caller)
    absent = await client.failure("CreateApiKey", create("absent"), caller)
    assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert failure.message.replace(member_name(member), "x") == absent.message.replace(member_name("absent"), "x")
    assert await owner.fetchval("SELECT count(*) FROM api_keys") == before


async def test_a_member_of_another_organization_cannot_own_a_key(client: Client) -> None:
    request = create()
    request.api_key.member = "organizations/other/members/stranger"
    assert await client.code("CreateApiKey", request, "super") is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(("state", "reason"), [("SUSPENDED", "STATE_UNSUITABLE"), ("REMOVED", "MEMBER_REMOVED")])
async def test_a_suspended_or_removed_member_gets_no_key(
    client: Client, owner: asyncpg.Connection, state: str, reason: str
) -> None:
    await owner.execute("UPDATE members SET state = $1 WHERE member_id = 'member'", state)
    failure = await client.failure("CreateApiKey", create("member"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert failure.message.startswith(f"The member 'member' is {state.lower()}.")


async def test_a_repeated_creation_creates_no_second_key_and_shows_no_secret(
    client: Client, owner: asyncpg.Connection
) -> None:
    request = create(request_id=str(uuid.uuid4()))
    first = await client.call("CreateApiKey", request, "member")
    again = await client.call("CreateApiKey", request, "member")
    assert (again.secret, again.secret_already_issued) == ("", True)
    assert not first.secret_already_issued
    assert again.api_key == first.api_key
    assert await owner.fetchval("SELECT count(*) FROM api_keys WHERE member_id = 'member'") == 2
    kept = await owner.fetchval("SELECT encode(response, 'escape') FROM request_replays")
    assert first.secret not in kept


async def test_an_id_is_never_used_again(client: Client) -> None:
    await client.call("DeleteApiKey", delete())
    failure = await client.failure("CreateApiKey", create(key="key-member"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")


@pytest.mark.parametrize(("kind", "scope"), [("member", "member"), ("organization", "acme")])
async def test_fifty_concurrent_creations_fill_the_key_limit_exactly(
    client: Client, owner: asyncpg.Connection, kind: str, scope: str
) -> None:
    there = await owner.fetchval(
        "SELECT count(*) FROM api_keys WHERE organization_id = 'acme' AND ($1 = 'organization' OR member_id = $2)",
        kind,
        scope,
    )
    await key_limit(owner, kind, scope, there + 3)
    codes = await asyncio.gather(*(client.code("CreateApiKey", create(), "member") for _ in range(50)))
    assert codes.count(grpc.StatusCode.OK) == 3
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 47


async def test_a_reached_key_limit_is_named(client: Client, owner: asyncpg.Connection) -> None:
    await key_limit(owner, "member", "member", 1)
    failure = await client.failure("CreateApiKey", create(), "member")
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "KEY_LIMIT_REACHED")
    assert failure.metadata == {"keyLimit": "1"}
    await client.call("DeleteApiKey", delete(), "member")
    await client.call("CreateApiKey", create(), "member")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "api_key.display_name"),
        ({"display_name": "x" * 201}, "api_key.display_name"),
        ({"expire_time": Timestamp(seconds=1)}, "api_key.expire_time"),
        ({"expire_time": Timestamp(seconds=2**60)}, "api_key.expire_time"),
        ({"ip_allow_list": ["192.0.2.1/24"]}, "api_key.ip_allow_list"),
        ({"ip_allow_list": [f"192.0.2.{n}" for n in range(101)]}, "api_key.ip_allow_list"),
        ({"model_whitelist": ModelWhitelist(entries=["open*"])}, "api_key.model_whitelist.entries"),
        ({"model_whitelist": ModelWhitelist(entries=[f"m{n}" for n in range(201)])}, "api_key.model_whitelist.entries"),
    ],
)
async def test_a_key_with_an_invalid_field_is_not_created(
    client: Client, owner: asyncpg.Connection, fields: dict[str, Any], field: str
) -> None:
    failure = await client.failure("CreateApiKey", create(key="bad", **fields))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert field in failure.fields
    assert not await owner.fetchval("SELECT count(*) FROM api_keys WHERE api_key_id = 'bad'")


async def test_an_update_changes_only_the_fields_in_its_mask(client: Client) -> None:
    await client.call("UpdateApiKey", update(ip_allow_list=["192.0.2.0/24"], display_name="One"), "member")
    key = await client.call("UpdateApiKey", update(["ip_allow_list"], display_name="Two"), "member")
    assert (key.display_name, list(key.ip_allow_list)) == ("One", [])


async def test_a_star_mask_changes_every_field_except_output_only_ones(client: Client) -> None:
    before = await client.call("UpdateApiKey", update(ip_allow_list=["192.0.2.1"]), "member")
    asked = update(["*"], display_name="New", state=ApiKey.STATE_DELETED, obfuscated_key="mr-", member="members/x")
    after = await client.call("UpdateApiKey", asked, "member")
    assert (after.display_name, list(after.ip_allow_list)) == ("New", [])
    assert (after.state, after.obfuscated_key, after.member) == (before.state, before.obfuscated_key, before.member)


async def test_an_empty_whitelist_allows_nothing_and_an_unset_one_everything(
    client: Client, owner: asyncpg.Connection
) -> None:
    whitelist = "SELECT model_whitelist FROM guardrails WHERE scope_kind = 'api_key' AND scope_id = 'key-member'"
    key = await client.call("UpdateApiKey", update(model_whitelist=ModelWhitelist()), "member")
    assert key.HasField("model_whitelist")
    assert await owner.fetchval(whitelist) == []
    key = await client.call("UpdateApiKey", update(["model_whitelist"]), "member")
    assert not key.HasField("model_whitelist")
    assert await owner.fetchval(whitelist) is None


async def test_a_changed_whitelist_changes_the_etag(client: Client) -> None:
    first = await client.call("UpdateApiKey", update(model_whitelist=ModelWhitelist(entries=["a"])), "member")
    second = await client.call("UpdateApiKey", update(model_whitelist=ModelWhitelist(entries=["b"])), "member")
    assert first.etag != second.etag


@pytest.mark.parametrize("path", ["state_of_mind", "member", "model_whitelist.entries"])
async def test_a_mask_with_a_field_that_cannot_be_changed_is_refused(client: Client, path: str) -> None:
    failure = await client.failure("UpdateApiKey", update([path], display_name="x"))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("update_mask",))


async def test_an_update_with_a_stale_etag_changes_nothing(client: Client) -> None:
    etag = (await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME))).etag
    outcomes = await asyncio.gather(
        *(client.code("UpdateApiKey", update(display_name=f"n{n}", etag=etag), "member") for n in range(5))
    )
    assert sorted(code.name for code in outcomes) == ["ABORTED"] * 4 + ["OK"]
