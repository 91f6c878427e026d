"""Two gateways, each with its own Envoy and admin_service, on one PostgreSQL and one Redis."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from deploy.local.stack.environment import DATABASE_URL, REDIS_URL
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.schema.logins import SERVICE_URLS
from tests.support.ports import free_port_base
from tests.support.servers.scripted_upstream import Request, Script, ScriptedUpstream, json_answer, running_upstream

SECRET = "sk-live-7f3a9c1e5b2d8f60"
PATIENCE_S = 30.0
WARM_S = 8.0
"""After this long, the processes that render configurations are warm."""


@dataclass(frozen=True)
class Answer:
    """What the admin API or a model call answered."""

    status: int
    json: Any
    text: str

    @property
    def reason(self) -> str:
        """The reason of a refused admin call."""
        reasons: list[str] = [one["reason"] for one in self.json["details"] if "reason" in one]
        return reasons[0]


@dataclass(frozen=True)
class Gateways:
    """The two gateways, the operator who changes them, and a provider."""

    first: Stack
    second: Stack
    session: aiohttp.ClientSession
    upstream: ScriptedUpstream

    @property
    def both(self) -> tuple[Stack, Stack]:
        return self.first, self.second

    async def operate(self, path: str, body: Mapping[str, Any], stack: Stack | None = None) -> Answer:
        """Changes something as the operator, through one of the gateways."""
        environment = (stack or self.first).environment
        return await self._post(
            f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{path}", body, self.first.environment["MEGAROUTER_ADMIN_TOKEN"]
        )

    async def read(self, path: str) -> Answer:
        environment = self.first.environment
        headers = {"authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}"}
        async with self.session.get(f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{path}", headers=headers) as response:
            return Answer(response.status, await response.json(), await response.text())

    async def call(self, stack: Stack, model: str, key: str = "", **fields: Any) -> Answer:
        """Calls a model through one gateway."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello."}], **fields}
        url = f"{stack.environment['MEGAROUTER_BASE_URL']}/v1/chat/completions"
        return await self._post(url, body, key or self.first.environment["MEGAROUTER_API_KEY"])

    async def seconds_until_served(self, model: str) -> float:
        """Returns how long it took until both gateways served a call."""
        begin = time.monotonic()
        await asyncio.gather(*(self.until_served(stack, model) for stack in self.both))
        return time.monotonic() - begin

    async def until_served(self, stack: Stack, model: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await self._is_served(stack, model):
                await asyncio.sleep(0.01)

    async def _is_served(self, stack: Stack, model: str) -> bool:
        try:
            return (await self.call(stack, model)).status == 200
        except aiohttp.ClientConnectionError:  # Envoy restarts
            return False

    async def offer(self, provider: str) -> str:
        """Adds a provider with a model, both at the upstream. Returns the model."""
        added = await self.operate(f"providers/{provider}/configuration:add", self.provider())
        assert added.status == 200, added.text
        return await self.offer_model(provider)

    async def offer_model(self, provider: str) -> str:
        offered = await self.operate(f"models/{provider}-model:offer", {"definition": model_of(provider)})
        assert offered.status == 200, offered.text
        return f"{provider}-model"

    def provider(self, secret: str = SECRET, **fields: Any) -> dict[str, Any]:
        """Returns the request that adds a provider at the upstream."""
        definition = {
            "display_name": "Our GPUs",
            "credential_header": "authorization",
            "stream_options": True,
            "dialects": {"openai": f"{self.upstream.url}/v1"},
            **fields,
        }
        return {"definition": definition, "secret": secret}

    async def _post(self, url: str, body: Mapping[str, Any], token: str) -> Answer:
        async with self.session.post(url, json=body, headers={"authorization": f"Bearer {token}"}) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Answer(response.status, await response.json() if is_json else None, text)


def model_of(provider: str, **fields: Any) -> dict[str, Any]:
    """Returns the definition of a model at a provider."""
    return {
        "provider": provider,
        "upstream_name": "tiny",
        "endpoints": ["chat_completions"],
        "context_window_tokens": 100_000,
        "max_output_tokens": 1_000,
        "default_output_reserve_tokens": 100,
        "prices_nano_credits_per_million_tokens": {"input": 100_000_000, "output": 200_000_000},
        "effective_date": "2026-01-01",
        **fields,
    }


def served(_request: Request) -> Script:
    """The upstream's answer to a call."""
    message = {"role": "assistant", "content": "Hello."}
    return json_answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "tiny",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
    )


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Stack]]:
    """The second gateway uses the databases and the secrets of the first."""
    with Stack(tmp_path_factory.mktemp("first"), free_port_base()) as first:
        home = tmp_path_factory.mktemp("second")
        for file in (first.home.secrets_file, first.home.demo_secrets_file):
            shutil.copy(file, home)
        shared = (DATABASE_URL, REDIS_URL, *SERVICE_URLS.values())
        settings = {name: first.environment[name] for name in shared}
        with Stack(home, free_port_base(), settings=settings) as second:
            time.sleep(WARM_S)
            yield first, second


@pytest.fixture
async def gateways(stacks: tuple[Stack, Stack], upstream: ScriptedUpstream) -> AsyncIterator[Gateways]:
    upstream.reset()
    upstream.choose(served)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        yield Gateways(*stacks, session, upstream)
