"""Reading, listing, disabling and enabling API keys."""

import asyncio
import datetime as dt

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import api_key_pb2, audit_log_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey

from tests.contract.admin_service.conftest import Client, add_key

ACME = "organizations/acme"
NAME = "organizations/acme/apiKeys/key-member"
GET = api_key_pb2.GetApiKeyRequest(name=NAME)


def disable(etag: str = "") -> api_key_pb2.DisableApiKeyRequest:
    return api_key_pb2.DisableApiKeyRequest(name=NAME, etag=etag)


def enable(etag: str = "") -> api_key_pb2.EnableApiKeyRequest:
    return api_key_pb2.EnableApiKeyRequest(name=NAME, etag=etag)


def keys_of(parent: str = "organizations/acme", size: int = 0, token: str = "") -> api_key_pb2.ListApiKeysRequest:
    return api_key_pb2.ListApiKeysRequest(parent=parent, page_size=size, page_token=token)


async def test_a_key_is_shown_without_its_secret(client: Client, owner: asyncpg.Connection) -> None:
    expiry = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    await owner.execute("UPDATE api_keys SET expire_time = $1 WHERE api_key_id = 'key-member'", expiry)
    key = await client.call("GetApiKey", GET)
    row = await owner.fetchrow("SELECT * FROM api_keys WHERE api_key_id = 'key-member'")
    assert row is not None
    assert key.name == NAME
    assert key.member == "organizations/acme/members/member"
    assert key.display_name == "key-member"
    assert key.obfuscated_key == "mr-Abcd…9f0c"
    assert key.state == ApiKey.STATE_ACTIVE
    assert key.expire_time.ToDatetime(dt.UTC) == expiry
    assert key.create_time.ToDatetime(dt.UTC) == row["create_time"]
    assert row["secret_hash"] not in key.SerializeToString()


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("state = 'DISABLED'", ApiKey.STATE_DISABLED),
        ("state = 'DELETED'", ApiKey.STATE_DELETED),
        ("expire_time = now()", ApiKey.STATE_EXPIRED),
        ("expire_time = now() + interval '1 hour'", ApiKey.STATE_ACTIVE),
        ("expire_time = now(), state = 'DISABLED'", ApiKey.STATE_DISABLED),
    ],
)
async def test_the_state_says_whether_calls_are_accepted(
    client: Client, owner: asyncpg.Connection, change: str, state: ApiKey.State.ValueType
) -> None:
    await owner.execute(f"UPDATE api_keys SET {change} WHERE api_key_id = 'key-member'")  # noqa: S608
    assert (await client.call("GetApiKey", GET)).state == state


async def test_disabling_a_key_is_stored_and_every_replica_is_notified(
    client: Client, owner: asyncpg.Connection
) -> None:
    notified: asyncio.Queue[str] = asyncio.Queue()
    await owner.add_listener("megarouter_identity", lambda *arguments: notified.put_nowait(str(arguments[3])))
    key = await client.call("DisableApiKey", disable(), "member")
    assert key.state == ApiKey.STATE_DISABLED
    assert await owner.fetchval("SELECT state FROM api_keys WHERE api_key_id = 'key-member'") == "DISABLED"
    assert await asyncio.wait_for(notified.get(), 30) == "acme api_key key-member"
    key = await client.call("EnableApiKey", enable(), "member")
    assert key.state == ApiKey.STATE_ACTIVE
    assert await owner.fetchval("SELECT state FROM api_keys WHERE api_key_id = 'key-member'") == "ACTIVE"
    assert await asyncio.wait_for(notified.get(), 30) == "acme api_key key-member"


async def test_disabling_twice_changes_nothing_the_second_time(client: Client) -> None:
    first = await client.call("DisableApiKey", disable())
    assert await client.call("DisableApiKey", disable()) == first


async def test_enabling_an_expired_key_leaves_it_expired(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET expire_time = now(), state = 'DISABLED' WHERE api_key_id = 'key-member'")
    assert (await client.call("EnableApiKey", enable())).state == ApiKey.STATE_EXPIRED


@pytest.mark.parametrize(("method", "request_"), [("DisableApiKey", disable()), ("EnableApiKey", enable())])
async def test_a_deleted_key_stays_as_it_is(
    client: Client, owner: asyncpg.Connection, method: str, request_: api_key_pb2.DisableApiKeyRequest
) -> None:
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-member'")
    failure = await client.failure(method, request_)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "API_KEY_DELETED")
    assert await owner.fetchval("SELECT state FROM api_keys WHERE api_key_id = 'key-member'") == "DELETED"


async def test_a_stale_etag_changes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    before = await client.call("GetApiKey", GET)
    disabled = await client.call("DisableApiKey", disable(before.etag))
    assert disabled.etag != before.etag
    failure = await client.failure("EnableApiKey", enable(before.etag))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await owner.fetchval("SELECT state FROM api_keys WHERE api_key_id = 'key-member'") == "DISABLED"
    await client.call("EnableApiKey", enable(disabled.etag))


