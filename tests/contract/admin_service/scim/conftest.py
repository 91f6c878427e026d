"""A directory that pushes to `acme` over the SCIM service, as Envoy translates its calls."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from megarouter.admin.v1 import credential_pb2
from megarouter.admin.v1.credential_pb2 import Credential
from megarouter.scim.v1.scim_pb2 import ScimRequest

from gateway_core.contract.headers import HTTP_STATUS
from tests.contract.admin_service.conftest import Client, bearer

_RPC = {"GET": "Read", "POST": "Create", "PUT": "Replace", "PATCH": "Modify", "DELETE": "Delete"}


@dataclass(frozen=True)
class Answer:
    """An answer of SCIM."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def id(self) -> str:
        return str(self.body["id"])


class DirectoryClient:
    """Calls SCIM with the secret of a credential."""

    def __init__(self, client: Client, name: str, secret: str) -> None:
        self.client = client
        self.name = name
        self.secret = secret

    async def __call__(
        self, verb: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Answer:
        rpc = self.client.channel.unary_unary(
            f"/megarouter.scim.v1.Scim/{_RPC[verb]}",
            request_serializer=ScimRequest.SerializeToString,
            response_deserializer=HttpBody.FromString,
        )
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        metadata = [("authorization", f"Bearer {self.secret}"), *(headers or {}).items()]
        call = rpc(ScimRequest(path=path, body=HttpBody(data=data), **query), metadata=metadata, timeout=60)
        answer = await call
        sent = {str(key): str(value) for key, value in await call.initial_metadata()}
        return Answer(int(sent[HTTP_STATUS]), json.loads(answer.data) if answer.data else None, sent)

    async def user(self, name: str, **more: Any) -> str:
        made = await self("POST", "Users", {"userName": name, **more})
        assert made.status == 201, made
        return made.id

    async def group(self, name: str, *members: str) -> str:
        made = await self("POST", "Groups", {"displayName": name, "members": [{"value": one} for one in members]})
        assert made.status == 201, made
        return made.id


async def connected(
    client: Client, member: str = "super", organization: str = "acme", *, may_change_admins: bool = False
) -> DirectoryClient:
    wanted = Credential(display_name="Directory", kind=Credential.KIND_SCIM, may_change_admins=may_change_admins)
    request = credential_pb2.CreateCredentialRequest(parent=f"organizations/{organization}", credential=wanted)
    made = await client.call("CreateCredential", request, metadata=bearer(member))
    return DirectoryClient(client, made.credential.name, made.secret)


@pytest.fixture
async def directory(client: Client) -> DirectoryClient:
    return await connected(client)
