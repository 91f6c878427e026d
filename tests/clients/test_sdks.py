"""Third-party SDKs, in an old and a new version, work with the gateway's address and key, and pay what the provider counted."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mock_provider.words import text_of
from tests.clients.conftest import PAID_IN, Install, assert_paid_as_counted
from tests.e2e.conftest import Witness
from tests.support.clients.process import Outcome, Step, run_steps
from tests.support.clients.recorder import recorded
from tests.support.clients.table import Client, all_clients, versions_of
from tests.support.data.tenants import Tenant, make_tenant

WORDS = frozenset(text_of(200, 0).split())
MODELS = frozenset({"gpt-4o-mini", "claude-haiku-4-5", "gemini-2.5-flash"})
TOOL_CALL = {"name": "weather", "arguments": {"city": "amber"}}
STRUCTURED = {"name": "amber", "inhabitants": 1}
STATUSES = {"unknown_model": 404, "bad_key": 401, "not_allowed": 403, "budget_spent": 402}


@dataclass
class Used:
    """What happened when a client did everything that the table lists."""

    outcomes: dict[str, Outcome]
    """By the name of a step, or of what is wrong."""
    tenant: Tenant
    calls: list[dict[str, Any]]
    """What the mock provider counted."""


Use = Callable[[Client], Awaitable[Used]]


@pytest.fixture(scope="package")
def results() -> dict[Client, Used]:
    """What each client did so far."""
    return {}


@pytest.fixture
def use(
    results: dict[Client, Used], install: Install, base_url: str, database: asyncpg.Pool, pepper: bytes, witness: Witness,
    tmp_path_factory: pytest.TempPathFactory,
) -> Use:  # fmt: skip
    """Lets a client do everything in one process, as a member of an organization of its own; once in a session."""

    async def use(client: Client) -> Used:
        installation = install(client)
        if client not in results:
            tenant = await make_tenant(database, pepper)
            names = [*client.charged, *client.free, *client.refusals]
            steps = [await _step(tenant, name) for name in names]
            before = await witness.last_sequence()
            outcomes = await run_steps(installation, steps, base_url, tmp_path_factory.mktemp("home"))
            calls = await witness.calls_after(before)
            results[client] = Used(dict(zip(names, outcomes, strict=True)), tenant, calls)
        return results[client]

    return use


async def _step(tenant: Tenant, name: str) -> Step:
    """Returns a step, and gives it a key with which it is refused if the name says so."""
    if name not in STATUSES:
        return Step(name, tenant.key)
    if name == "bad_key":
        return Step("plain", tenant.key[:-6] + "000000")
    if name == "unknown_model":
        return Step("plain", tenant.key, "no-such-model")
    limits: dict[str, dict[str, Any]] = {
        "not_allowed": {"model_whitelist": ["gpt-image-1"]},
        "budget_spent": {"budget_nano_credits": 0},
    }
    key_id = name.replace("_", "-")
    key = await tenant.add_key(key_id)
    await tenant.guard("api_key", key_id, **limits[name])
    return Step("plain", key)


SDKS = [client for client in all_clients() if client.charged]


def _each(field: str) -> Any:
    """Returns the parameters of a test of every SDK in every version with everything that the table lists in a field."""
    return [pytest.param(client, name, id=f"{client}-{name}") for client in SDKS for name in getattr(client, field)]


@pytest.mark.parametrize(("client", "step"), _each("charged"))
async def test_an_sdk_reads_the_answer(use: Use, client: Client, step: str) -> None:
    outcome = (await use(client)).outcomes[step]
    if step in ("tool_call", "structured"):
        assert outcome.returned == (TOOL_CALL if step == "tool_call" else STRUCTURED), outcome
    elif step in ("embeddings", "cache_filled"):
        assert outcome.returned, outcome
    else:
        assert outcome.returned, outcome
        assert set(outcome.returned.split()) <= WORDS


@pytest.mark.parametrize(("client", "step"), _each("free"))
async def test_an_sdk_counts_tokens_and_lists_models(use: Use, client: Client, step: str) -> None:
    outcome = (await use(client)).outcomes[step]
    if step == "models":
        assert MODELS & {name.removeprefix("models/") for name in outcome.returned or ()}, outcome
    else:
        assert outcome.returned > 0, outcome


@pytest.mark.parametrize(("client", "refusal"), _each("refusals"))
async def test_a_refused_call_raises_the_exception_of_the_sdk(use: Use, client: Client, refusal: str) -> None:
    outcome = (await use(client)).outcomes[refusal]
    assert client.refusals[refusal] in outcome.raised, outcome
    assert outcome.status in (STATUSES[refusal], None), outcome


@pytest.mark.parametrize("client", SDKS, ids=str)
async def test_the_ledger_has_what_the_provider_counted(use: Use, client: Client) -> None:
    """Free calls cost nothing, and refused ones reach no provider."""
    used = await use(client)
    assert len(used.calls) >= len(client.charged)
    await assert_paid_as_counted(used.tenant, used.calls)
    assert await used.tenant.balance() < PAID_IN


@pytest.mark.parametrize("client", versions_of("openai"), ids=str)
async def test_a_long_wait_is_not_retried_at_once(
    install: Install, client: Client, base_url: str, tenant: Tenant, tmp_path: Path
) -> None:
    """OpenAI's SDK ignores a `retry-after` above 60 seconds and retries at once, unless `x-should-retry` says not to."""
    once_an_hour = [["", "HOUR", 1, None]]
    await tenant.guard("member", "mia", rate_rules=json.dumps(once_an_hour))
    async with recorded(base_url) as exchange:
        steps = [Step("plain", tenant.key)] * 2
        served, refused = await run_steps(install(client), steps, exchange.url, tmp_path)
    assert served.returned, served
    assert "RateLimitError" in refused.raised, refused
    assert exchange.statuses == [200, 429]
