"""Gemini's own embeddings. Google reports their input for newer models only."""

from typing import Any

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

ONE = "/v1beta/models/gemini-embedding-001:embedContent"
MANY = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
VECTOR = {"values": [0.1, -0.2, 0.3]}
NANO_CREDITS_PER_TOKEN = 150


def content(text: str) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}}


def request(text: str, model: str = "gemini-embedding-001") -> dict[str, Any]:
    return {"model": f"models/{model}", **content(text)}


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (ONE, content("Why?"), {"embedding": VECTOR}),
        (ONE.replace("v1beta", "v1"), request("Why?"), {"embedding": VECTOR}),
        (MANY, {"requests": [request("Why?"), request("How?")]}, {"embeddings": [VECTOR, VECTOR]}),
    ],
)
async def test_the_reported_input_is_charged(
    metering: Metering, path: str, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    usage = {"promptTokenCount": 1_000, "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 1_000}]}
    metering.upstream.answer(json_answer({**answer, "usageMetadata": usage}))
    reply = await metering.call(body, path)
    assert (reply.status, reply.json) == (200, {**answer, "usageMetadata": usage})
    (received,) = metering.upstream.requests
    assert (received.path, received.json) == (path.replace("/v1/", "/v1beta/"), body)
    charged = await metering.charged()
    assert charged.nano_credits == 1_000 * NANO_CREDITS_PER_TOKEN
    assert (charged.source, charged.detail, charged.tokens) == ("provider", "completed", {"input": 1_000})
    assert await metering.finding() is None


async def test_an_answer_without_a_report_is_estimated_by_the_size_of_the_request(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"embeddings": [VECTOR] * 50}))
    body = {"requests": [request("word " * 200) for _ in range(50)]}
    assert (await metering.call(body, MANY)).status == 200
    (received,) = metering.upstream.requests
    charged = await metering.charged()
    assert charged.tokens == {"input": -(-len(received.body) // 4)}
    assert (charged.source, charged.detail) == ("estimated", "usage_omitted")


async def test_an_error_is_free(metering: Metering) -> None:
    error = {"error": {"code": 400, "message": "content is required", "status": "INVALID_ARGUMENT"}}
    metering.upstream.answer(json_answer(error, status=400))
    reply = await metering.call({}, ONE)
    assert (reply.status, reply.json) == (400, error)
    assert (await metering.charged()).nano_credits == 0


@pytest.mark.parametrize(("model", "status"), [("gemini-2.5-flash", 403), ("gemini-imaginary", 400)])
async def test_other_models_in_a_batch_are_checked(metering: Metering, model: str, status: int) -> None:
    await metering.tenant.guard("organization", "", model_whitelist=["gemini-embedding-001"])
    assert (await metering.call({"requests": [request("Why?"), request("Why?", model)]}, MANY)).status == status
    assert not metering.upstream.requests


async def test_a_model_without_embeddings_is_refused(metering: Metering) -> None:
    reply = await metering.call(content("Why?"), ONE.replace("gemini-embedding-001", "gemini-2.5-flash"))
    assert (reply.status, reply.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_tokens_of_a_text_to_embed_can_be_counted(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"totalTokens": 3}))
    path = ONE.replace("embedContent", "countTokens")
    assert (await metering.call({"contents": [content("Why?")["content"]]}, path)).json == {"totalTokens": 3}
    assert (await metering.charged()).nano_credits == 0
