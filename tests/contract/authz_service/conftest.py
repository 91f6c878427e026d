"""A small organization and a running authz_service on real PostgreSQL and Redis."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from pydantic import SecretStr
from redis.asyncio import Redis

from authz_service import wiring as authz
from authz_service.check import AuthzService
from authz_service.holds import admission
from authz_service.holds.ending_calls import EndingCalls
from authz_service.wiring import ROLE, open_service
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import verify_hold
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.redis.connections import open_pipelined

ADMIN = "megarouter_admin"
PEPPER = "70" * 32
SIGNING_KEY = "5a" * 32
KEY = API_KEY.make(b"k" * 32)
DECIDED_WITHIN_S = 30
BRIEF_WAIT_S = 0.1

CATALOG = Catalog.model_validate(
    {
        "providers": [
            {
                "name": "acme-ai",
                "display_name": "Acme AI",
                "credential_env": "ACME_KEY",
                "credential_header": "authorization",
                "stream_options": True,
                "dialects": {
                    "openai": "https://api.acme.example/v1",
                    "anthropic": "https://api.acme.example/v1",
                    "gemini": "https://api.acme.example/v1beta",
                },
            }
        ],
        "models": [
            {
                "name": name,
                "provider": "acme-ai",
                "upstream_name": f"upstream-{name}",
                "endpoints": ["chat_completions", "completions", "responses", "messages", "generate_content"],
                "context_window_tokens": 100_000,
                "max_output_tokens": 1_000,
                "default_output_reserve_tokens": 500,
                # One credit per output token and free input keep the arithmetic of tests simple.
                "prices_nano_credits_per_million_tokens": {"input": 0, "output": 10**15},
                "effective_date": dt.date(2024, 1, 1),
            }
            for name in ("model-a", "model-b")
        ],
    }
)


@pytest.fixture
def usual_deadlines() -> None:
    """Lets a decision take as long as in production, for tests about that limit."""


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises the time limit of a decision: one process runs the replicas and their callers, on a machine that is busy."""
    if "usual_deadlines" not in request.fixturenames:
        monkeypatch.setattr(admission, "_LATEST_S", 60.0)
        monkeypatch.setattr(authz, "open_pipelined", partial(open_pipelined, timeout_ms=20_000))


@pytest.fixture
def usual_waits() -> None:
    """Lets refused calls wait for the end of others as long as in production, for tests about that wait."""


