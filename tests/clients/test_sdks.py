"""Third-party SDKs, in an old and a new version, work with the gateway's address and key, and pay what the provider counted."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from deploy.local.stack.specification import DEFAULT_CATALOG
from gateway_core.model.catalog.entries import Catalog, load_catalog
from mock_provider.words import text_of
from tests.clients.conftest import Install
from tests.e2e.conftest import Witness
from tests.support.books import assert_books_agree
from tests.support.clients.process import Caller, run_step
from tests.support.clients.recorder import recorded
from tests.support.clients.table import Client, all_clients, versions_of
from tests.support.data.tenants import CREDIT, Tenant

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]
PAID_IN = 10_000 * CREDIT
WORDS = frozenset(text_of(200, 0).split())
STATUSES = {"unknown_model": 404, "bad_key": 401, "not_allowed": 403, "budget_spent": 402}


def _each(field: str) -> Any:
    """Returns the parameters of a test of every client in every version with everything that the table lists in a field."""
    return [
        pytest.param(client, value, id=f"{client}-{value if isinstance(value, str) else value[0]}")
        for client in all_clients()
        for value in getattr(client, field)
    ]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(DEFAULT_CATALOG)


@pytest.mark.parametrize(("client", "step"), _each("charged"))
async def test_a_call_is_answered_and_charged_as_the_provider_counted(
    install: Install, caller: Caller, client: Client, step: str,
    tenant: Tenant, witness: Witness, settled: Settled, catalog: Catalog,
) -> None:  # fmt: skip
    before = await witness.last_sequence()
    outcome = await run_step(install(client), step, caller)
    assert _is_the_answer(step, outcome.returned), outcome
    calls = await witness.calls_after(before)
    await assert_books_agree(tenant, catalog, calls, await settled(len(calls)), PAID_IN)


@pytest.mark.parametrize(("client", "step"), _each("free"))
async def test_counting_tokens_and_listing_models_is_free(
    install: Install, caller: Caller, client: Client, step: str, tenant: Tenant
) -> None:
    outcome = await run_step(install(client), step, caller)
    if step == "models":
        assert len(outcome.returned) > 10, outcome
    else:
        assert outcome.returned > 0, outcome
    assert await tenant.balance() == PAID_IN


@pytest.mark.parametrize(("client", "refusal"), _each("refusals"))
async def test_a_refused_call_raises_the_exception_of_the_sdk(
    install: Install, caller: Caller, client: Client, refusal: tuple[str, str], tenant: Tenant, witness: Witness
) -> None:
    wrong, exception = refusal
    if wrong == "not_allowed":
        await tenant.guard("organization", "", model_whitelist=["gpt-image-1"])
    if wrong == "budget_spent":
        await tenant.guard("member", "mia", budget_nano_credits=0)
    if wrong == "bad_key":
        caller = replace(caller, key=caller.key[:-4] + "0000")
    before = await witness.last_sequence()
    model = "no-such-model" if wrong == "unknown_model" else None
    outcome = await run_step(install(client), "plain", caller, model)
    assert exception in outcome.raised, outcome
    assert outcome.status in (STATUSES[wrong], None), outcome
    assert await witness.calls_after(before) == []


@pytest.mark.parametrize("client", versions_of("openai"), ids=str)
async def test_a_long_wait_is_not_retried_at_once(
    install: Install, caller: Caller, client: Client, tenant: Tenant
) -> None:
    """OpenAI's SDK ignores a `retry-after` above 60 seconds and retries at once, unless `x-should-retry` says not to."""
    rules = [["", "HOUR", 1, None]]
    await tenant.guard("member", "mia", rate_rules=json.dumps(rules))
    assert (await run_step(install(client), "plain", caller)).returned
    async with recorded(caller.base_url) as exchange:
        outcome = await run_step(install(client), "plain", replace(caller, base_url=exchange.url))
    assert "RateLimitError" in outcome.raised, outcome
    assert exchange.statuses == [429]


def _is_the_answer(step: str, returned: Any) -> bool:
    """Returns whether a step returned what the mock provider answers."""
    if step == "tool_call":
        return bool(returned == {"name": "weather", "arguments": {"city": "amber"}})
    if step == "structured":
        return bool(returned == {"name": "amber", "inhabitants": 1})
    if step in ("embeddings", "cache_filled"):
        return bool(returned > 0)
    return bool(returned) and set(returned.split()) <= WORDS
