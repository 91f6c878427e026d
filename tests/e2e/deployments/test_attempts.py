"""A call that a deployment fails before the first byte is served by another one, and billed once."""

import json
from collections.abc import Callable

import pytest

from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import FIRST_BYTE_TIMEOUT_MS, Upstreams, cost_at
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Abort, Pause, Request, Script, json_answer, stream

Answer = Callable[[Request], Script]


def failing(status: int, headers: dict[str, str] | None = None) -> Answer:
    return lambda _request: json_answer({"error": {"message": "failed"}}, status, headers)


def refusing_credit(_request: Request) -> Script:
    """What OpenAI answers to an account without credit."""
    error = {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": "insufficient_quota"}
    return json_answer({"error": error}, 429, {"retry-after": "1"})


FAILURES: dict[str, tuple[Answer, str]] = {
    "500": (failing(500), "500"),
    "429": (failing(429, {"retry-after": "1"}), "429"),
    "429 without credit": (refusing_credit, "billing"),
    "529": (failing(529), "529"),
    "reset": (lambda _request: [Abort()], "broken"),
    "stall": (lambda _request: [Pause(3 * FIRST_BYTE_TIMEOUT_MS / 1_000), Abort()], "broken"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_the_caller_gets_the_answer_of_another_deployment(
    calls: Metering, upstreams: Upstreams, failure: str
) -> None:
    answer, noted = FAILURES[failure]
    upstreams.alpha.choose(answer)
    reply = await calls.call(chat(model="backed"))
    assert reply.status == 200, reply
    [tried], [served] = upstreams.alpha.requests, upstreams.beta.requests
    assert (tried.path, tried.json["model"], tried.header("authorization")) == (
        "/a/v1/chat/completions", "model-at-alpha", "Bearer credential-of-alpha",
    )  # fmt: skip
    assert (served.path, served.json["model"], served.header("authorization")) == (
        "/b/v1/chat/completions", "model-at-beta", "Bearer credential-of-beta",
    )  # fmt: skip
    assert not [name for request in (tried, served) for name, _ in request.headers if name.startswith("x-envoy-")]
    assert {**tried.json, "model": ""} == {**served.json, "model": ""}
    charged = await calls.charged()
    assert charged.record["deployment"] == "beta/model-at-beta"
    assert charged.record["failed_attempts"] == [f"alpha/model-at-alpha={noted}"]
    assert charged.nano_credits == cost_at("beta")


CHUNKS = (
    {"id": "c", "model": "model-at-beta", "choices": [{"index": 0, "delta": {"content": "Hello."}}]},
    {"id": "c", "model": "model-at-beta", "choices": [], "usage": {"prompt_tokens": 1_000, "completion_tokens": 500}},
)


async def test_each_of_three_attempts_has_only_what_is_its_own(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(500))
    assert (await calls.call(chat(model="three"))).status == 200
    requests = [*upstreams.alpha.requests, *upstreams.beta.requests]
    assert [request.json["model"] for request in requests] == ["a-name-that-is-long", "short", "model-at-beta"]
    assert [(request.header("api-key"), request.header("authorization")) for request in requests] == [
        ("credential-of-azure", None),
        (None, "Bearer credential-of-alpha"),
        (None, "Bearer credential-of-beta"),
    ]
    assert all(request.header("content-length") == str(len(request.body)) for request in requests)
    charged = await calls.charged()
    assert charged.record["failed_attempts"] == ["azure/a-name-that-is-long=500", "alpha/short=500"]
    assert charged.nano_credits == cost_at("beta")


async def test_a_stream_is_served_by_another_deployment(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(503))
    upstreams.beta.choose(lambda _request: stream(*CHUNKS, done=True))
    reply = await calls.call(chat(model="backed", stream=True))
    assert (reply.status, reply.text.count("Hello.")) == (200, 1)
    assert upstreams.beta.requests[0].json["stream_options"] == {"include_usage": True}
    charged = await calls.charged()
    assert (charged.record["deployment"], charged.nano_credits) == ("beta/model-at-beta", cost_at("beta"))


async def test_a_stream_that_breaks_after_its_first_byte_is_not_tried_again(
    calls: Metering, upstreams: Upstreams
) -> None:
    upstreams.alpha.choose(lambda _request: [*stream(CHUNKS[0])[:2], Abort()])
    await calls.call(chat(model="backed", stream=True))
    charged = await calls.charged()
    assert charged.record["deployment"] == "alpha/model-at-alpha"
    assert not upstreams.beta.requests


async def test_a_large_body_is_sent_again_whole(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(500))
    text = "word " * 400_000
    reply = await calls.call(chat(model="backed", messages=[{"role": "user", "content": text}]))
    assert reply.status == 200
    [served] = upstreams.beta.requests
    assert served.json["messages"] == [{"role": "user", "content": text}]
    assert served.header("content-length") == str(len(served.body))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_the_caller_or_the_operator_must_know_is_not_tried_elsewhere(
    calls: Metering, upstreams: Upstreams, status: int
) -> None:
    upstreams.alpha.choose(failing(status))
    reply = await calls.call(chat(model="backed"))
    assert reply.status >= 400
    assert not upstreams.beta.requests
    charged = await calls.charged()
    assert (charged.record["deployment"], charged.nano_credits) == ("alpha/model-at-alpha", 0)


async def test_if_every_deployment_fails_the_last_error_is_the_callers(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(500))
    upstreams.beta.choose(failing(503))
    reply = await calls.call(chat(model="backed"))
    assert (reply.status, upstreams.counts()) == (503, (1, 1))
    assert "x-should-retry" not in reply.headers
    charged = await calls.charged()
    assert (charged.nano_credits, charged.record["failed_attempts"]) == (0, ["alpha/model-at-alpha=500"])


async def test_the_hold_reserves_what_the_dearest_attempt_may_cost(calls: Metering) -> None:
    await calls.call(chat(model="plain"))
    at_alpha = (await calls.charged()).hold_nano_credits
    await calls.call(chat(model="backed"))
    at_both = (await calls.charged(2)).hold_nano_credits
    assert 2 * at_alpha <= at_both <= 3 * at_alpha + 1


async def test_a_model_with_one_deployment_is_tried_once(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(500))
    assert (await calls.call(chat(model="plain"))).status == 500
    assert len(upstreams.alpha.requests) == 1


async def test_a_budget_of_one_provider_keeps_a_call_from_the_others(calls: Metering, upstreams: Upstreams) -> None:
    """The hold counts towards it at one deployment and not at the other, so one hold cannot cover both."""
    await calls.tenant.guard("member", "mia", model_budgets=json.dumps([["provider:alpha", 10**12]]))
    upstreams.alpha.choose(failing(500))
    reply = await calls.call(chat(model="backed"))
    assert (reply.status, reply.headers["x-should-retry"]) == (500, "true")
    assert not upstreams.beta.requests


async def test_clients_cannot_ask_for_attempts(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(failing(500))
    headers = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-megarouter-cluster": "fallback-2.alpha.beta"}
    assert (await calls.call(chat(model="plain"), headers=headers)).status == 500
    assert upstreams.counts() == (1, 0)
