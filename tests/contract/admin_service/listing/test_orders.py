"""`order_by` of every list that supports it: each field in both directions, with ties. Other fields are refused."""

from typing import Any, Final

import asyncpg
import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from admin_service.access.permission_matrix import admin_services
from admin_service.access.rpc_declarations import Method, declared_methods
from tests.contract.admin_service.access.climbing import ACME
from tests.contract.admin_service.conftest import Client

ORDERED: Final = {
    method.descriptor.name: method
    for service in admin_services()
    for method in declared_methods(service)
    if "order_by" in method.descriptor.input_type.fields_by_name
}


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
    for field in ("name", "create_time") if name == "ListAccessTokens" else ("name",):
        upwards = await names(client, method, field, 1000)
        assert len(set(upwards)) == len(upwards) >= 3
        assert await names(client, method, f"{field} asc", 1) == upwards
        assert await names(client, method, f"{field} desc", 2) == upwards[::-1]
    assert await names(client, method, "", 1000) == await names(client, method, "name", 1000)


@pytest.mark.parametrize("name", ORDERED)
async def test_a_page_token_is_refused_for_another_order(client: Client, name: str) -> None:
    method = ORDERED[name]
    first = await client.call(name, request(method, order_by="name", page_size=1))
    turned = request(method, order_by="name desc", page_size=1, page_token=first.next_page_token)
    assert (await client.failure(name, turned)).reason == "PAGE_TOKEN_INVALID"
