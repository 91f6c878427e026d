"""Authentication and authorization: which calls are allowed, and which error the others get."""

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message
from megarouter.admin.v1 import api_key_pb2, credit_pb2
from pydantic import SecretStr

from gateway_core.runtime.settings import AdminSettings
from tests.contract.admin_service.conftest import ACME, Client, CuttableProxy, bearer, running_service, token_of, until

MEMBERS = tuple(member for member, _, _ in ACME)
READABLE = {
    "super": set(MEMBERS),
    "l1": {"l1", "l1-peer", "sub", "member", "below"},
    "sub": {"sub", "member", "below"},
    "member": {"member"},
    "sales": {"sales"},
}
CHANGEABLE = {
    "super": set(MEMBERS),
    "l1": {"l1", "sub", "member", "below"},
    "sub": {"sub", "member", "below"},
    "member": {"member"},
    "sales": {"sales"},
}


def get_key(member: str, organization: str = "acme") -> api_key_pb2.GetApiKeyRequest:
    return api_key_pb2.GetApiKeyRequest(name=f"organizations/{organization}/apiKeys/key-{member}")


async def succeeds(client: Client, method: str, request: Message, member: str) -> bool:
    code = await client.code(method, request, member)
    assert code in {grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED}
    return code is grpc.StatusCode.OK


async def test_each_role_reads_the_keys_of_its_subtree(client: Client) -> None:
    read = {
        who: {whose for whose in MEMBERS if await succeeds(client, "GetApiKey", get_key(whose), who)}
        for who in READABLE
    }
    assert read == READABLE


@pytest.mark.parametrize(
    ("method", "request_type"),
    [("DisableApiKey", api_key_pb2.DisableApiKeyRequest), ("EnableApiKey", api_key_pb2.EnableApiKeyRequest)],
)
async def test_each_role_disables_the_keys_of_lower_roles_in_its_subtree(
    client: Client, method: str, request_type: type
) -> None:
    requests = {whose: request_type(name=f"organizations/acme/apiKeys/key-{whose}") for whose in MEMBERS}
    changed = {
        who: {whose for whose in MEMBERS if await succeeds(client, method, requests[whose], who)} for who in CHANGEABLE
    }
    assert changed == CHANGEABLE


async def test_a_list_shows_only_readable_resources(client: Client) -> None:
    shown = {}
    for who in READABLE:
        answer = await client.call("ListApiKeys", api_key_pb2.ListApiKeysRequest(parent="organizations/acme"), who)
        shown[who] = {key.name.rsplit("key-", 1)[1] for key in answer.api_keys}
    assert shown == READABLE


async def test_only_super_and_level_1_admins_access_credit(client: Client) -> None:
    read = credit_pb2.GetCreditBalanceRequest(name="organizations/acme/creditBalance")
    top_up = credit_pb2.TopUpCreditRequest(
        parent="organizations/acme", amount_nano_credits=1, request_id="f47ac10b-58cc-4372-a567-0e02b2c3d479"
    )
    for method, request in (("GetCreditBalance", read), ("TopUpCredit", top_up)):
        allowed = {who for who in MEMBERS if await succeeds(client, method, request, who)}
        assert allowed == {"super", "l1", "l1-peer"}


@pytest.mark.parametrize("method", ["GetApiKey", "DisableApiKey", "EnableApiKey"])
@pytest.mark.parametrize("who", ["member", "stranger"])
async def test_forbidden_and_absent_look_the_same(client: Client, who: str, method: str) -> None:
    request_type = getattr(api_key_pb2, f"{method}Request")
    forbidden = await client.failure(method, request_type(name="organizations/acme/apiKeys/key-sales"), who)
    absent = await client.failure(method, request_type(name="organizations/acme/apiKeys/key-unknown"), who)
    nowhere = await client.failure(method, request_type(name="organizations/nowhere/apiKeys/key-sales"), who)
    assert forbidden.code is grpc.StatusCode.PERMISSION_DENIED
    assert forbidden.reason == "PERMISSION_DENIED"
    for other, name in ((absent, "acme/apiKeys/key-unknown"), (nowhere, "nowhere/apiKeys/key-sales")):
        assert other.code is forbidden.code
        assert other.message == forbidden.message.replace("acme/apiKeys/key-sales", name)
        assert other.metadata.keys() == forbidden.metadata.keys()


