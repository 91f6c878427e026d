"""`order_by` of every list that supports it: each field in both directions, with ties. Other fields are refused."""

from typing import Any, Final

import asyncpg
import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from admin_service.access.permission_matrix import admin_services
from admin_service.access.rpc_declarations import Method, declared_methods
from gateway_core.model.ledger.transfers import top_up
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.admin_service.access.climbing import ACME
from tests.contract.admin_service.conftest import Client

ORDERED: Final = {
    method.descriptor.name: method
    for service in admin_services()
    for method in declared_methods(service)
    if "order_by" in method.descriptor.input_type.fields_by_name
}

FIELDS: Final = {
    "ListAccessTokens": ("name", "create_time"),
    "ListAnomalies": ("start_time", "excess_nano_credits"),
    "ListCreditTransactions": ("ledger_sequence",),
    "ListApiKeys": ("name", "create_time", "last_use_time", "spent_nano_credits", "call_count"),
    "ListMembers": ("name", "create_time", "spent_nano_credits", "key_count"),
    "ListServiceAccounts": ("name", "create_time", "spent_nano_credits", "key_count"),
}

DEFAULTS: Final = {"ListAnomalies": "start_time desc", "ListCreditTransactions": "ledger_sequence"}
"""Of the lists whose order without `order_by` is not that of the names."""


@pytest.fixture(autouse=True)
async def rows(owner: asyncpg.Connection, people: None) -> None:
    """Adds at least three of every resource, and three tokens with the same creation time."""
    await owner.execute(
        "INSERT INTO invites (organization_id, invite_id, inviter_member_id, role, secret_hash, expire_time)"
        " SELECT 'acme', 'invite-' || n, 'super', 'MEMBER', sha256(n::text::bytea), now() + interval '1 day'"
        "   FROM generate_series(1, 3) n"
    )
    await owner.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time)"
        " SELECT 'token-' || n, 'super', sha256((n || 't')::bytea), now() + interval '1 day' FROM generate_series(1, 3) n"
    )
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id)"
        " SELECT 'acme', 'member', member_id FROM members WHERE organization_id = 'acme'"
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, display_name, group_id, role)"
        " SELECT 'acme', 'sa-' || n, 'Robot ' || n, 'eng', 'MEMBER' FROM generate_series(1, 3) n"
    )
    await owner.execute(
        "INSERT INTO guardrail_defaults (organization_id, scope_kind, scope_id)"
        " SELECT 'acme', 'group', group_id FROM groups WHERE organization_id = 'acme'"
    )
    await owner.execute(
        "INSERT INTO usage_anomalies (organization_id, anomaly_id, scope_kind, scope_id, local_day, granularity, start_time,"
        " end_time, time_zone, group_path, member_id, actual_nano_credits, expected_nano_credits, lowest_usual_nano_credits,"
        " highest_usual_nano_credits, volume_nano_credits, size_nano_credits, price_nano_credits, parts, ledger_sequence)"
        " SELECT 'acme', 'anomaly-' || n, 'member', 'super', '2026-03-01'::date + n, 'DAY', now(), now(), 'UTC', '{}', 'super',"
        """ 1 + n % 2, 1, 0, 1, n % 2, 0, 0, '{"members": [], "keys": [], "models": []}', 1 FROM generate_series(1, 3) n"""
    )
    transfers = [top_up(1, idempotency_key=f"{number}", actor="users/super", reason="") for number in range(3)]
    await post_transfers(owner, "acme", transfers)


async def names(client: Client, method: Method, order_by: str, page_size: int) -> list[str]:
    """Returns the names on all pages."""
    found: list[str] = []
    page_token = ""
    while True:
        answer = await client.call(
            method.descriptor.name, request(method, order_by=order_by, page_size=page_size, page_token=page_token)
        )
        (field,) = (one for one in type(answer).DESCRIPTOR.fields if one.message_type)
        found += [row.name for row in getattr(answer, field.name)]
        page_token = answer.next_page_token
        if not page_token:
            return found


