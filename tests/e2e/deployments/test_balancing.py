"""Callers are spread over the deployments of a model, and avoid those that fail until they serve again."""

import asyncio

import pytest

from gateway_core.model.deployments.health import FIRST_PAUSE_MS, LEAST_FAILURES
from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import KNOWN_S, Upstreams, cost_at, served, until_healthy
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer


async def test_callers_are_spread_and_each_stays_at_one_deployment(calls: Metering, upstreams: Upstreams) -> None:
    keys = [await calls.tenant.add_key(f"spread-{number}") for number in range(12)]
    places = []
    for key in keys:
        before = upstreams.counts()
        for _ in range(3):
            reply = await calls.call(chat(model="balanced"), headers={"authorization": f"Bearer {key}"})
            assert reply.status == 200
        after = upstreams.counts()
        places.append((after[0] - before[0], after[1] - before[1]))
    assert set(places) == {(3, 0), (0, 3)}


async def test_conversations_of_one_key_are_spread_and_each_stays_at_one_deployment(
    calls: Metering, upstreams: Upstreams
) -> None:
    """The gateway knows the conversations of calls to virtual models."""
    places = set()
    for number in range(12):
        turns = [{"role": "user", "content": f"Question {number}"}]
        before = upstreams.counts()
        for _ in range(2):
            assert (await calls.call(chat(model="chat", messages=turns))).status == 200
            turns += [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "And then?"}]
        after = upstreams.counts()
        places.add((after[0] - before[0], after[1] - before[1]))
    assert places == {(2, 0), (0, 2)}


async def test_a_call_reaches_its_deployment_with_its_own_name_path_and_credential(
    calls: Metering, upstreams: Upstreams
) -> None:
    await calls.call(chat(model="backed"))
    [request] = upstreams.alpha.requests
    assert request.path == "/a/v1/chat/completions"
    assert request.json["model"] == "model-at-alpha"
    assert request.header("authorization") == "Bearer credential-of-alpha"
    assert not upstreams.beta.requests


async def test_the_record_names_the_deployment_that_answered_and_has_its_price(
    calls: Metering, upstreams: Upstreams
) -> None:
    for number in range(8):
        key = await calls.tenant.add_key(f"priced-{number}")
        await calls.call(chat(model="balanced"), headers={"authorization": f"Bearer {key}"})
    await calls.charged(8)
    records = await calls.tenant.database.fetch(
        "SELECT deployment, provider_id, charge_nano_credits FROM usage_records WHERE organization_id = $1",
        calls.tenant.organization,
    )
    at_alpha, at_beta = upstreams.counts()
    assert at_alpha
    assert at_beta
    assert sorted(tuple(record) for record in records) == sorted(
        [("alpha/model-at-alpha", "alpha", cost_at("alpha"))] * at_alpha
        + [("beta/model-at-beta", "beta", cost_at("beta"))] * at_beta
    )


async def test_a_model_with_one_place_has_no_deployment_in_its_record(calls: Metering) -> None:
    await calls.call(chat(model="plain"))
    charged = await calls.charged()
    assert charged.record["deployment"] is None


async def test_a_whitelist_of_a_provider_leaves_only_its_deployment(calls: Metering, upstreams: Upstreams) -> None:
    await calls.tenant.guard("member", "mia", model_whitelist=["provider:beta"])
    reply = await calls.call(chat(model="backed"))
    assert reply.status == 200
    assert upstreams.counts() == (0, 1)


async def test_a_failing_deployment_is_left_and_gets_its_callers_back(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(lambda _request: json_answer({"error": {"message": "broken"}}, 500))
    for _ in range(LEAST_FAILURES):
        await calls.call(chat(model="backed"))
    await asyncio.sleep(KNOWN_S)
    upstreams.alpha.reset()
    for _ in range(3):
        assert (await calls.call(chat(model="backed"))).status == 200
    assert len(upstreams.alpha.requests) <= 1
    upstreams.alpha.choose(served)
    await until_healthy(calls, upstreams)
    upstreams.beta.reset()
    assert (await calls.call(chat(model="backed"))).status == 200
    assert not upstreams.beta.requests


async def test_a_rate_limit_shuts_a_deployment_for_as_long_as_it_asks(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(lambda _request: json_answer({"error": {"message": "slow down"}}, 429, {"retry-after": "3"}))
    limited = await calls.call(chat(model="backed"))
    assert limited.status != 200 or upstreams.beta.requests
    await asyncio.sleep(KNOWN_S)
    upstreams.alpha.reset()
    upstreams.alpha.choose(served)
    for _ in range(4):
        assert (await calls.call(chat(model="backed"))).status == 200
        await asyncio.sleep(FIRST_PAUSE_MS / 2_000)
    assert not upstreams.alpha.requests
    await until_healthy(calls, upstreams)


@pytest.mark.parametrize("model", ["backed", "balanced"])
async def test_a_call_passes_although_every_deployment_is_shut(
    calls: Metering, upstreams: Upstreams, model: str
) -> None:
    for upstream in (upstreams.alpha, upstreams.beta):
        upstream.choose(lambda _request: json_answer({"error": {"message": "broken"}}, 500))
    for _ in range(2 * LEAST_FAILURES):
        await calls.call(chat(model=model))
    await asyncio.sleep(KNOWN_S)
    for upstream in (upstreams.alpha, upstreams.beta):
        upstream.choose(served)
    assert (await calls.call(chat(model=model))).status == 200
    await until_healthy(calls, upstreams)
