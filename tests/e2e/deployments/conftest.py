"""A stack whose models are served by two scripted upstreams."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.stores.redis.connections import open_redis
from tests.e2e.conftest import chat, pepper_of
from tests.support.data.tenants import make_tenant
from tests.support.metered_calls import Metering
from tests.support.ports import free_port_base
from tests.support.servers.mock_process import MockProcess, running_mock
from tests.support.servers.scripted_upstream import Request, Script, ScriptedUpstream, json_answer, running_upstream

PRICES = {"alpha": (1_000_000_000, 4_000_000_000), "beta": (3_000_000_000, 8_000_000_000)}
"""Nano-credits per million input and output tokens."""
KNOWN_S = 0.6
"""After this time every replica knows what a call said: Envoy's flush, usage_service, and the next reading."""
INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 500
FIRST_BYTE_TIMEOUT_MS = 1_000
SIGNED_NAME = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
AWS_KEYS = {
    "first": "AKIDOFTHEFIRSTKEY:secret/of+the+first+access+key",
    "second": "ASIDOFTHESECONDKEY:secret/of+the+second+access+key:token/of+the+second==",
}
"""The access keys that the mock of AWS knows; the second one is temporary."""
ACCOUNT_EMAIL = "gateway@ours.iam.gserviceaccount.example"
CLIENT_ID, CLIENT_SECRET = "0f8fad5b-d9cb-469f-a165-70867728950e", "secret~of.the_application"
TOKEN_LIFE_S = 8


def cost_at(provider: str) -> int:
    """Returns what an answer costs, in nano-credits."""
    price_in, price_out = PRICES[provider]
    return (INPUT_TOKENS * price_in + OUTPUT_TOKENS * price_out) // 10**6


def catalog_of(urls: dict[str, str]) -> dict[str, Any]:
    """Returns a catalog in which `balanced` has equal deployments, `backed` a second one for need, and `plain` only one."""
    beta_prices = {"prices_nano_credits_per_million_tokens": _prices("beta"), "effective_date": "2026-01-01"}

    def deployment(provider: str, **fields: object) -> dict[str, Any]:
        own = beta_prices if provider == "beta" else {}
        return {
            "provider": provider,
            "upstream_name": f"model-at-{provider}",
            "first_byte_timeout_ms": FIRST_BYTE_TIMEOUT_MS,
            **own,
            **fields,
        }

    def model(name: str, **fields: object) -> dict[str, Any]:
        return {
            "name": name,
            "endpoints": ["chat_completions", "responses"],
            "context_window_tokens": 100_000,
            "max_output_tokens": 4_000,
            "default_output_reserve_tokens": 1_000,
            "prices_nano_credits_per_million_tokens": _prices("alpha"),
            "effective_date": "2026-01-01",
            **fields,
        }

    return {
        "version": 1,
        "providers": _providers(urls),
        "virtual_models": [{"name": "chat", "candidates": ["balanced"], "baseline_model": "balanced"}],
        "models": [
            model("balanced", deployments=[deployment("alpha"), deployment("beta")]),
            model("backed", deployments=[deployment("alpha", region="eu-1"), deployment("beta", priority=1)]),
            model(
                "gpt-4o",
                endpoints=["chat_completions"],
                deployments=[deployment("azure", upstream_name="gpt-4o-eu"), deployment("beta", priority=1)],
            ),
            model(
                "three",
                endpoints=["chat_completions"],
                deployments=[
                    deployment("azure", upstream_name="a-name-that-is-long"),
                    deployment("alpha", upstream_name="short", priority=1),
                    deployment("beta", priority=2),
                ],
            ),
            model("plain", provider="alpha", upstream_name="plain-at-alpha"),
            model("other", provider="beta", upstream_name="other-at-beta"),
            model("signed", provider="bedrock", upstream_name=SIGNED_NAME, endpoints=["messages", "chat_completions"]),
            model("gemini", provider="vertex", upstream_name="gemini-2.5-flash", endpoints=["generate_content"]),
            model("entra", provider="entra", upstream_name="gpt-4o-eu", endpoints=["chat_completions"]),
            model(
                "entra-last",
                endpoints=["chat_completions"],
                deployments=[deployment("alpha"), deployment("entra", upstream_name="gpt-4o-eu", priority=1)],
            ),
            model(
                "signed-first",
                endpoints=["chat_completions"],
                deployments=[deployment("bedrock", upstream_name=SIGNED_NAME), deployment("beta", priority=1)],
            ),
            model(
                "signed-last",
                endpoints=["chat_completions"],
                deployments=[deployment("alpha"), deployment("bedrock", upstream_name=SIGNED_NAME, priority=1)],
            ),
        ],
    }