def request(method: Method, **fields: Any) -> Any:
    parent = "users/me" if method.is_for_users else ACME
    made = GetMessageClass(method.descriptor.input_type)(**fields)
    if "parent" in method.descriptor.input_type.fields_by_name:
        made.parent = parent  # type: ignore[attr-defined] # the previous line checks for it
    return made


@pytest.mark.parametrize("name", ORDERED)
async def test_an_unknown_order_is_refused(client: Client, name: str) -> None:
    for wrong in ("color", "name; DROP TABLE users", "name sideways", "name,name", "x" * 201):
        failure = await client.failure(name, request(ORDERED[name], order_by=wrong))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("order_by",))


@pytest.mark.parametrize("name", ORDERED)
async def test_a_descending_order_is_the_exact_reverse_for_any_page_size(client: Client, name: str) -> None:
    """Seen to fail when the last key of an order is not reversed."""
    method = ORDERED[name]
    for field in FIELDS.get(name, ("name",)):
        upwards = await names(client, method, field, 1000)
        assert len(set(upwards)) == len(upwards) >= 3
        assert await names(client, method, f"{field} asc", 1) == upwards
        assert await names(client, method, f"{field} desc", 2) == upwards[::-1]
    assert await names(client, method, "", 1000) == await names(client, method, DEFAULTS.get(name, "name"), 1000)


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in DEFAULTS])
async def test_a_figure_is_the_only_field_of_an_order(client: Client, name: str) -> None:
    """No table keeps another order, and comparing all rows would take seconds. Rows with one figure are in the order of names."""
    method = ORDERED[name]
    for figure in FIELDS[name][2:]:
        for direction in ("", " desc"):
            alone = await names(client, method, figure + direction, 2)
            assert await names(client, method, f"{figure}{direction}, name{direction}", 3) == alone
        for order in (f"{figure} desc,name", f"{figure},create_time", f"create_time,{figure}", f"name,{figure}"):
            failure = await client.failure(name, request(method, order_by=order))
            assert failure.fields == ("order_by",), order
            assert f"use {figure} alone" in failure.message, failure.message
    with_figures = await client.failure(name, request(method, order_by="color"))
    assert all(field in with_figures.message for field in FIELDS[name])


async def spend(owner: asyncpg.Connection, counter: str, amount: int, calls: int, used: str | None = None) -> None:
    await owner.execute(
        "INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, last_use_time)"
        " VALUES ('acme', $1, $2, $3, $4::text::timestamptz)"
        " ON CONFLICT (organization_id, counter) DO UPDATE SET settled_nano_credits = excluded.settled_nano_credits",
        counter, amount, calls, used,
    )  # fmt: skip
    # As usage_service does it after calls.
    kind, scope_id = counter.split(":")[:2]
    await owner.execute(
        "UPDATE standings SET (cycle, revision, period_start, spent_nano_credits, call_count)"
        " = (SELECT * FROM present_standing('acme', $1, $2)),"
        " last_use_time = greatest(last_use_time, $3::text::timestamptz)"
        " WHERE organization_id = 'acme' AND id = $2 AND (kind = 'api_key') = ($1 = 'api_key')",
        kind, scope_id, used,
    )  # fmt: skip


async def test_keys_are_ordered_by_what_they_did(client: Client, owner: asyncpg.Connection) -> None:
    """Spend and calls are those of the present cycle; the last use is of any."""
    await spend(owner, "api_key:key-super:NEVER:0:0", 5, 9, "2026-01-01T00:00:00Z")
    await spend(owner, "api_key:key-sub:NEVER:0:0", 7, 1, "2026-03-01T00:00:00Z")
    await spend(owner, "api_key:key-l1:DAILY:0:0", 100, 100, "2026-05-01T00:00:00Z")
    await owner.execute("UPDATE api_keys SET create_time = now() - interval '1 day' WHERE api_key_id = 'key-sales'")
    keys = ORDERED["ListApiKeys"]
    first = {
        field: [name.rpartition("/")[2] for name in await names(client, keys, f"{field} desc", 2)][:3]
        for field in FIELDS["ListApiKeys"]
    }
    assert first["spent_nano_credits"][:2] == ["key-sub", "key-super"]
    assert first["call_count"][:2] == ["key-super", "key-sub"]
    assert first["last_use_time"] == ["key-l1", "key-sub", "key-super"]
    assert (await names(client, keys, "create_time", 2))[0].endswith("/key-sales")
    request_of = request(keys, order_by="spent_nano_credits desc", page_size=1)
    (key,) = (await client.call("ListApiKeys", request_of, "sub")).api_keys
    assert key.name.endswith("/key-sub")