@pytest.mark.parametrize("who", ["super", "stranger"])
async def test_another_organization_is_never_visible(client: Client, who: str) -> None:
    elsewhere = "other" if who == "super" else "acme"
    for method, request in (
        ("ListApiKeys", api_key_pb2.ListApiKeysRequest(parent=f"organizations/{elsewhere}")),
        ("GetCreditBalance", credit_pb2.GetCreditBalanceRequest(name=f"organizations/{elsewhere}/creditBalance")),
    ):
        assert (await client.failure(method, request, who)).code is grpc.StatusCode.PERMISSION_DENIED


NO_CREDENTIALS: tuple[list[tuple[str, str]], ...] = (
    [],
    [("authorization", "")],
    [("authorization", token_of("super"))],
    [("authorization", f"Basic {token_of('super')}")],
    [("authorization", "Bearer ")],
    [("authorization", "Bearer nonsense")],
    [("authorization", f"Bearer {token_of('unknown')}")],
    [("authorization", f"Bearer {token_of('super')}x")],
    [*bearer("super"), *bearer("super")],
    [("x-api-key", token_of("super"))],
)


async def test_a_call_without_exactly_one_valid_token_is_refused(client: Client) -> None:
    for metadata in NO_CREDENTIALS:
        failure = await client.failure("GetApiKey", get_key("super"), metadata=metadata)
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ACCESS_TOKEN_INVALID"), metadata


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE access_tokens SET revoke_time = now()",
        "UPDATE access_tokens SET expire_time = now()",
        "DELETE FROM access_tokens",
    ],
)
async def test_the_first_call_after_a_token_ends_is_refused(
    client: Client, owner: asyncpg.Connection, change: str
) -> None:
    await client.call("GetApiKey", get_key("super"))
    await owner.execute(change)
    failure = await client.failure("GetApiKey", get_key("super"))
    assert failure.code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'super'",
        "UPDATE members SET state = 'REMOVED' WHERE member_id = 'super'",
        "UPDATE members SET role = 'MEMBER' WHERE member_id = 'super'",
        "UPDATE organizations SET state = 'DELETED' WHERE organization_id = 'acme'",
    ],
)
async def test_the_first_call_after_an_admin_loses_the_role_is_refused(
    client: Client, owner: asyncpg.Connection, change: str
) -> None:
    await client.call("GetApiKey", get_key("sales"))
    await owner.execute(change)
    failure = await client.failure("GetApiKey", get_key("sales"))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_user_has_a_separate_role_in_each_organization(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('other', 'guest', 'super', 'MEMBER')"
    )
    await client.call("GetApiKey", get_key("sales"), "super")
    failure = await client.failure("GetApiKey", get_key("stranger", "other"), "super")
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED


async def test_permission_is_checked_before_the_request_is_validated(client: Client) -> None:
    bad = credit_pb2.TopUpCreditRequest(parent="organizations/acme", amount_nano_credits=-1)
    assert (await client.failure("TopUpCredit", bad, "member")).code is grpc.StatusCode.PERMISSION_DENIED
    assert (await client.failure("TopUpCredit", bad, metadata=[])).code is grpc.StatusCode.UNAUTHENTICATED
    assert (await client.failure("TopUpCredit", bad, "super")).code is grpc.StatusCode.INVALID_ARGUMENT


async def test_several_tokens_of_a_user_work(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE access_tokens SET user_id = 'super' WHERE user_id = 'sales'")
    await client.call("GetApiKey", get_key("below"), "sales")
    await client.call("GetApiKey", get_key("below"), "super")


async def test_the_service_is_unavailable_and_not_ready_without_its_database(
    settings: AdminSettings, people: None
) -> None:
    async with CuttableProxy(settings.database_url.get_secret_value()) as proxy:
        through_proxy = settings.model_copy(update={"admin_database_url": SecretStr(proxy.url)})
        async with running_service(through_proxy) as (service, client):
            await until(service.is_ready)
            await client.call("GetApiKey", get_key("super"))
            proxy.cut()
            await until(lambda: not service.is_ready())
            failure = await client.failure("GetApiKey", get_key("super"))
            proxy.mend()
            await until(service.is_ready)
            await client.call("GetApiKey", get_key("super"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert failure.message == "The service cannot reach its database. Try again."
