"""A use case that is worse than allowed goes back to the baseline by itself, and callers notice within a second."""

import asyncio

import asyncpg

from deploy.local.stack.database_urls import login_url
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.routing.quality import RATED_BAD, SESSIONS_MIN
from tests.e2e.conftest import Post
from tests.e2e.routing.test_routed_calls import (
    FOR_SUMMARIES,
    LIGHT,
    STRONG,
    Settled,
    add_virtual_model,
    set_policy,
    summary,
)
from tests.support.data.tenants import Tenant, until_applied
from usage_service.routed_calls.quality_watch import QualityWatch
from usage_service.wiring import ROLE

CONVERSATIONS = """
INSERT INTO routed_calls (organization_id, hold_id, sequence, virtual_model, virtual_model_id, revision, arm, reason, is_simple,
                          use_case, baseline_model, baseline_price_version, chosen_model, chosen_price_version,
                          max_loss_basis_points, session, signals, place_time)
SELECT organization_id, 'hold-' || gen_random_uuid(), n, model_name, virtual_model_id, revision, $2, 'cheapest', true, 'summaries',
       baseline_model, 1, candidates[2], 1, 100, gen_random_uuid(), CASE WHEN n <= $4 THEN '{refused}'::text[] ELSE '{}' END, now()
  FROM virtual_models CROSS JOIN generate_series(1, $3) AS n WHERE organization_id = $1
"""


async def route_of(post: Post) -> tuple[str, str]:
    reply = await post(summary(), headers=FOR_SUMMARIES)
    assert reply.status == 200, reply.text
    return reply.headers["x-megarouter-model"], reply.headers["x-megarouter-route"]


async def test_a_use_case_that_is_worse_than_allowed_goes_back_until_it_is_lifted(
    post: Post, tenant: Tenant, stack: Stack
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100)
    assert await route_of(post) == (LIGHT, "routed; reason=cheapest")
    await tenant.database.execute(CONVERSATIONS, tenant.organization, "ROUTED", 1_000, 400)
    await tenant.database.execute(CONVERSATIONS, tenant.organization, "HOLDOUT", 200, 20)
    url = login_url(stack.environment["MEGAROUTER_DATABASE_URL"], ROLE)
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        await QualityWatch(pool).watch_once()
    await until_applied()
    assert await route_of(post) == (STRONG, "baseline; reason=returned")
    await tenant.database.execute(
        "UPDATE routing_returns SET lift_time = clock_timestamp() WHERE organization_id = $1", tenant.organization
    )
    await until_applied()
    assert await route_of(post) == (LIGHT, "routed; reason=cheapest")


async def rate(post: Post, request_id: str, rating: str) -> None:
    """Rates an answer, and waits while a key has sent too many ratings."""
    for _ in range(60):
        reply = await post({"id": request_id, "rating": rating}, path="/v1/feedback")
        if reply.status != 429:
            assert reply.status == 200, reply.text
            return
        await asyncio.sleep(float(reply.headers["retry-after"]))
    raise AssertionError("the key never got a turn")


async def test_callers_who_rate_routed_answers_badly_send_their_use_case_back(
    post: Post, tenant: Tenant, stack: Stack, settled: Settled
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE", max_loss_basis_points=100, holdout_percent=50)
    least = SESSIONS_MIN[RATED_BAD]
    answers: dict[str, list[str]] = {LIGHT: [], STRONG: []}
    while min(map(len, answers.values())) < least:
        messages = [{"role": "user", "content": f"Summarize {answers}."}]
        reply = await post(summary(messages=messages), headers=FOR_SUMMARIES)
        answers[reply.headers["x-megarouter-model"]].append(reply.headers["x-request-id"])
    await settled(sum(map(len, answers.values())))
    for model, rating in ((LIGHT, "bad"), (STRONG, "good")):
        for request_id in answers[model][:least]:
            await rate(post, request_id, rating)
    url = login_url(stack.environment["MEGAROUTER_DATABASE_URL"], ROLE)
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        await QualityWatch(pool).watch_once()
    await until_applied()
    assert await route_of(post) == (STRONG, "baseline; reason=returned")
    [found] = await tenant.database.fetch(
        "SELECT measure, routed_bad, held_out_bad FROM routing_returns WHERE organization_id = $1", tenant.organization
    )
    assert tuple(found) == ("rated_bad", least, 0)
