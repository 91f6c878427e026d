"""The audit log: it has every change, no role can alter it, and each caller sees only permitted entries."""

import csv
import io
import json

import asyncpg
import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from megarouter.admin.v1 import api_key_pb2, audit_log_pb2
from megarouter.admin.v1.audit_log_pb2 import AUDIT_LOG_FORMAT_CSV, AUDIT_LOG_FORMAT_JSON_LINES, AuditLogEntry

from tests.contract.admin_service.conftest import EDGE_SECRET, Client, bearer

LIST = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme")
SERVICE = "megarouter.admin.v1.ApiKeys"


async def disable(client: Client, key: str, member: str = "super", **options: object) -> None:
    await client.call(
        "DisableApiKey", api_key_pb2.DisableApiKeyRequest(name=f"organizations/acme/apiKeys/{key}"), member, **options
    )


async def entries(client: Client, member: str = "super", **fields: object) -> list[AuditLogEntry]:
    request = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme", **fields)  # type: ignore[arg-type] # fields of the request
    return list((await client.call("ListAuditLogEntries", request, member)).audit_log_entries)


async def test_an_entry_names_the_actor_the_method_and_the_previous_state(client: Client) -> None:
    await disable(client, "key-member", "sub")
    (entry,) = await entries(client)
    assert (entry.user, entry.member, entry.role) == ("users/sub", "organizations/acme/members/sub", "SUB_ADMIN")
    assert entry.access_token == "users/sub/accessTokens/sub"
    assert (entry.method, entry.resource) == (f"{SERVICE}/DisableApiKey", "organizations/acme/apiKeys/key-member")
    assert MessageToDict(entry)["before"]["state"] == "STATE_ACTIVE"
    assert MessageToDict(entry)["after"]["state"] == "STATE_DISABLED"
    assert await client.call("GetAuditLogEntry", audit_log_pb2.GetAuditLogEntryRequest(name=entry.name)) == entry


async def test_a_call_that_fails_or_changes_nothing_is_not_logged(client: Client) -> None:
    await disable(client, "key-member")
    await disable(client, "key-member")
    assert (
        await client.code(
            "DisableApiKey", api_key_pb2.DisableApiKeyRequest(name="organizations/acme/apiKeys/key-super"), "member"
        )
        is grpc.StatusCode.PERMISSION_DENIED
    )
    assert len(await entries(client)) == 1


async def test_a_group_admin_sees_the_changes_in_their_subtree(client: Client) -> None:
    for key in ("key-super", "key-member", "key-below", "key-sales"):
        await disable(client, key)
    seen = {
        member: [entry.resource.rsplit("/")[-1] for entry in await entries(client, member)]
        for member in ("super", "l1", "sub")
    }
    assert seen["super"] == ["key-sales", "key-below", "key-member", "key-super"]
    assert seen["l1"] == seen["sub"] == ["key-below", "key-member"]
    assert await client.code("ListAuditLogEntries", LIST, "member") is grpc.StatusCode.PERMISSION_DENIED


async def test_getting_an_entry_requires_the_same_permission_as_listing_it(client: Client) -> None:
    await disable(client, "key-sales")
    (entry,) = await entries(client)
    request = audit_log_pb2.GetAuditLogEntryRequest(name=entry.name)
    assert await client.code("GetAuditLogEntry", request, "l1") is grpc.StatusCode.PERMISSION_DENIED
    assert await client.code("GetAuditLogEntry", request, "stranger") is grpc.StatusCode.PERMISSION_DENIED


async def test_entries_can_be_filtered_by_their_fields(client: Client) -> None:
    await disable(client, "key-member", "sub")
    await disable(client, "key-sales")
    for text, expected in (
        ('user = "users/sub"', ["key-member"]),
        ('resource : "key-sales"', ["key-sales"]),
        ('role = "SUPER_ADMIN" AND method : "Disable"', ["key-sales"]),
        ('create_time < "2020-01-01T00:00:00Z"', []),
    ):
        assert [entry.resource.rsplit("/")[-1] for entry in await entries(client, filter=text)] == expected


async def test_pages_start_at_the_newest_entry(client: Client) -> None:
    keys = ["key-super", "key-member", "key-below", "key-sales", "key-sub"]
    for key in keys:
        await disable(client, key)
    found, token = [], ""
    while True:
        request = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme", page_size=2, page_token=token)
        page = await client.call("ListAuditLogEntries", request)
        found += [entry.resource.rsplit("/")[-1] for entry in page.audit_log_entries]
        token = page.next_page_token
        if not token:
            break
    assert found == keys[::-1]


async def test_the_csv_export_contains_no_formulas(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO audit_log (organization_id, user_id, method, resource_name, request_id)"
        " VALUES ('acme', 'super', '=cmd()', '+1', 'a,\"b\"')"
    )
    await disable(client, "key-member")
    request = audit_log_pb2.ExportAuditLogEntriesRequest(parent="organizations/acme", format=AUDIT_LOG_FORMAT_CSV)
    export = await client.call("ExportAuditLogEntries", request)
    assert export.content.count("\r\n") == 3
    newest, oldest = csv.DictReader(io.StringIO(export.content))
    assert json.loads(newest["after"])["state"] == "STATE_DISABLED"
    assert (oldest["method"], oldest["resource"], oldest["request_id"]) == ("'=cmd()", "'+1", 'a,"b"')


async def test_the_pages_of_an_export_form_one_file(client: Client) -> None:
    for key in ("key-super", "key-member"):
        await disable(client, key)
    for written_as in (AUDIT_LOG_FORMAT_CSV, AUDIT_LOG_FORMAT_JSON_LINES):
        whole = audit_log_pb2.ExportAuditLogEntriesRequest(parent="organizations/acme", format=written_as)
        first = audit_log_pb2.ExportAuditLogEntriesRequest(parent="organizations/acme", format=written_as, page_size=1)
        one = await client.call("ExportAuditLogEntries", first)
        first.page_token = one.next_page_token
        two = await client.call("ExportAuditLogEntries", first)
        assert one.content + two.content == (await client.call("ExportAuditLogEntries", whole)).content
        assert not two.next_page_token


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET method = 'm'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_no_role_can_alter_the_log_not_even_the_owner(
    client: Client, owner: asyncpg.Connection, statement: str
) -> None:
    await disable(client, "key-member")
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(statement)
    async with owner.transaction():
        await owner.execute("SET LOCAL ROLE megarouter_admin")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)


async def test_an_entry_has_the_client_address(client: Client) -> None:
    headers = [*bearer("super"), ("x-request-id", "call-1"), ("x-megarouter-client-address", "192.0.2.7")]
    await disable(client, "key-member", metadata=[*headers, ("x-megarouter-edge-secret", EDGE_SECRET)])
    await disable(client, "key-below", metadata=headers)
    claimed, proven = await entries(client)
    assert (proven.call_id, proven.client_address) == ("call-1", "192.0.2.7")
    assert (claimed.call_id, claimed.client_address) == ("", ""), "only Envoy may set the address"