async def test_idle_keys_are_found_by_a_filter(client: Client, owner: asyncpg.Connection) -> None:
    """Whichever cycle the key was last used in. A field that is not set meets no comparison."""
    await spend(owner, "api_key:key-super:NEVER:0:0", 5, 9, "2026-01-01T00:00:00Z")
    await spend(owner, "api_key:key-super:DAILY:0:1", 5, 9, "2026-04-01T00:00:00Z")
    await spend(owner, "api_key:key-sub:NEVER:0:0", 7, 1, "2026-03-01T00:00:00Z")
    keys = ORDERED["ListApiKeys"]

    async def found(filter_text: str, **more: Any) -> set[str]:
        answer = await client.call("ListApiKeys", request(keys, filter=filter_text, page_size=1000, **more))
        return {one.name.rpartition("/")[2] for one in answer.api_keys}

    everything = await found("")
    never = everything - {"key-super", "key-sub"}
    assert never
    for order in ("", "spent_nano_credits", "last_use_time"):
        assert await found("NOT last_use_time:*", order_by=order) == never
        assert await found("last_use_time < 2026-03-15T00:00:00Z", order_by=order) == {"key-sub"}
        assert await found("NOT last_use_time >= 2026-03-15T00:00:00Z", order_by=order) == never | {"key-sub"}


async def test_service_accounts_are_ordered_by_spend_and_keys(client: Client, owner: asyncpg.Connection) -> None:
    revision = await owner.fetchval(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', 'member', 'sa-2', 'DAILY')"
        " RETURNING cycle_revision"
    )
    start = await owner.fetchval("SELECT extract(epoch FROM cycle_start('DAILY', 'UTC'))::bigint")
    await spend(owner, f"member:sa-2:DAILY:{start}:{revision}", 7, 1)
    await spend(owner, f"member:sa-1:DAILY:{start}:{revision}", 100, 1)
    await owner.execute("UPDATE api_keys SET member_id = 'sa-3' WHERE api_key_id = 'key-member'")
    accounts = ORDERED["ListServiceAccounts"]
    assert (await names(client, accounts, "spent_nano_credits desc", 2))[0].endswith("/sa-2")
    assert (await names(client, accounts, "key_count desc", 2))[0].endswith("/sa-3")


async def test_a_basic_view_in_the_order_of_spend_shows_no_spend(client: Client, owner: asyncpg.Connection) -> None:
    revision = await owner.fetchval("SELECT cycle_revision FROM guardrails WHERE scope_id = 'sub'")
    await spend(owner, f"member:sub:NEVER:0:{revision}", 7, 1)
    await owner.execute("UPDATE api_keys SET member_id = 'below' WHERE api_key_id = 'key-member'")
    members = ORDERED["ListMembers"]
    answer = await client.call("ListMembers", request(members, order_by="spent_nano_credits desc", page_size=1))
    assert [(one.display_name, one.spent_nano_credits) for one in answer.members] == [("sub", 0)]
    assert (await names(client, members, "key_count desc", 2))[0].endswith("/below")


@pytest.mark.parametrize("name", ORDERED)
async def test_a_page_token_is_refused_for_another_order(client: Client, name: str) -> None:
    method = ORDERED[name]
    field = FIELDS.get(name, ("name",))[0]
    first = await client.call(name, request(method, order_by=field, page_size=1))
    turned = request(method, order_by=f"{field} desc", page_size=1, page_token=first.next_page_token)
    assert (await client.failure(name, turned)).reason == "PAGE_TOKEN_INVALID"