async def test_only_one_of_two_changes_with_one_etag_succeeds(client: Client) -> None:
    etag = (await client.call("GetApiKey", GET)).etag
    outcomes = await asyncio.gather(
        *(client.call("DisableApiKey", disable(etag), who) for who in ("super", "l1", "sub", "member")),
        return_exceptions=True,
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, ApiKey)]) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
async def test_pages_have_no_gap_and_no_repetition(client: Client, size: int) -> None:
    names: list[str] = []
    token, pages = "", 0
    while pages == 0 or token:
        page = await client.call("ListApiKeys", keys_of(size=size, token=token))
        assert len(page.api_keys) <= size
        names += [key.name for key in page.api_keys]
        token, pages = page.next_page_token, pages + 1
    assert names == sorted(names)
    assert len(names) == len(set(names)) == 7
    assert pages == -(-7 // size)


async def test_rows_added_or_removed_between_pages_shift_no_others(client: Client, owner: asyncpg.Connection) -> None:
    first = await client.call("ListApiKeys", keys_of(size=3))
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-below'")
    await add_key(owner, "aaa-first", "member")
    await add_key(owner, "zzz-last", "member")
    rest = await client.call("ListApiKeys", keys_of(size=100, token=first.next_page_token))
    ids = [key.name.rsplit("/", 1)[1] for key in rest.api_keys]
    assert ids == ["key-member", "key-sales", "key-sub", "key-super", "zzz-last"]


async def test_a_page_has_fifty_entries_by_default_and_a_thousand_at_most(
    client: Client, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " SELECT 'acme', 'many-' || n, 'member', 'many', sha256(n::text::bytea), 'mr-…' FROM generate_series(1, 1100) n"
    )
    assert len((await client.call("ListApiKeys", keys_of())).api_keys) == 50
    page = await client.call("ListApiKeys", keys_of(size=10**9))
    assert len(page.api_keys) == 1_000
    assert page.next_page_token


async def test_deleted_keys_are_not_listed(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = 'key-below'")
    answer = await client.call("ListApiKeys", keys_of())
    assert "organizations/acme/apiKeys/key-below" not in {key.name for key in answer.api_keys}


async def test_a_page_token_of_another_list_is_refused(client: Client) -> None:
    token = (await client.call("ListApiKeys", keys_of(size=1))).next_page_token
    failure = await client.failure("ListApiKeys", keys_of("organizations/other", token=token), "stranger")
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_a_page_token_does_not_extend_what_its_user_sees(client: Client) -> None:
    token = (await client.call("ListApiKeys", keys_of(size=1))).next_page_token
    page = await client.call("ListApiKeys", keys_of(token=token), "member")
    assert [key.name for key in page.api_keys] == [NAME]


@pytest.mark.parametrize(
    ("request_", "field"),
    [(keys_of(size=-1), "page_size"), (keys_of(token="x" * 1_025), "page_token")],
)
async def test_an_out_of_range_list_request_is_refused(
    client: Client, request_: api_key_pb2.ListApiKeysRequest, field: str
) -> None:
    failure = await client.failure("ListApiKeys", request_)
    assert (failure.code, failure.reason, failure.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "FIELD_INVALID",
        (field,),
    )


async def test_a_made_up_page_token_is_refused(client: Client) -> None:
    failure = await client.failure("ListApiKeys", keys_of(token="AAAA"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


@pytest.mark.parametrize(("caller", "seen"), [("member", True), ("sub", True), ("super", True), ("sales", False)])
async def test_deleted_keys_are_listed_on_request(client: Client, caller: str, *, seen: bool) -> None:
    await client.call("DeleteApiKey", api_key_pb2.DeleteApiKeyRequest(name=NAME))
    for show_deleted in (False, True):
        request = api_key_pb2.ListApiKeysRequest(parent=ACME, show_deleted=show_deleted)
        found = {key.name: key for key in (await client.call("ListApiKeys", request, caller)).api_keys}
        assert (NAME in found) is (show_deleted and seen)
        if NAME in found:
            assert found[NAME].state == ApiKey.STATE_DELETED
    request = api_key_pb2.ListApiKeysRequest(parent=ACME, show_deleted=True, filter="state = STATE_DELETED")
    assert len((await client.call("ListApiKeys", request, caller)).api_keys) == seen


async def test_a_key_and_the_audit_log_name_the_member(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE users SET display_name = 'Mia Member' WHERE user_id = 'member'")
    await owner.execute("UPDATE users SET display_name = '' WHERE user_id = 'l1'")
    key = await client.call("GetApiKey", api_key_pb2.GetApiKeyRequest(name=NAME), "member")
    assert key.member_display_name == "Mia Member"
    await client.call("DeleteApiKey", api_key_pb2.DeleteApiKeyRequest(name=NAME), "l1")
    log = await client.call("ListAuditLogEntries", audit_log_pb2.ListAuditLogEntriesRequest(parent=ACME))
    assert log.audit_log_entries[0].user_display_name == "l1@example.org"
