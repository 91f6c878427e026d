"""Edits of pictures are charged by their tokens, and come as forms."""

from typing import Any

import pytest

from tests.support.forms import CONTENT_TYPE, field, file, form
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import json_answer, stream

PATH = "/v1/images/edits"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)
TEXT, IMAGE_IN, IMAGE_OUT = 5_000, 8_000, 32_000
"""Nano-credits per token of gpt-image-1.5."""
USAGE = {
    "input_tokens": 350,
    "input_tokens_details": {"text_tokens": 50, "image_tokens": 300},
    "output_tokens": 4_160,
    "total_tokens": 4_510,
}
CHARGE = 50 * TEXT + 300 * IMAGE_IN + 4_160 * IMAGE_OUT


def edit(model: str = "gpt-image-1.5", pictures: int = 1, **fields: str) -> bytes:
    parts = [file("image[]", PICTURE, "a.png", "image/png")] * pictures
    return form(
        [
            *parts,
            field("model", model),
            field("prompt", "A hat"),
            *(field(name, value) for name, value in fields.items()),
        ]
    )


async def call(metering: Metering, body: bytes) -> Reply:
    return await metering.call(body, PATH, headers={"content-type": CONTENT_TYPE})


def answered(count: int, **fields: Any) -> dict[str, Any]:
    return {"created": 1_713_833_628, "data": [{"b64_json": "iVBORw0KGgo="}] * count, **fields}


async def test_an_edit_is_charged_by_its_tokens(metering: Metering) -> None:
    metering.upstream.answer(json_answer(answered(1, usage=USAGE)))
    body = edit(background="transparent", size="1024x1024", quality="high")
    reply = await call(metering, body)
    assert (reply.status, reply.json["usage"]) == (200, USAGE)
    (request,) = metering.upstream.requests
    assert (request.path, request.body) == (PATH, body)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (CHARGE, "provider", "completed")
    assert charged.hold_nano_credits >= charged.nano_credits
    assert await metering.finding() is None


async def test_a_stream_reports_with_its_last_picture(metering: Metering) -> None:
    partial = {"type": "image_edit.partial_image", "b64_json": "iVBORw0KGgo=", "partial_image_index": 0}
    metering.upstream.answer(
        stream(partial, {"type": "image_edit.completed", "b64_json": "iVBORw0KGgo=", "usage": USAGE})
    )
    assert "image_edit.completed" in (await call(metering, edit(stream="true", partial_images="1"))).text
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source) == (CHARGE, "provider")


async def test_without_a_report_each_picture_costs_what_was_held(metering: Metering) -> None:
    metering.upstream.answer(json_answer(answered(2)))
    assert (await call(metering, edit(pictures=3, n="2"))).status == 200
    charged = await metering.charged()
    assert (charged.tokens["output_image"], charged.source) == (2 * 4_096, "estimated")
    assert charged.tokens["input_image"] >= 3 * 1_536
    assert charged.hold_nano_credits >= 2 * 8_192 * IMAGE_OUT


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        (edit(n="0"), 400, "'n'"),
        (edit(n="two"), 400, "'n'"),
        (edit(n="1.0"), 400, "'n'"),
        (edit("dall-e-2"), 404, "not offered"),
        (edit("gpt-4o"), 400, "not offered for image_edits"),
        (form([field("model", "gpt-image-1"), field("prompt", "x"), field("image", "file-1")]), 400, "file name"),
        (form([field("model", "gpt-image-1"), field("images[0][file_id]", "file-1")]), 400, "by URL or id"),
    ],
)
async def test_an_edit_that_cannot_be_priced_is_refused(
    metering: Metering, body: bytes, status: int, what: str
) -> None:
    reply = await call(metering, body)
    assert reply.status == status
    assert what in reply.json["error"]["message"]
    assert not metering.upstream.requests


async def test_json_and_variations_are_refused(metering: Metering) -> None:
    reply = await metering.call({"model": "gpt-image-1", "images": [{"file_id": "file-1"}], "prompt": "x"}, PATH)
    assert (reply.status, reply.json["error"]["code"]) == (400, "unsupported_content_type")
    reply = await metering.call(edit(), "/v1/images/variations", headers={"content-type": CONTENT_TYPE})
    assert reply.status == 404
    assert not metering.upstream.requests


async def test_a_budget_refuses_a_picture_that_it_cannot_pay(metering: Metering) -> None:
    await metering.tenant.guard("member", "mia", budget_nano_credits=1_000_000)
    assert (await call(metering, edit())).status == 402
    assert not metering.upstream.requests
