"""Pictures are charged by their tokens."""

from typing import Any

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, json_answer, stream

PATH = "/v1/images/generations"
PICTURE = "iVBORw0KGgo=" * 1_000
BODY = {"model": "gpt-image-1.5", "prompt": "A sea otter", "background": "transparent", "quality": "high"}
TEXT, IMAGE, OUTPUT_TEXT = 5_000, 32_000, 10_000
"""Nano-credits per token of gpt-image-1.5."""
DETAILS = {"input_tokens_details": {"text_tokens": 50, "image_tokens": 0}}


def usage(output: int, **fields: Any) -> dict[str, Any]:
    return {"input_tokens": 50, "output_tokens": output, "total_tokens": 50 + output, **DETAILS, **fields}


def pictures(count: int, report: object = None) -> Script:
    answer = {"created": 1_713_833_628, "data": [{"b64_json": PICTURE}] * count}
    return json_answer(answer if report is None else {**answer, "usage": report})


@pytest.mark.parametrize(
    ("report", "charge"),
    [
        (usage(4_160), 50 * TEXT + 4_160 * IMAGE),
        (
            usage(4_260, output_tokens_details={"image_tokens": 4_160, "text_tokens": 100}),
            50 * TEXT + 4_160 * IMAGE + 100 * OUTPUT_TEXT,
        ),
    ],
)
async def test_output_is_pictures_unless_the_report_says_text(
    metering: Metering, report: dict[str, Any], charge: int
) -> None:
    metering.upstream.answer(pictures(1, report))
    reply = await metering.call(BODY, PATH)
    assert (reply.status, reply.json["usage"]) == (200, report)
    (request,) = metering.upstream.requests
    assert (request.path, request.json) == (PATH, BODY)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (charge, "provider", "completed")
    assert await metering.finding() is None


async def test_a_stream_reports_with_its_last_picture(metering: Metering) -> None:
    partial = {"type": "image_generation.partial_image", "b64_json": PICTURE, "partial_image_index": 0}
    done = {"type": "image_generation.completed", "b64_json": PICTURE, "usage": usage(4_260)}
    metering.upstream.answer(stream(partial, done))
    reply = await metering.call({**BODY, "stream": True, "partial_images": 1}, PATH)
    assert "image_generation.completed" in reply.text
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source) == (50 * TEXT + 4_260 * IMAGE, "provider")


async def test_each_picture_is_held(metering: Metering) -> None:
    metering.upstream.answer(pictures(3, usage(12_480)))
    assert (await metering.call({**BODY, "n": 3}, PATH)).status == 200
    charged = await metering.charged()
    assert charged.nano_credits == 50 * TEXT + 12_480 * IMAGE
    assert charged.hold_nano_credits >= 3 * 4_096 * IMAGE


async def test_without_a_report_each_picture_costs_what_was_held(metering: Metering) -> None:
    metering.upstream.answer(pictures(2))
    assert (await metering.call({**BODY, "n": 2}, PATH)).status == 200
    charged = await metering.charged()
    assert (charged.tokens["output_image"], charged.source) == (2 * 4_096, "estimated")


async def test_a_budget_refuses_a_picture_that_it_cannot_pay(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", budget_nano_credits=1_000_000)
    assert (await metering.call(BODY, PATH)).status == 402
    assert not metering.upstream.requests


async def test_a_model_that_makes_no_pictures_is_refused(metering: Metering) -> None:
    assert (await metering.call({**BODY, "model": "gpt-4o"}, PATH)).status == 400
    reply = await metering.call({"model": "gpt-image-1", "messages": []})
    assert (reply.status, reply.json["error"]["param"]) == (400, "model")
