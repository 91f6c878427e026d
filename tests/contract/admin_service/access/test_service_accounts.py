"""No RPC for people reaches a service account, and no RPC for service accounts reaches people."""

from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from megarouter.admin.v1 import api_key_pb2, guardrail_pb2, member_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail

from admin_service.access.permission_matrix import admin_services
from admin_service.access.rpc_declarations import Method, declared_methods
from admin_service.api.names import MEMBERS, SERVICE_ACCOUNTS, parse_name
from tests.contract.admin_service.access.climbing import ACME, name_of, world
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.service_accounts.calls import create, key_of

DENIED = grpc.StatusCode.PERMISSION_DENIED
METHODS = [method for service in admin_services() for method in declared_methods(service)]
AS_MEMBER = name_of("members", "sa-build")


def request_for(method: Method, name: str) -> Any:
    request: Any = GetMessageClass(method.descriptor.input_type)()
    *outer, last = method.resource_field.split(".")
    holder = request
    for part in outer:
        holder = getattr(holder, part)
    setattr(holder, last, name)
    return request


@pytest.mark.parametrize(
    ("collection", "name"),
    [(MEMBERS, AS_MEMBER), (SERVICE_ACCOUNTS, name_of("serviceAccounts", "member"))],
    ids=["a service account as a member", "a member as a service account"],
)
async def test_no_method_takes_one_for_the_other(
    client: Client, owner: asyncpg.Connection, collection: str, name: str
) -> None:
    await key_of(client)
    before = await world(owner)
    methods = [method for method in METHODS if collection in method.collections]
    assert len(methods) > 6
    for method in methods:
        assert await client.code(method.descriptor.name, request_for(method, name), "super") is DENIED, method.full_name
    assert await world(owner) == before


async def test_a_service_account_is_in_no_list_and_no_batch_of_people(
    client: Client, owner: asyncpg.Connection
) -> None:
    await key_of(client)
    for fields in ({}, {"show_removed": True}, {"group": name_of("groups", "platform")}, {"filter": "Build"}):
        request = member_pb2.ListMembersRequest(parent=ACME, **fields)
        found = (await client.call("ListMembers", request)).members
        assert not [member.name for member in found if "sa-build" in member.name]
    before = await world(owner)
    for method in ("BatchMoveMembers", "BatchSuspendMembers", "BatchResumeMembers", "BatchRemoveMembers"):
        (found_method,) = (one for one in METHODS if one.descriptor.name == method)
        batch = GetMessageClass(found_method.descriptor.input_type)(parent=ACME, names=[AS_MEMBER])
        assert await client.code(method, batch, "super") is DENIED
    assert await world(owner) == before


async def test_keys_and_guardrails_name_it_in_one_way_only(client: Client) -> None:
    await client.call("CreateServiceAccount", create())
    as_member = api_key_pb2.CreateApiKeyRequest(
        parent=ACME, api_key=api_key_pb2.ApiKey(display_name="x", member=AS_MEMBER)
    )
    assert await client.code("CreateApiKey", as_member, "super") is DENIED
    for guardrail in ("member-sa-build", "serviceaccount-member"):
        update = guardrail_pb2.UpdateGuardrailRequest(
            guardrail=Guardrail(name=name_of("guardrails", guardrail), budget_nano_credits=1)
        )
        assert await client.code("UpdateGuardrail", update, "super") is DENIED
    guarded = guardrail_pb2.UpdateGuardrailRequest(
        guardrail=Guardrail(name=name_of("guardrails", "serviceaccount-sa-build"), budget_nano_credits=1)
    )
    made = await client.call("UpdateGuardrail", guarded, "sub")
    assert made.scope == name_of("serviceAccounts", "sa-build")
    listing = guardrail_pb2.ListGuardrailsRequest(parent=ACME, filter=f'service_account = "{made.scope}"')
    assert [one.name for one in (await client.call("ListGuardrails", listing, "sub")).guardrails] == [made.name]


async def test_it_has_no_user_and_no_role_above_member(owner: asyncpg.Connection, people: None) -> None:
    """The table refuses whatever would let it sign in or administer."""
    add = "INSERT INTO members (organization_id, member_id, display_name, role) VALUES ('acme', $1, 'x', $2)"
    for member, role in (("sa-x", "SUPER_ADMIN"), ("robot", "MEMBER")):
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(add, member, role)
    await owner.execute(add, "sa-x", "MEMBER")
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE members SET user_id = 'stranger' WHERE member_id = 'sa-x'")
    assert parse_name(name_of("members", "sa-x")) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'super'",
        "UPDATE members SET state = 'REMOVED' WHERE member_id = 'super'",
    ],
    ids=["suspended", "removed"],
)
async def test_whoever_lost_their_membership_gets_no_call_by_a_service_account(
    client: Client, owner: asyncpg.Connection, statement: str
) -> None:
    """Neither a suspended or removed Super Admin nor a stranger creates one, nor a key for one that exists."""
    made = await key_of(client)
    await owner.execute(statement)
    before = await world(owner)
    key = api_key_pb2.CreateApiKeyRequest(
        parent=ACME,
        api_key=api_key_pb2.ApiKey(display_name="x", service_account=name_of("serviceAccounts", "sa-build")),
    )
    rotation = api_key_pb2.RotateApiKeyRequest(name=made.api_key.name)
    for who in ("super", "stranger", "member"):
        assert await client.code("CreateServiceAccount", create("sa-other"), who) is DENIED
        assert await client.code("CreateApiKey", key, who) is DENIED
        assert await client.code("RotateApiKey", rotation, who) is DENIED
    elsewhere = api_key_pb2.CreateApiKeyRequest(parent="organizations/other", api_key=key.api_key)
    assert await client.code("CreateApiKey", elsewhere, "stranger") is DENIED
    assert await world(owner) == before
