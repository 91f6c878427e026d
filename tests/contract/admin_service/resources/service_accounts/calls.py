"""Calls of the methods of service accounts."""

from typing import Any

from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1 import service_account_pb2 as pb
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.service_account_pb2 import ServiceAccount

from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"


def named(service_account: str) -> str:
    return f"{ACME}/serviceAccounts/{service_account}"


def group_named(group: str) -> str:
    return f"{ACME}/groups/{group}" if group else ""


def create(service_account: str = "sa-build", group: str = "platform", **fields: Any) -> pb.CreateServiceAccountRequest:
    return pb.CreateServiceAccountRequest(
        parent=ACME,
        service_account=ServiceAccount(display_name="Build server", group=group_named(group)),
        service_account_id=service_account,
        **fields,
    )


def create_key(service_account: str = "sa-build", key: str = "", **fields: Any) -> api_key_pb2.CreateApiKeyRequest:
    api_key = ApiKey(display_name="CI", service_account=named(service_account), **fields)
    return api_key_pb2.CreateApiKeyRequest(parent=ACME, api_key=api_key, api_key_id=key)


async def key_of(client: Client, service_account: str = "sa-build", who: str = "super") -> Any:
    """Creates a service account with a key, and returns the answer, which has the secret."""
    await client.call("CreateServiceAccount", create(service_account), who)
    return await client.call("CreateApiKey", create_key(service_account), who)


async def get(client: Client, service_account: str = "sa-build", who: str = "super") -> ServiceAccount:
    request = pb.GetServiceAccountRequest(name=named(service_account))
    found: ServiceAccount = await client.call("GetServiceAccount", request, who)
    return found


async def listed(client: Client, who: str = "super", **fields: Any) -> list[str]:
    answer = await client.call("ListServiceAccounts", pb.ListServiceAccountsRequest(parent=ACME, **fields), who)
    return [one.name.rpartition("/")[2] for one in answer.service_accounts]
