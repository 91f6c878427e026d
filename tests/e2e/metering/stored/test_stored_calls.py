"""Calls about stored responses: forwarded to the provider that stores them, free, and counted against request limits."""

import pytest

from tests.e2e.conftest import chat
from tests.e2e.metering.cases import RESPONSES
from tests.e2e.metering.responses import USAGE, answered, asked, identifier
from tests.support.data.tenants import until_applied
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer


async def stored(metering: Metering) -> str:
    """Has a response stored, and returns its id."""
    name = identifier()
    metering.upstream.answer(json_answer(answered(name)))
    assert (await metering.call(asked(), RESPONSES)).status == 200
    await metering.charged()
    return name


@pytest.mark.parametrize(
    ("method", "suffix", "sent"),
    [
        ("GET", "", ""),
        ("GET", "?include[]=message.output_text.logprobs&user=x", "?include[]=message.output_text.logprobs"),
        ("DELETE", "?limit=1", ""),
        ("POST", "/cancel", "/cancel"),
        ("GET", "/input_items?limit=2&order=asc&after=msg_1&x=/../y", "/input_items?limit=2&order=asc&after=msg_1"),
    ],
)
async def test_a_call_about_a_stored_response_is_forwarded_and_free(
    metering: Metering, method: str, suffix: str, sent: str
) -> None:
    name = await stored(metering)
    metering.upstream.answer(json_answer({"id": name, "usage": USAGE}))
    reply = await metering.call(b"", f"/v1/responses/{name}{suffix}", method=method)
    assert (reply.status, reply.json["id"]) == (200, name)
    request = metering.upstream.requests[-1]
    assert (request.method, request.path) == (method, f"/v1/responses/{name}{sent}")
    assert request.header("authorization") == "Bearer credential-of-openai"
    assert (await metering.charged()).nano_credits == 1_000 * 1_250 + 500 * 10_000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/resp_guessed"),
        ("DELETE", "/v1/responses/resp_guessed"),
        ("POST", "/v1/responses/resp_guessed/cancel"),
        ("GET", "/openai/v1/responses/resp_guessed/input_items"),
        ("GET", "/v1/responses/.."),
        ("GET", "/v1/responses/resp_guessed%20x"),
        ("PUT", "/v1/responses/resp_guessed"),
        ("GET", "/v1/responses"),
    ],
)
async def test_a_guessed_path_reaches_no_provider(metering: Metering, method: str, path: str) -> None:
    assert (await metering.call(b"", path, method=method)).status == 404
    assert metering.upstream.requests == []


async def test_a_stored_response_cannot_be_streamed_again(metering: Metering) -> None:
    reply = await metering.call(b"", f"/v1/responses/{await stored(metering)}?stream=true", method="GET")
    assert (reply.status, reply.json["error"]["param"]) == (400, "stream")


async def test_a_call_about_a_stored_response_counts_against_request_limits(metering: Metering) -> None:
    name = await stored(metering)
    await metering.tenant.guard("member", "mia", requests_per_minute=2)
    await until_applied()
    metering.upstream.answer(*(json_answer({"id": name}) for _ in range(3)))
    replies = [await metering.call(b"", f"/v1/responses/{name}", method="GET") for _ in range(3)]
    assert replies[-1].status == 429
    assert replies[-1].json["error"]["code"] == "rate_limited"
    assert (await metering.call(chat(model="gpt-4o"))).status == 429, "both kinds of calls share the limit"


async def test_an_exhausted_budget_does_not_stop_a_free_call(metering: Metering) -> None:
    name = await stored(metering)
    await metering.tenant.guard("member", "mia", budget_nano_credits=1)
    await until_applied()
    metering.upstream.answer(json_answer({"id": name}))
    assert (await metering.call(b"", f"/v1/responses/{name}", method="DELETE")).status == 200


async def test_the_providers_refusal_of_our_account_stays_hidden(metering: Metering) -> None:
    name = await stored(metering)
    metering.upstream.answer(
        json_answer({"error": {"message": "bad key sk-…abc", "type": "x", "code": "invalid_api_key"}}, 401)
    )
    reply = await metering.call(b"", f"/v1/responses/{name}", method="GET")
    assert (reply.status, reply.json["error"]["code"]) == (502, "provider_unavailable")