def _providers(urls: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": "alpha",
            "display_name": "Alpha",
            "credential_env": "ALPHA_KEY",
            "credential_header": "authorization",
            "stream_options": True,
            "dialects": {"openai": f"{urls['alpha']}/a/v1"},
        },
        {
            "name": "beta",
            "same_as": "alpha",
            "display_name": "Beta",
            "credential_env": "BETA_KEY",
            "dialects": {"openai": f"{urls['beta']}/b/v1"},
        },
        {
            "name": "azure",
            "same_as": "alpha",
            "credential_env": "AZURE_KEY",
            "credential_header": "api-key",
            "deployments_api_version": "2024-10-21",
            "dialects": {"openai": f"{urls['alpha']}/openai"},
        },
        {
            "name": "bedrock",
            "same_as": "alpha",
            "credential_env": "BEDROCK_KEY",
            "authentication": {"kind": "aws_signature", "region": "eu-central-1"},
            "dialects": {"openai": f"{urls['aws']}/openai/v1", "anthropic": f"{urls['aws']}/anthropic/v1"},
        },
        {
            "name": "vertex",
            "same_as": "alpha",
            "credential_env": "VERTEX_KEY",
            "authentication": {"kind": "google_service_account"},
            "dialects": {"gemini": f"{urls['tokens']}/v1/projects/ours/locations/europe-west4/publishers/google"},
        },
        {
            "name": "entra",
            "same_as": "alpha",
            "credential_env": "ENTRA_SECRET",
            "deployments_api_version": "2024-10-21",
            "authentication": {
                "kind": "microsoft_entra",
                "tenant": "our-tenant",
                "client_id": CLIENT_ID,
                "authority": urls["tokens"],
            },
            "dialects": {"openai": f"{urls['tokens']}/openai"},
        },
    ]


def _prices(provider: str) -> dict[str, int]:
    price_in, price_out = PRICES[provider]
    return {"input": price_in, "output": price_out}


def completion(model: str) -> Script:
    """Returns a whole answer of a chat model."""
    return json_answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": INPUT_TOKENS,
                "completion_tokens": OUTPUT_TOKENS,
                "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
            },
        }
    )


def served(request: Request) -> Script:
    """Answers any call."""
    return completion(request.json["model"])


@dataclass
class Upstreams:
    """The two places that serve the models."""

    alpha: ScriptedUpstream
    beta: ScriptedUpstream

    def counts(self) -> tuple[int, int]:
        return len(self.alpha.requests), len(self.beta.requests)


async def until_healthy(calls: Metering, upstreams: Upstreams) -> None:
    """Lets both upstreams serve, and calls until the breakers of both are closed."""
    for upstream in (upstreams.alpha, upstreams.beta):
        upstream.reset()
        upstream.choose(served)
    async with asyncio.timeout(30):
        while not upstreams.alpha.requests or len(upstreams.alpha.requests) < 3:
            await calls.call(chat(model="backed"))
            await asyncio.sleep(0.2)


@pytest.fixture(scope="package")
def running_upstreams() -> Iterator[Upstreams]:
    with running_upstream() as alpha, running_upstream() as beta:
        yield Upstreams(alpha, beta)


