"""Gemini streams without `alt=sse`: one JSON array, which arrives in pieces."""

import json
from typing import Any

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, Send, UntilClientLeaves, chunk, stream_head

STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
BODY = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}], "generationConfig": {"maxOutputTokens": 1_000}}
JSON = {"content-type": "application/json; charset=UTF-8"}
INPUT, OUTPUT = 300, 2_500
"""Nano-credits per token."""


def piece(text: str, **usage: int) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
    }


def array(*pieces: object, is_whole: bool = True) -> list[bytes]:
    parts = [(b"[" if index == 0 else b",\r\n") + json.dumps(one).encode() for index, one in enumerate(pieces)]
    return [*parts, b"]"] if is_whole else parts


def sent(parts: list[bytes]) -> Script:
    return [Send(stream_head(JSON)), *map(chunk, parts), chunk(b"")]


PIECES = (
    piece("Because ", promptTokenCount=20, candidatesTokenCount=2, totalTokenCount=22),
    piece("of Rayleigh.", promptTokenCount=20, candidatesTokenCount=7, thoughtsTokenCount=100, totalTokenCount=127),
)


async def test_the_last_report_in_an_array_is_charged(metering: Metering) -> None:
    parts = array(*PIECES)
    metering.upstream.answer(sent(parts))
    reply = await metering.call(BODY, f"{STREAM}?alt=json&key=x")
    assert (reply.status, reply.body) == (200, b"".join(parts))
    (request,) = metering.upstream.requests
    assert request.path == STREAM
    charged = await metering.charged()
    assert charged.nano_credits == 20 * INPUT + 107 * OUTPUT
    assert (charged.source, charged.detail) == ("provider", "completed")
    assert await metering.finding() is None


async def test_an_array_arrives_in_pieces_and_a_hang_up_pays_for_what_came(metering: Metering) -> None:
    text = "Because of Rayleigh scattering. " * 20
    begun = piece(text, promptTokenCount=20_000)
    metering.upstream.answer([Send(stream_head(JSON)), *map(chunk, array(begun, is_whole=False)), UntilClientLeaves()])
    reply = await metering.call(BODY, STREAM, hang_up_after_bytes=len(text))
    assert text in reply.text
    charged = await metering.charged()
    assert charged.nano_credits == 20_000 * INPUT + len(text) // 4 * OUTPUT
    assert (charged.source, charged.detail) == ("estimated", "client_disconnected")


async def test_an_error_within_an_array_keeps_the_counts_before_it(metering: Metering) -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    metering.upstream.answer(sent(array(PIECES[0], error)))
    await metering.call(BODY, STREAM)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.detail) == (20 * INPUT + 2 * OUTPUT, "provider_error")


async def test_server_sent_events_are_asked_for_as_the_caller_does(metering: Metering) -> None:
    events = [Send(stream_head()), *(chunk(f"data: {json.dumps(one)}\r\n\r\n".encode()) for one in PIECES), chunk(b"")]
    metering.upstream.answer(events)
    await metering.call(BODY, f"{STREAM}?alt=sse")
    (request,) = metering.upstream.requests
    assert request.path == f"{STREAM}?alt=sse"
    assert (await metering.charged()).nano_credits == 20 * INPUT + 107 * OUTPUT
