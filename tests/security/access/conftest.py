"""Two companies, and callers of the admin API through Envoy."""

from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from deploy.local.supervision.embedded_stack import Stack
from tests.support.attacks.companies import Company, make_company
from tests.support.attacks.racing import super_admin
from tests.support.clients.admin_transports import CallError, Grpc, Rest, Transport
from tests.support.data.tenants import Tenant


@pytest.fixture(scope="package")
async def home(database: asyncpg.Pool, pepper: bytes) -> Company:
    """The company whose people attack, where no attack may change anything."""
    return await make_company(database, pepper, "home")


@pytest.fixture(scope="package")
async def abroad(database: asyncpg.Pool, pepper: bytes) -> Company:
    """The company that others attack."""
    return await make_company(database, pepper, "abroad")


@pytest.fixture
async def disposable(database: asyncpg.Pool, pepper: bytes) -> Company:
    """An attacker's company, which the attack may change."""
    return await make_company(database, pepper, "bad")


@pytest.fixture
async def boss(tenant: Tenant) -> str:
    """The access token of a Super Admin of the tenant."""
    return await super_admin(tenant)


@pytest.fixture
def rest(stack: Stack, session: aiohttp.ClientSession) -> Rest:
    return Rest(stack.environment["MEGAROUTER_ADMIN_URL"], session)


@pytest.fixture(scope="package")
async def plain_grpc(stack: Stack) -> AsyncIterator[Grpc]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports.admin}") as channel:
        yield Grpc(channel)


async def code_of(transport: Transport, method: MethodDescriptor, request: Message, token: str) -> grpc.StatusCode:
    """Makes a call and returns its status."""
    try:
        await transport.call(method, request, token)
    except CallError as error:
        return error.code
    return grpc.StatusCode.OK
