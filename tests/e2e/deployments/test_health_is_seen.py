"""A fallback hides no deployment that fails: metrics say which calls avoid, and which attempts failed."""

import asyncio
import json
import urllib.request

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import Upstreams
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

PATIENCE_S = 30.0
LEFT = 'megarouter_deployment_left{megarouter_deployment_name="alpha/model-at-alpha"}'
LIMITED = (
    'megarouter_deployment_failed_attempts_total{megarouter_deployment_attempt_outcome="429",'
    'megarouter_deployment_name="alpha/model-at-alpha"}'
)


def figure(stack: Stack, service: str, series: str) -> float:
    """Returns the value of a series; 0 if there is none."""
    url = f"http://127.0.0.1:{stack.ports.metrics(service)}/metrics"
    with urllib.request.urlopen(url, timeout=5) as page:
        lines = page.read().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), 0.0)


async def until(stack: Stack, service: str, series: str, least: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while figure(stack, service, series) < least:
            await asyncio.sleep(0.1)


def states(stack: Stack, model: str) -> dict[str, str]:
    """Returns the state of each deployment of a model, by provider, as the admin API shows it."""
    environment = stack.environment
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{environment['MEGAROUTER_ADMIN_URL']}/v1/models/{model}",
        headers={"authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
        deployments = json.load(answer)["deployments"]
    return {one["provider"].removeprefix("providers/"): one["state"] for one in deployments}


async def test_a_deployment_out_of_quota_is_seen_although_no_caller_notices(
    calls: Metering, upstreams: Upstreams, deployed_stack: Stack
) -> None:
    assert states(deployed_stack, "backed") == {"alpha": "STATE_SERVING", "beta": "STATE_SERVING"}
    before = figure(deployed_stack, "usage", LIMITED)
    upstreams.alpha.choose(lambda _request: json_answer({"error": {"message": "quota"}}, 429, {"retry-after": "5"}))
    assert (await calls.call(chat(model="backed"))).status == 200
    await calls.charged()
    await until(deployed_stack, "usage", LIMITED, before + 1)
    await until(deployed_stack, "authz", LEFT, 1)
    assert states(deployed_stack, "backed") == {"alpha": "STATE_LEFT", "beta": "STATE_SERVING"}
