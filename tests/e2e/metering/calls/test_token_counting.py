"""Token counting is forwarded, free and limited like other calls."""

from typing import Any

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, json_answer

ASK = [{"role": "user", "content": "Why is the sky blue?"}]
CONTENTS = [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]
MESSAGES = "/v1/messages/count_tokens"
RESPONSES = "/v1/responses/input_tokens"
GEMINI = "/v1beta/models/gemini-2.5-flash:countTokens"
COUNTED = {"input_tokens": 2_095}
CLAUDE = {"model": "claude-haiku-4-5", "messages": ASK}


@pytest.mark.parametrize(
    ("path", "body", "answer", "upstream_path"),
    [
        (f"{MESSAGES}?beta=true", CLAUDE, COUNTED, f"{MESSAGES}?beta=true"),
        (f"/anthropic{MESSAGES}", CLAUDE, COUNTED, MESSAGES),
        (MESSAGES, CLAUDE | {"tools": [{"type": "unheard_of_20260101", "name": "x"}]}, COUNTED, MESSAGES),
        (RESPONSES, {"model": "gpt-5", "input": "Why?"}, {"object": "response.input_tokens", **COUNTED}, RESPONSES),
        (GEMINI, {"contents": CONTENTS}, {"totalTokens": 31}, GEMINI),
        (
            GEMINI.replace("v1beta", "v1"),
            {"generateContentRequest": {"model": "models/gemini-2.5-flash", "contents": CONTENTS}},
            {"totalTokens": 31},
            GEMINI,
        ),
    ],
)
async def test_a_count_is_passed_on_and_free(
    metering: Metering, path: str, body: dict[str, Any], answer: dict[str, Any], upstream_path: str
) -> None:
    metering.upstream.answer(json_answer(answer))
    reply = await metering.call(body, path)
    assert (reply.status, reply.json) == (200, answer)
    (request,) = metering.upstream.requests
    assert (request.path, request.json) == (upstream_path, body)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.hold_nano_credits, charged.lines, charged.tokens) == (0, 0, {}, {})
    assert (charged.source, charged.detail) == ("none", "completed")
    assert await metering.finding() is None


async def test_an_alias_is_replaced_by_the_providers_name(metering: Metering) -> None:
    metering.upstream.answer(json_answer(COUNTED))
    assert (await metering.call(CLAUDE | {"model": "anthropic/claude-haiku-4-5"}, MESSAGES)).status == 200
    (request,) = metering.upstream.requests
    assert request.json["model"] == "claude-haiku-4-5"


async def test_an_exhausted_budget_does_not_keep_a_caller_from_counting(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", budget_nano_credits=0)
    metering.upstream.answer(json_answer(COUNTED))
    assert (await metering.call(CLAUDE, MESSAGES)).status == 200
    assert (await metering.call(CLAUDE | {"max_tokens": 5}, "/v1/messages")).status == 402


async def test_an_error_of_the_provider_is_passed_on_and_free(metering: Metering) -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: Extra inputs"}}
    metering.upstream.answer(json_answer(error, status=400))
    reply = await metering.call(CLAUDE | {"max_tokens": 5}, MESSAGES)
    assert (reply.status, reply.json) == (400, error)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (0, "provider_error")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (MESSAGES, CLAUDE | {"model": "claude-opus-4-8"}, 403),
        (MESSAGES, CLAUDE | {"model": "claude-imaginary"}, 404),
        (MESSAGES, CLAUDE | {"model": "gpt-5"}, 403),
        (MESSAGES, CLAUDE | {"fallbacks": [{"model": "claude-opus-4-8"}]}, 403),
        (GEMINI, {"generateContentRequest": {"model": "models/gemini-2.5-pro", "contents": CONTENTS}}, 403),
    ],
)
async def test_whitelists_cover_counting(metering: Metering, path: str, body: dict[str, Any], status: int) -> None:
    allowed = ["claude-haiku-4-5", "gemini-2.5-flash"]
    await metering.tenant.guard("organization", "", model_whitelist=allowed)
    assert (await metering.call(body, path)).status == status
    assert not metering.upstream.requests


async def test_a_model_without_the_operation_counts_nothing(metering: Metering) -> None:
    reply = await metering.call(CLAUDE | {"model": "gpt-5"}, MESSAGES)
    assert (reply.status, reply.json["type"]) == (400, "error")


async def test_request_limits_cover_counting(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", requests_per_minute=1)
    script: Script = json_answer(COUNTED)
    metering.upstream.answer(script)
    assert [(await metering.call(CLAUDE, MESSAGES)).status for _ in range(2)] == [200, 429]
