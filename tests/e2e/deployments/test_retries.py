"""A failed call that cannot be tried elsewhere says that a retry may succeed, and the retry is served by another deployment."""

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import KNOWN_S, Upstreams
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Abort, Request, Script, json_answer

Answer = Callable[[Request], Script]


def failing(status: int, headers: dict[str, str] | None = None) -> Answer:
    return lambda _request: json_answer({"error": {"message": "failed"}}, status, headers)


FAILURES: dict[str, Answer] = {
    "500": failing(500),
    "429 with a long wait": failing(429, {"retry-after": "3600"}),
    "refused credential": failing(401),
    "reset": lambda _request: [Abort()],
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_the_retry_of_a_failed_call_is_served_elsewhere(
    calls: Metering, upstreams: Upstreams, failure: str
) -> None:
    # One hold cannot count towards this budget at one deployment and not at the other.
    await calls.tenant.guard("member", "mia", model_budgets=json.dumps([["provider:alpha", 10**12]]))
    upstreams.alpha.choose(FAILURES[failure])
    failed = await calls.call(chat(model="backed"))
    assert failed.status >= 429
    assert failed.headers["x-should-retry"] == "true"
    assert "retry-after" not in failed.headers
    await asyncio.sleep(KNOWN_S)
    retried = await calls.call(chat(model="backed"))
    assert (retried.status, upstreams.counts()) == (200, (1, 1))
    charged = await calls.charged(2)
    assert charged.record["deployment"] == "beta/model-at-beta"


async def test_a_call_with_one_deployment_says_nothing_of_the_kind(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(500))
    failed = await calls.call(chat(model="plain"))
    assert "x-should-retry" not in failed.headers
