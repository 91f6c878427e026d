"""A use case that is worse than allowed goes back to the baseline by itself, and callers notice within a second."""

import asyncpg

from deploy.local.stack.database_urls import login_url
from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import Post
from tests.e2e.routing.test_routed_calls import FOR_SUMMARIES, LIGHT, STRONG, add_virtual_model, set_policy, summary
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
