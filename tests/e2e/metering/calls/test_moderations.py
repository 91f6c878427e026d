"""Moderations are forwarded, and free."""

from typing import Any

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

PATH = "/v1/moderations"
ANSWER = {"id": "modr-1", "model": "omni-moderation-latest", "results": [{"flagged": False}]}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize(
    "body",
    [
        {"input": "Why?"},
        {"model": "omni-moderation-latest", "input": ["Why?", "How?"]},
        {"model": "omni-moderation-latest", "input": [{"type": "text", "text": "Why?"}, IMAGE]},
    ],
)
async def test_a_moderation_is_free(metering: Metering, body: dict[str, Any]) -> None:
    await metering.tenant.guard("member", "mia", budget_nano_credits=0)
    metering.upstream.answer(json_answer(ANSWER))
    reply = await metering.call(body, PATH)
    assert (reply.status, reply.json) == (200, ANSWER)
    (request,) = metering.upstream.requests
    assert (request.path, request.json) == (PATH, body)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (0, "none", "completed")
    assert charged.record["requested_model"] == "omni-moderation-latest"


async def test_the_default_model_needs_the_whitelist_too(metering: Metering) -> None:
    await metering.tenant.guard("organization", "", model_whitelist=["gpt-4o"])
    assert (await metering.call({"input": "Why?"}, PATH)).status == 403


async def test_a_model_that_does_not_moderate_is_refused(metering: Metering) -> None:
    assert (await metering.call({"model": "gpt-4o", "input": "Why?"}, PATH)).status == 400
    reply = await metering.call({"model": "omni-moderation-latest", "messages": []})
    assert (reply.status, reply.json["error"]["param"]) == (400, "model")