@pytest.fixture(scope="package")
def running_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockProcess]:
    """A mock provider that refuses every call without a right signature."""
    file = tmp_path_factory.mktemp("aws") / "credentials"
    keys = [
        f"[{name}]\naws_access_key_id = {key.split(':')[0]}\naws_secret_access_key = {key.split(':')[1]}\n"
        + (f"aws_session_token = {key.split(':')[2]}\n" if key.count(":") == 2 else "")
        for name, key in AWS_KEYS.items()
    ]
    file.write_text("".join(keys), encoding="utf-8")
    with running_mock("--aws-credentials", str(file)) as mock:
        yield mock


@pytest.fixture
def aws(running_aws: MockProcess) -> MockProcess:
    """That mock provider, with an empty tally."""
    running_aws.reset()
    return running_aws


@pytest.fixture(scope="package")
def service_account() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


@pytest.fixture(scope="package")
def running_tokens(
    service_account: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MockProcess]:
    """A mock provider that gives tokens, and refuses every call without one."""
    file = tmp_path_factory.mktemp("tokens") / "accounts.json"
    public = service_account.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    accounts = {
        "service_accounts": {ACCOUNT_EMAIL: public.decode()},
        "applications": {CLIENT_ID: CLIENT_SECRET},
        "life_s": TOKEN_LIFE_S,
    }
    file.write_text(json.dumps(accounts), encoding="utf-8")
    with running_mock("--token-accounts", str(file)) as mock:
        yield mock


@pytest.fixture
def tokens(running_tokens: MockProcess) -> MockProcess:
    """That mock provider, with an empty tally."""
    running_tokens.reset()
    return running_tokens


def service_account_key(key: rsa.RSAPrivateKey, token_url: str) -> str:
    """Returns the JSON key of the service account, as Google gives it."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": ACCOUNT_EMAIL,
            "private_key_id": "1",
            "private_key": private.decode(),
            "token_uri": token_url,
        }
    )


@pytest.fixture(scope="package")
def deployed_stack(
    running_upstreams: Upstreams,
    running_aws: MockProcess,
    running_tokens: MockProcess,
    service_account: rsa.RSAPrivateKey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    catalog = tmp_path_factory.mktemp("deployments") / "catalog.yaml"
    urls = {
        "alpha": running_upstreams.alpha.url,
        "beta": running_upstreams.beta.url,
        "aws": running_aws.url,
        "tokens": running_tokens.url,
    }
    catalog.write_text(yaml.safe_dump(catalog_of(urls)), encoding="utf-8")
    home: Path = tmp_path_factory.mktemp("deployed-stack")
    settings = {
        "ALPHA_KEY": "credential-of-alpha",
        "BETA_KEY": "credential-of-beta",
        "AZURE_KEY": "credential-of-azure",
        "BEDROCK_KEY": AWS_KEYS["first"],
        "VERTEX_KEY": service_account_key(service_account, f"{running_tokens.url}/google/token"),
        "ENTRA_SECRET": CLIENT_SECRET,
    }
    with Stack(home, free_port_base(), catalog=catalog, settings=settings) as running:
        yield running


@pytest.fixture(scope="package")
async def deployed_database(deployed_stack: Stack) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(
        deployed_stack.environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=4
    ) as pool:
        yield pool


@pytest.fixture
def upstreams(running_upstreams: Upstreams) -> Upstreams:
    """Both upstreams without requests, answering every call."""
    for upstream in (running_upstreams.alpha, running_upstreams.beta):
        upstream.reset()
        upstream.choose(served)
    return running_upstreams


@pytest.fixture
async def calls(deployed_stack: Stack, deployed_database: asyncpg.Pool, upstreams: Upstreams) -> Metering:
    """Calls of a tenant for this test alone, while every deployment is healthy."""
    async with open_redis(deployed_stack.environment["MEGAROUTER_REDIS_URL"]) as redis:
        if await redis.delete("mr:{deployments}:health", "mr:{deployments}:failed"):
            await asyncio.sleep(KNOWN_S)
    tenant = await make_tenant(deployed_database, pepper_of(deployed_stack))
    return Metering(deployed_stack, tenant, upstreams.alpha)
