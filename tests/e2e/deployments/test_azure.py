"""Calls to Azure OpenAI's API of deployments: the path names the model, the query the version, and the key is in `api-key`."""

from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import INPUT_TOKENS, OUTPUT_TOKENS, Upstreams, completion, cost_at
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer, stream

FILTERED = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
"""Azure begins a stream with what its content filter says about the prompt."""
TEXT = {"id": "c", "model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "delta": {"content": "Hello."}}]}
USAGE = {
    "id": "c",
    "model": "gpt-4o-2024-08-06",
    "choices": [],
    "usage": {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS},
}


async def test_a_call_arrives_as_azure_wants_it(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(lambda _request: completion("gpt-4o-2024-08-06"))
    reply = await calls.call(chat(model="gpt-4o"), headers={"api-key": "of the caller"})
    assert reply.status == 200
    [request] = upstreams.alpha.requests
    assert request.path == "/openai/deployments/gpt-4o-eu/chat/completions?api-version=2024-10-21"
    assert [value for name, value in request.headers if name == "api-key"] == ["credential-of-azure"]
    assert request.header("authorization") is None
    charged = await calls.charged()
    assert (charged.record["deployment"], charged.nano_credits) == ("azure/gpt-4o-eu", cost_at("alpha"))
    assert await calls.finding() is None


async def test_a_stream_that_begins_with_filter_results_is_metered(calls: Metering, upstreams: Upstreams) -> None:
    upstreams.alpha.choose(lambda _request: stream(FILTERED, TEXT, USAGE, done=True))
    reply = await calls.call(chat(model="gpt-4o", stream=True))
    assert "Hello." in reply.text
    assert "usage" not in reply.text
    charged = await calls.charged()
    assert (charged.source, charged.nano_credits) == ("provider", cost_at("alpha"))


async def test_a_deployment_without_quota_left_hands_the_call_to_another_provider(
    calls: Metering, upstreams: Upstreams
) -> None:
    limit = {
        "error": {"code": "429", "message": "Requests have exceeded the call rate limit. Please retry after 9 seconds."}
    }
    upstreams.alpha.choose(lambda _request: json_answer(limit, 429, {"retry-after": "9"}))
    assert (await calls.call(chat(model="gpt-4o"))).status == 200
    [request] = upstreams.beta.requests
    assert request.path == "/b/v1/chat/completions"
    assert (request.header("authorization"), request.header("api-key")) == ("Bearer credential-of-beta", None)
    charged = await calls.charged()
    assert charged.record["failed_attempts"] == ["azure/gpt-4o-eu=429"]


async def test_a_refused_key_is_the_gateways_error_and_never_shows_it(calls: Metering, upstreams: Upstreams) -> None:
    refused = {
        "error": {"code": "401", "message": "Access denied due to invalid subscription key credential-of-azure."}
    }
    upstreams.alpha.choose(lambda _request: json_answer(refused, 401))
    reply = await calls.call(chat(model="gpt-4o"))
    assert reply.status in {502, 503}
    assert "credential-of-azure" not in reply.text
    assert not upstreams.beta.requests
