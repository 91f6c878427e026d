"""Starts the whole stack once, for all of these tests: Envoy, PostgreSQL, Redis, the services and the mock provider."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
from megarouter_envoy.settings.variables import ALLOWED_ORIGINS, IDENTITY_PROVIDERS_FILE

from deploy.local.supervision.embedded_stack import Stack
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.ports import free_port_base
from tests.support.servers.identity_provider import ISSUER, IdentityProvider, running_identity_provider
from tests.support.servers.tls_proxy import TlsProxy, running_tls_proxy
from tools import sdk as clients

SETTLE_TIMEOUT_S = 60.0
FELT_WITHIN_S = float(os.environ.get("FELT_WITHIN_S", "10"))
"""For a change to reach every call. The promise is one second, but beside other tests a call alone may take that long.

Without its notification a service keeps an identity for 30 seconds, so a lost one still fails.
"""
CONSOLE_ORIGIN = "https://console.example"


@pytest.fixture(scope="package")
def identity_provider() -> Iterator[IdentityProvider]:
    with running_identity_provider() as running:
        yield running


@pytest.fixture(scope="package")
def sign_in_proxy(identity_provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsProxy]:
    """The way to the identity provider's pages at its issuer, which is https."""
    parts = urlsplit(identity_provider.address)
    name = urlsplit(ISSUER).hostname or ""
    with running_tls_proxy(name, (parts.hostname or "", parts.port or 0), tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, identity_provider: IdentityProvider) -> Iterator[Stack]:
    """Runs the stack in a temporary home on free ports, or where `./dev test --home DIR --port-base N` says."""
    providers = tmp_path_factory.mktemp("identity") / "providers.yaml"
    providers.write_text(identity_provider.settings(), encoding="utf-8")
    settings = {ALLOWED_ORIGINS: CONSOLE_ORIGIN, IDENTITY_PROVIDERS_FILE: str(providers)}
    home = os.environ.get("MEGAROUTER_TEST_HOME")
    port_base = os.environ.get("MEGAROUTER_TEST_PORT_BASE")
    with Stack(
        Path(home) if home else tmp_path_factory.mktemp("stack"),
        int(port_base) if port_base else free_port_base(),
        settings=settings,
    ) as running:
        yield running


@pytest.fixture(scope="package")
def base_url(stack: Stack) -> str:
    return stack.environment["MEGAROUTER_BASE_URL"]


@pytest.fixture(scope="package")
async def database(stack: Stack) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(stack.environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture(scope="package")
def pepper(stack: Stack) -> bytes:
    return pepper_of(stack)


def pepper_of(stack: Stack) -> bytes:
    secrets = json.loads(stack.home.secrets_file.read_text(encoding="utf-8"))
    return bytes.fromhex(secrets["key_pepper"])


@pytest.fixture(scope="package")
def packages() -> dict[str, Path]:
    return {package.suffix: package for package in clients.build_clients()}


@pytest.fixture(scope="package")
def node_project(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Node project that contains only the npm package and its dependencies."""
    project = tmp_path_factory.mktemp("node-client")
    (project / "package.json").write_text('{"type": "module", "private": true}', encoding="utf-8")
    install = [*clients.npm(), "install", "--no-fund", "--no-audit", "--prefer-offline"]
    clients.run([*install, str(packages[".tgz"])], clients.node_environment(), project)
    return project


@pytest.fixture
async def tenant(database: asyncpg.Pool, pepper: bytes) -> Tenant:
    """An organization for this test alone, with 10,000 credits."""
    return await make_tenant(database, pepper)


@pytest.fixture
async def settled(tenant: Tenant) -> Callable[[int], Awaitable[list[asyncpg.Record]]]:
    """Waits until the tenant has exactly `count` usage records and no open hold, and returns the records."""

    async def wait(count: int) -> list[asyncpg.Record]:
        return await wait_settled(tenant, count)

    return wait


async def wait_settled(tenant: Tenant, count: int, timeout_s: float = SETTLE_TIMEOUT_S) -> list[asyncpg.Record]:
    async with asyncio.timeout(timeout_s):
        while True:
            records = await tenant.records()
            if len(records) >= count and await tenant.open_holds() == 0:
                break
            await asyncio.sleep(0.05)
    assert len(records) == count
    return records


@dataclass
class Witness:
    """The mock provider's own tally."""

    url: str
    session: aiohttp.ClientSession

    async def last_sequence(self) -> int:
        async with self.session.get(f"{self.url}/tally") as response:
            return int((await response.json())["last_sequence"])

    async def calls_under_way(self) -> int:
        async with self.session.get(f"{self.url}/tally") as response:
            return int((await response.json())["in_flight"])

    async def calls_after(self, sequence: int) -> list[dict[str, Any]]:
        """Returns every call that ended after `sequence`, oldest first."""
        calls: list[dict[str, Any]] = []
        while True:
            url = f"{self.url}/tally/calls?after={sequence}&limit=10000"
            async with self.session.get(url) as response:
                page = (await response.json())["calls"]
            if not page:
                return calls
            calls += page
            sequence = page[-1]["sequence"]

    async def body_of(self, sequence: int) -> bytes:
        async with self.session.get(f"{self.url}/tally/calls/{sequence}/body") as response:
            assert response.status == 200
            return await response.read()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without kept connections: Envoy closes one of an earlier test after a restart, maybe as a call begins on it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        yield client


@pytest.fixture
def witness(stack: Stack, session: aiohttp.ClientSession) -> Witness:
    return Witness(f"http://127.0.0.1:{stack.ports.mock_provider}", session)


@dataclass
class Reply:
    """A raw HTTP response."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


Post = Callable[..., Awaitable[Reply]]


@pytest.fixture
def post(base_url: str, tenant: Tenant, session: aiohttp.ClientSession) -> Post:
    """Sends a raw POST, by default an authenticated chat completion."""

    async def post(
        body: Any = None,
        *,
        path: str = "/v1/chat/completions",
        key: str | None = tenant.key,
        headers: list[tuple[str, str]] | dict[str, str] | None = None,
        content_type: str | None = "application/json",
    ) -> Reply:
        sent = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
        if key is not None:
            sent.append(("authorization", f"Bearer {key}"))
        if content_type is not None:
            sent.append(("content-type", content_type))
        data = (
            body
            if isinstance(body, bytes | AsyncIterator)
            else json.dumps(body if body is not None else chat()).encode()
        )
        async with session.post(
            base_url + path, data=data, headers=sent, skip_auto_headers=["content-type"]
        ) as response:
            return Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.text())

    return post


def chat(**fields: Any) -> dict[str, Any]:
    """Returns the body of a chat completion request."""
    return {"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": "Say hello."}], **fields}