@pytest.fixture(autouse=True)
def brief_waits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the wait of refused calls. A test that exhausts a budget would otherwise take a second longer each time."""
    if "usual_waits" not in request.fixturenames:
        monkeypatch.setattr(admission, "EndingCalls", partial(EndingCalls, BRIEF_WAIT_S))


async def checked(service: AuthzService, request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
    """Returns the answer that Envoy receives."""
    answered = await service.unary_methods[0].handle(request.SerializeToString(), {})
    return external_auth_pb2.CheckResponse.FromString(answered)


@dataclass
class Answer:
    """A check response with accessors for assertions."""

    response: external_auth_pb2.CheckResponse

    @property
    def allowed(self) -> bool:
        return bool(self.response.WhichOneof("http_response") == "ok_response")

    @property
    def status(self) -> int:
        return 200 if self.allowed else int(self.response.denied_response.status.code)

    @property
    def body(self) -> Any:
        return json.loads(self.response.denied_response.body)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def metadata(self) -> dict[str, Any]:
        return dict(self.response.dynamic_metadata.items())


async def decided(service: AuthzService, request: external_auth_pb2.CheckRequest) -> Answer:
    """Returns the answer to a call, which is repeated for a bounded time while the gateway cannot check it.

    On a busy machine a rebuild takes longer than a call waits for it. The rebuild goes on, and a later call finds it done.
    """
    async with asyncio.timeout(DECIDED_WITHIN_S):
        while (answer := Answer(await checked(service, request))).status == 503:
            await asyncio.sleep(0.05)
        return answer


def amount_of(answer: Answer) -> int:
    """Returns the amount that the hold of an admitted call reserves, in nano-credits."""
    return verify_hold(str(answer.metadata["hold"]), bytes.fromhex(SIGNING_KEY)).amount_nano_credits


Ask = Callable[..., Awaitable[Answer]]


def check_request(
    facts: dict[str, Any] | None = None,
    *,
    key: str | None = KEY,
    method: str = "POST",
    path: str = "/v1/chat/completions",
    headers: list[tuple[str, str]] | None = None,
) -> external_auth_pb2.CheckRequest:
    request = external_auth_pb2.CheckRequest()
    http = request.attributes.request.http
    http.method, http.path = method, path
    sent = [("content-type", "application/json"), ("content-length", "100"), *(headers or [])]
    if key is not None:
        sent.append(("authorization", f"Bearer {key}"))
    http.header_map.headers.extend(base_pb2.HeaderValue(key=name, raw_value=value.encode()) for name, value in sent)
    if facts is None:
        facts = {"model": "model-a", "max_tokens": 1}
    request.attributes.metadata_context.filter_metadata["megarouter.request"].update(facts)
    return request


@pytest.fixture
async def organization(owner: asyncpg.Connection) -> str:
    """`acme`: four group levels, one member at the bottom with one key, 1,000 credits."""
    await sync_catalog(owner, CATALOG)
    await owner.execute(
        "INSERT INTO organizations (organization_id, display_name, time_zone) VALUES ('acme', 'Acme', 'UTC')"
    )
    path: list[str] = []
    for group in ("g1", "g2", "g3", "g4"):
        parent = path[-1] if path else None
        path.append(group)
        await owner.execute(
            "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ('acme', $1, $2, $3, $1)",
            group, parent, path,
        )  # fmt: skip
    await owner.execute("INSERT INTO users VALUES ('user-1', 'mia@acme.example', 'Mia')")
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ('acme', 'mia', 'user-1', 'g4', 'MEMBER')"
    )
    await add_key(owner, "key-1", KEY)
    await top_up(owner, 1_000)
    return "acme"


async def add_key(owner: asyncpg.Connection, key_id: str, key: str) -> None:
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ('acme', $1, 'mia', $1, $2, 'mr-…')",
        key_id, hash_secret(key, bytes.fromhex(PEPPER)),
    )  # fmt: skip


async def top_up(owner: asyncpg.Connection, amount_credits: int) -> None:
    """Posts a transfer, which sets the balance that the data plane starts from."""
    await owner.execute("UPDATE ledger_heads SET sequence = sequence + 1")
    await owner.execute(
        "UPDATE ledger_accounts SET balance_nano_credits = $1, sequence = 1 WHERE account = 'CREDIT_POOL'",
        amount_credits * 10**9,
    )


async def guard(owner: asyncpg.Connection, kind: str, scope_id: str, **columns: object) -> None:
    """Sets a guardrail. Amounts are in nano-credits."""
    names = ", ".join(columns)
    values = ", ".join(f"${index}" for index in range(3, 3 + len(columns)))
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
    await owner.execute(
        f"INSERT INTO guardrails (organization_id, scope_kind, scope_id, {names}) VALUES ('acme', $1, $2, {values})"  # noqa: S608
        f" ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET {updates}",
        kind, scope_id, *columns.values(),
    )  # fmt: skip


@pytest.fixture
def settings(database_url: str, redis_server: RedisServer) -> AuthzSettings:
    return AuthzSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "authz_database_url": login_url(database_url, ROLE),
            "redis_url": redis_server.url,
            "hold_signing_key": SIGNING_KEY,
            "key_pepper": PEPPER,
            "hold_flush_interval_ms": 20,  # tests wait for the holds table
        }
    )


@asynccontextmanager
async def ready(settings: AuthzSettings) -> AsyncIterator[AuthzService]:
    async with open_service(settings, Tracing("authz_service", None)) as service:
        async with asyncio.timeout(30):
            while not service.is_ready():
                await asyncio.sleep(0.01)
        yield service


@pytest.fixture
async def service(settings: AuthzSettings, organization: str, redis: Redis) -> AsyncIterator[AuthzService]:
    async with ready(settings) as running:
        yield running


@pytest.fixture
def ask(service: AuthzService) -> Ask:
    async def ask(*arguments: Any, **options: Any) -> Answer:
        return Answer(await checked(service, check_request(*arguments, **options)))

    return ask


@pytest.fixture
def admin_login(settings: AuthzSettings, database_url: str) -> AuthzSettings:
    """The login of admin_service."""
    return settings.model_copy(update={"authz_database_url": SecretStr(login_url(database_url, ADMIN))})


def named(kind: str, scope_id: str) -> str:
    """Returns how a message names a scope: a group by its id, and what the caller knows anyway without one."""
    return {"member": "this API key's member", "organization": "the organization"}.get(kind, scope_id)
