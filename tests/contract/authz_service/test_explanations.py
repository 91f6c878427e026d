"""An explanation also reports how much every limit has left, without changing anything."""

import asyncio
import time

import asyncpg
import pytest
from redis.asyncio import Redis

from admin_service.resources.guardrails.explanations import Explanation, SupposedCall, explain
from admin_service.resources.guardrails.live_counter_reader import LiveCounterReader
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.catalog.entries import Model
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.identity_store import principal_of_api_key, principal_of_member
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.authz_service.conftest import ADMIN, CATALOG, Ask, guard

CREDIT = 10**9
BODY_BYTES = 100


async def explained(
    admin_login: AuthzSettings, redis: Redis, model: str, max_tokens: int, *, of_member: bool = False
) -> Explanation:
    now_s, clock = time.time(), PeriodClock()
    async with open_pool(admin_login, ADMIN) as pool:
        async with acting_for(pool, "acme") as connection:
            principal = (
                await principal_of_member(connection, "acme", "mia")
                if of_member
                else await principal_of_api_key(connection, "acme", "key-1")
            )
        assert principal is not None
        call = SupposedCall(Endpoint.CHAT_COMPLETIONS, Parameters(model, False, max_tokens, 1, False), BODY_BYTES)  # noqa: FBT003
        counters = await LiveCounterReader(redis, pool).read(principal, BODY_BYTES // 4 + max_tokens, now_s, clock)
    return explain(principal, call, prices(), counters, int(now_s * 10**6), clock)


def prices() -> CatalogView:
    models: list[Model] = [
        model.model_copy(update={"schedules": tuple(s.model_copy(update={"version": 1}) for s in model.schedules)})
        for model in CATALOG.models
    ]
    return CatalogView(
        {model.name: model for model in models}, {provider.name: provider for provider in CATALOG.providers}
    )


async def test_an_explanation_reports_the_remaining_amounts_and_changes_nothing(
    owner: asyncpg.Connection, admin_login: AuthzSettings, redis: Redis, ask: Ask
) -> None:
    await guard(
        owner,
        "member",
        "mia",
        budget_nano_credits=10 * CREDIT,
        cycle="DAILY",
        tokens_per_minute=100,
        concurrency_limit=3,
    )
    await asyncio.sleep(0.2)
    assert (await ask({"model": "model-a", "max_tokens": 4})).allowed
    before = {key: await redis.dump(key) for key in await redis.keys("*")}
    answer = await explained(admin_login, redis, "model-a", 5)
    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before
    member = answer.guardrails[1]
    assert member.budget
    assert member.tokens_per_minute
    assert member.concurrency
    assert (member.budget.held, member.budget.remaining) == (4 * CREDIT, 6 * CREDIT)
    assert member.budget.reset_epoch_s is not None
    assert (member.tokens_per_minute.used, member.tokens_per_minute.remaining) == (29, 71)
    assert (member.concurrency.used, member.concurrency.remaining) == (1, 2)
    assert answer.credit.held == 4 * CREDIT
    assert answer.refusal is None


@pytest.mark.also_on_cluster
async def test_an_explanation_without_redis_counters_reads_postgresql(
    owner: asyncpg.Connection, admin_login: AuthzSettings, redis: Redis, ask: Ask
) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=10 * CREDIT, concurrency_limit=1)
    await asyncio.sleep(0.2)
    assert (await ask({"model": "model-a", "max_tokens": 4})).allowed
    await asyncio.sleep(0.2)
    await redis.flushall()
    answer = await explained(admin_login, redis, "model-a", 1)
    assert answer.refusal is not None
    assert answer.refusal.reason == "too_many_concurrent_calls"
    assert answer.guardrails[1].budget is not None
    assert answer.guardrails[1].budget.held == 4 * CREDIT


async def test_an_explanation_of_a_member_omits_the_limits_of_keys(
    owner: asyncpg.Connection, admin_login: AuthzSettings, redis: Redis, organization: str
) -> None:
    await guard(owner, "api_key", "key-1", budget_nano_credits=0)
    await guard(owner, "member", "mia", concurrency_limit=0)
    answer = await explained(admin_login, redis, "model-a", 1, of_member=True)
    assert answer.refusal is not None
    assert (answer.refusal.reason, answer.refusal.should_retry) == ("too_many_concurrent_calls", False)
    assert [state.scope.scope_id for state in answer.guardrails] == ["mia", "g4", "g3", "g2", "g1", "acme"]
