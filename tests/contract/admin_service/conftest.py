"""A running admin_service on real PostgreSQL, and two organizations with a member of every role."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2

from admin_service.access.permission_matrix import admin_services
from admin_service.wiring import ROLE, AdminService, open_service
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import login_url
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from gateway_core.runtime.settings import AdminSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from tests.contract.conftest import Databases
from tests.support.clients.rpc_statuses import status_of

PEPPER = "70" * 32
EDGE_SECRET = "ed" * 32
CATALOG = Catalog(providers=(), models=())

# Member, role, group. `acme` has two branches of groups; `other` has one member.
ACME = (
    ("super", "SUPER_ADMIN", None),
    ("l1", "L1_ADMIN", "eng"),
    ("l1-peer", "L1_ADMIN", "eng"),
    ("sub", "SUB_ADMIN", "platform"),
    ("member", "MEMBER", "platform"),
    ("below", "MEMBER", "inference"),
    ("sales", "MEMBER", "sales"),
)
GROUPS = {
    "eng": ["eng"],
    "platform": ["eng", "platform"],
    "inference": ["eng", "platform", "inference"],
    "sales": ["sales"],
}


def token_of(member: str) -> str:
    return ACCESS_TOKEN.make(member.encode().ljust(32, b"."))


def bearer(member: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token_of(member)}")]


@dataclass(frozen=True)
class Failure:
    """A failed call, as its caller sees it."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: Mapping[str, str]
    fields: tuple[str, ...]


_METHODS = {method.name: method for service in admin_services() for method in service.methods}


class Client:
    """Calls the admin API as a member."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    async def call(self, method: str, request: Message, member: str = "super", **options: Any) -> Any:
        descriptor = _METHODS[method]
        rpc = self.channel.unary_unary(
            f"/{descriptor.containing_service.full_name}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        return await rpc(request, **{"timeout": 60, "metadata": bearer(member), **options})

    async def code(self, method: str, request: Message, member: str) -> grpc.StatusCode:
        try:
            await self.call(method, request, member)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    async def failure(self, method: str, request: Message, member: str = "super", **options: Any) -> Failure:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.call(method, request, member, **options)
        status = status_of(raised.value)
        assert status is not None
        information, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        assert [detail.Unpack(information) for detail in status.details].count(True) == 1
        assert information.domain == "megarouter"
        for detail in status.details:
            detail.Unpack(bad_request)
        fields = tuple(violation.field for violation in bad_request.field_violations)
        return Failure(raised.value.code(), status.message, information.reason, dict(information.metadata), fields)


async def add_organization(owner: asyncpg.Connection, organization: str) -> None:
    await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", organization)


async def add_member(
    owner: asyncpg.Connection, member: str, role: str, group: str | None, organization: str = "acme"
) -> None:
    """A member with an access token and a key named `key-<member>`."""
    await owner.execute("INSERT INTO users VALUES ($1, $1 || '@example.org', $1)", member)
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, $2, $2, $3, $4)",
        organization, member, group, role,
    )  # fmt: skip
    await add_token(owner, member)
    await add_key(owner, f"key-{member}", member, organization)


async def add_token(owner: asyncpg.Connection, member: str, life_s: int = 3_600) -> None:
    await owner.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time) VALUES ($1, $1, $2, now() + $3)",
        member, hash_secret(token_of(member), bytes.fromhex(PEPPER)), dt.timedelta(seconds=life_s),
    )  # fmt: skip


async def add_operator(owner: asyncpg.Connection) -> None:
    """A user `operator`, whom the settings name, with a token and no membership."""
    await owner.execute("INSERT INTO users VALUES ('operator', 'operator@example.org', 'Operator')")
    await add_token(owner, "operator")
    await owner.execute("UPDATE access_tokens SET may_operate = true WHERE user_id = 'operator'")


async def add_key(owner: asyncpg.Connection, key: str, member: str, organization: str = "acme") -> None:
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ($1, $2, $3, $2, sha256(($1 || $2)::bytea), 'mr-Abcd…9f0c')",
        organization, key, member,
    )  # fmt: skip


@pytest.fixture(scope="session")
async def template_with_people(databases: Databases, template_database: str) -> str:
    return await databases.make_template("template_people", _add_people, of=template_database)


@pytest.fixture
async def database_url(
    request: pytest.FixtureRequest, databases: Databases, template_database: str, template_with_people: str
) -> AsyncIterator[str]:
    """A database that already contains the members if the test uses `people`, directly or through another fixture."""
    url = await databases.take(template_with_people if "people" in request.fixturenames else template_database)
    yield url
    databases.give_back(url)


@pytest.fixture
def people(database_url: str) -> None:
    """Two organizations with a member of every role."""


async def _add_people(owner: asyncpg.Connection) -> None:
    await add_organization(owner, "acme")
    for group, path in GROUPS.items():
        parent = path[-2] if len(path) > 1 else None
        await owner.execute(
            "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name)"
            " VALUES ('acme', $1, $2, $3, $1)",
            group, parent, path,
        )  # fmt: skip
    for member, role, member_group in ACME:
        await add_member(owner, member, role, member_group)
    await add_organization(owner, "other")
    await add_operator(owner)
    await add_member(owner, "stranger", "SUPER_ADMIN", None, "other")


@pytest.fixture
def settings(database_url: str, redis_server: RedisServer) -> AdminSettings:
    return AdminSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "admin_database_url": login_url(database_url, ROLE),
            "redis_url": redis_server.url,
            "key_pepper": PEPPER,
            "edge_secret": EDGE_SECRET,
            "catalog_file": "/nonexistent",
            "operators": "user:operator",
            "organization_creation": "anyone",
        }
    )


@asynccontextmanager
async def running_service(settings: AdminSettings) -> AsyncIterator[tuple[AdminService, Client]]:
    async with open_service(settings, Tracing("admin_service", None), CATALOG) as service:
        server = grpc.aio.server()
        service.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield service, Client(channel)
        await server.stop(1)


@pytest.fixture
async def client(settings: AdminSettings, people: None) -> AsyncIterator[Client]:
    async with running_service(settings) as (_, calling):
        yield calling


class CuttableProxy:
    """A proxy between a service and its database. `cut` closes every connection and refuses new ones; `mend` accepts them again."""

    def __init__(self, database_url: str) -> None:
        self._target = urlsplit(database_url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._target._replace(
            netloc=f"{self._target.username}:{self._target.password}@127.0.0.1:{port}"
        ).geturl()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.close()

    def mend(self) -> None:
        self._is_cut = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)
