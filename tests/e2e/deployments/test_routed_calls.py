"""A candidate of a virtual model that fails is left for another one, and tried again."""

import asyncio
import json
from collections.abc import Callable

from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import KNOWN_S, Upstreams
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import Request, Script, json_answer


async def add_virtual_model(calls: Metering, mode: str) -> None:
    tenant = calls.tenant
    await tenant.database.execute(
        "INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates,"
        " baseline_model, losses) VALUES ($1, 'vm-' || $1, 'either', 'organization', $1, '{plain,other}', 'plain', $2)",
        tenant.organization,
        json.dumps([["either", "other", 0]]),
    )
    await tenant.database.execute(
        "INSERT INTO routing_policies (organization_id, scope_kind, scope_id, mode, holdout_percent)"
        " VALUES ($1, 'organization', $1, $2, 0)",
        tenant.organization,
        mode,
    )


def failing(status: int) -> Callable[[Request], Script]:
    return lambda _request: json_answer({"error": {"message": "failed"}}, status)


async def routed_call(calls: Metering) -> Reply:
    return await calls.call(chat(model="either"))


async def until_served_by(calls: Metering, model: str) -> None:
    """Calls until a breaker that other tests opened is closed again."""
    async with asyncio.timeout(30):
        while (await routed_call(calls)).headers.get("x-megarouter-model") != model:
            await asyncio.sleep(0.3)


async def test_a_call_goes_to_another_model_while_the_baseline_fails_and_then_comes_back(
    calls: Metering, upstreams: Upstreams
) -> None:
    await add_virtual_model(calls, "LIVE")
    await until_served_by(calls, "plain")
    upstreams.alpha.choose(failing(500))
    failed = await routed_call(calls)
    assert (failed.status, failed.headers["x-should-retry"]) == (500, "true")
    await asyncio.sleep(KNOWN_S)
    repeated = await routed_call(calls)
    assert (repeated.status, repeated.headers["x-megarouter-model"]) == (200, "other")
    assert repeated.headers["x-megarouter-route"] == "routed; reason=baseline_unhealthy"
    for _ in range(2):
        await asyncio.sleep(4)  # the key no longer avoids the place
        await routed_call(calls)
    upstreams.alpha.choose(None)
    await until_served_by(calls, "plain")


async def test_in_shadow_mode_the_baseline_serves_although_it_fails(calls: Metering, upstreams: Upstreams) -> None:
    await add_virtual_model(calls, "SHADOW")
    upstreams.alpha.choose(failing(500))
    for _ in range(3):
        failed = await routed_call(calls)
        assert failed.status == 500
        assert "x-should-retry" not in failed.headers
        await asyncio.sleep(KNOWN_S / 2)
    upstreams.alpha.choose(None)
