"""The header with the cost of a call says exactly what the ledger charges, or is absent."""

import asyncio
import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from gateway_core.model.money import format_credits
from tests.e2e.conftest import chat
from tests.e2e.metering.cases import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, completion, message, messages
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import (
    Abort,
    Close,
    Pause,
    Script,
    Send,
    UntilClientLeaves,
    answer,
    chunk,
    head,
    json_answer,
    stream,
)

COST = "x-megarouter-cost"
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
EMBED = "/v1beta/models/gemini-embedding-001:embedContent"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
CACHED = {**USAGE, "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 2}}
DOCUMENT = json.dumps({"model": "gpt-4o", "choices": [{"message": {"content": "hi"}}], "usage": USAGE}).encode()
LABEL = {"content-type": "application/json"}
ASK = chat(model="gpt-4o", max_tokens=5_000)


def response(usage: dict[str, Any], **others: Any) -> Script:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Because."}]}]
    return json_answer({"id": "resp_1", "model": "gpt-5-2025-08-07", "output": output, "usage": usage, **others})


def candidates(usage: dict[str, Any], **others: Any) -> Script:
    content = {"parts": [{"text": "Because."}]}
    return json_answer(
        {"candidates": [{"content": content}], "modelVersion": "gemini-2.5-flash", "usageMetadata": usage, **others}
    )


@dataclass(frozen=True)
class Ordinary:
    """An ordinary call and its answer."""

    name: str
    path: str
    body: dict[str, Any]
    script: Script
    cost: str
    """In credits, at the prices of the shipped catalog."""


TEXTS = {"contents": [{"parts": [{"text": "Why?"}]}]}
ORDINARY = [
    Ordinary("chat", CHAT, chat(model="gpt-4o"), completion("gpt-4o", USAGE, service_tier="default"), "0.00006"),
    Ordinary("a snapshot", CHAT, chat(model="gpt-4o"), completion("gpt-4o-2024-08-06", CACHED), "0.00005"),
    Ordinary(
        "completions",
        COMPLETIONS,
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Why?"},
        json_answer({"id": "c1", "choices": [{"text": "So."}], "usage": USAGE}),
        "0.000024",
    ),
    Ordinary(
        "a response",
        RESPONSES,
        {"model": "gpt-5", "input": "Why?"},
        response(
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 40},
                "output_tokens": 30,
                "output_tokens_details": {"reasoning_tokens": 20},
                "total_tokens": 130,
            },
            error=None,
            service_tier="default",
            tool_usage={"web_search": {"num_requests": 0}},
        ),
        "0.00038",
    ),
    Ordinary(
        "a message",
        MESSAGES,
        messages("claude-haiku-4-5"),
        message(
            "claude-haiku-4-5-20251001",
            {
                "input_tokens": 100,
                "cache_read_input_tokens": 1_000,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
                "output_tokens": 7,
                "service_tier": "standard",
                "inference_geo": "not_available",
            },
        ),
        "0.0002875",
    ),
    Ordinary(
        "Gemini",
        GENERATE,
        TEXTS,
        candidates(
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 50,
                "candidatesTokenCount": 10,
                "thoughtsTokenCount": 5,
                "totalTokenCount": 115,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
            }
        ),
        "0.000054",
    ),
    Ordinary(
        "embeddings",
        EMBEDDINGS,
        {"model": "text-embedding-3-small", "input": "Why?"},
        json_answer({"data": [], "model": "text-embedding-3-small", "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
        "0.00000014",
    ),
    Ordinary(
        "embeddings of Gemini",
        EMBED,
        {"content": {"parts": [{"text": "Why?"}]}},
        json_answer({"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 1_000}}),
        "0.00015",
    ),
]


async def told(metering: Metering, reply: Reply) -> str | None:
    """Returns the cost in the header. Checks that it is the charge of the only call."""
    cost = reply.headers.get(COST)
    charged = await metering.charged()
    assert cost is None or cost == format_credits(charged.nano_credits), charged.lines
    return cost


@pytest.mark.parametrize("case", ORDINARY, ids=lambda case: case.name)
async def test_the_header_of_an_ordinary_answer_is_its_charge(metering: Metering, case: Ordinary) -> None:
    metering.upstream.answer(case.script)
    reply = await metering.call(case.body, case.path)
    assert await told(metering, reply) == case.cost


def chunked(*pieces: bytes, pause_s: float = 0.0) -> Script:
    steps = [step for piece in pieces for step in (chunk(piece), Pause(pause_s))]
    return [Send(head(200, {**LABEL, "transfer-encoding": "chunked"})), *steps, chunk(b"")]


TRAILERS = Send(b"0\r\nx-late: 1\r\n\r\n")
COMPRESSED = answer(gzip.compress(DOCUMENT), headers={**LABEL, "content-encoding": "gzip"})
FORMS: dict[str, Script] = {
    "with a length": answer(DOCUMENT, headers=LABEL),
    "in chunks": chunked(DOCUMENT[:9], DOCUMENT[9:40], DOCUMENT[40:], pause_s=0.1),
    "with trailers": [*chunked(DOCUMENT)[:-1], TRAILERS],
    "compressed": COMPRESSED,
    "until the connection closes": [Send(head(200, {**LABEL, "connection": "close"}) + DOCUMENT), Close()],
    "without a label": answer(DOCUMENT),
}


@pytest.mark.parametrize("form", FORMS)
async def test_the_form_of_the_body_does_not_matter(metering: Metering, form: str) -> None:
    metering.upstream.answer(FORMS[form])
    reply = await metering.call(chat(model="gpt-4o"))
    assert (reply.status, reply.body) == (200, DOCUMENT)
    assert await told(metering, reply) == "0.00006"


WITHOUT = {
    "a stream": (chat(model="gpt-4o", stream=True), stream({"choices": [], "usage": USAGE}, done=True)),
    "contradictory counts": (chat(model="gpt-4o"), completion("gpt-4o", {**USAGE, "total_tokens": 14})),
    "counts that are no integers": (chat(model="gpt-4o"), completion("gpt-4o", {"prompt_tokens": "12"})),
    "no usage": (chat(model="gpt-4o"), completion("gpt-4o", None)),
    "another tier": (chat(model="gpt-4o"), completion("gpt-4o", USAGE, service_tier="flex")),
    "another model": (chat(model="gpt-4o"), completion("gpt-4o-mini", USAGE)),
    "an unknown model": (chat(model="gpt-4o"), completion("gpt-4o-turbo", USAGE)),
    "audio": (chat(model="gpt-4o"), completion("gpt-4o", {**USAGE, "prompt_tokens_details": {"audio_tokens": 2}})),
    "an error beside the answer": (chat(model="gpt-4o"), completion("gpt-4o", USAGE, error={"type": "overloaded"})),
    "an error": (chat(model="gpt-4o"), json_answer({"error": {"message": "no", "type": "invalid_request_error"}}, 400)),
    "no JSON": (chat(model="gpt-4o"), answer(b"<html>", headers=LABEL)),
    "an empty body": (chat(model="gpt-4o"), answer(b"", headers=LABEL)),
    "204": (chat(model="gpt-4o"), [Send(head(204, LABEL, "No Content"))]),
    "JSON that does not end": (chat(model="gpt-4o"), answer(DOCUMENT[:-1], headers=LABEL)),
    "spaces before the answer": (chat(model="gpt-4o"), chunked(b"\n", DOCUMENT, pause_s=0.2)),
    "a large body": (chat(model="gpt-4o"), answer(DOCUMENT + b" " * 70_000, headers=LABEL)),
}


@pytest.mark.parametrize("what", WITHOUT)
async def test_other_answers_have_no_header(metering: Metering, what: str) -> None:
    body, script = WITHOUT[what]
    metering.upstream.answer(script)
    assert await told(metering, await metering.call(body)) is None


async def test_a_large_body_passes_while_it_arrives(metering: Metering) -> None:
    start, rest = DOCUMENT + b" " * 70_000, b" " * 70_000
    metering.upstream.answer([*chunked(start)[:-1], UntilClientLeaves(5.0)])
    reply = await metering.call(chat(model="gpt-4o"), hang_up_after_bytes=len(start) - 1)
    assert reply.body == start
    assert await told(metering, reply) is None
    metering.upstream.answer(answer(start + rest, headers=LABEL))
    assert (await metering.call(chat(model="gpt-4o"))).body == start + rest


async def test_a_body_that_trickles_passes_after_two_seconds(metering: Metering) -> None:
    first, second = DOCUMENT[:20], DOCUMENT[20:30]
    metering.upstream.answer([*chunked(first, pause_s=2.5)[:-1], chunk(second), UntilClientLeaves(20.0)])
    reply = await metering.call(ASK, hang_up_after_bytes=len(first), timeout_s=15)
    assert reply.body == first + second
    assert await told(metering, reply) is None


async def test_a_provider_cannot_forge_it(metering: Metering) -> None:
    metering.upstream.answer(answer(DOCUMENT, headers={**LABEL, COST: "0.01"}))
    assert await told(metering, await metering.call(chat(model="gpt-4o"))) == "0.00006"
    metering.upstream.answer(json_answer({"model": "gpt-4o", "choices": []}, headers={COST: "0.01"}))
    assert COST not in (await metering.call(chat(model="gpt-4o"))).headers


async def test_a_call_that_is_free_or_refused_has_none(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"input_tokens": 12}))
    counted = await metering.call(messages("claude-haiku-4-5"), f"{MESSAGES}/count_tokens")
    assert (counted.status, counted.headers.get(COST)) == (200, None)
    refused = await metering.call(chat(model="none"))
    assert (refused.status, refused.headers.get(COST)) == (404, None)
    for method in ("GET", "HEAD"):
        listed = await metering.call(b"", "/v1/models", method=method)
        assert (listed.status, listed.headers.get(COST)) == (200, None)


PART = json.dumps({"model": "gpt-4o", "choices": [{"message": {"content": "word " * 80}}], "usage": USAGE}).encode()
CUT = PART[: PART.index(b'"usage"')]
"""An answer up to its usage: 400 bytes of text."""
TEXT_CHARGE = 100 * 10_000


@pytest.mark.parametrize("end", [Abort(), Close()])
async def test_a_provider_that_breaks_off_in_the_body_is_an_error_and_free(
    metering: Metering, end: Abort | Close
) -> None:
    metering.upstream.answer([Send(head(200, {**LABEL, "content-length": "9000"}) + CUT), Pause(0.2), end])
    reply = await metering.call(ASK)
    assert (reply.status, reply.json["error"]["code"]) == (502, "provider_unavailable")
    charged = await metering.charged()
    assert (charged.source, charged.detail, charged.nano_credits) == ("none", "provider_error", 0)


async def test_a_caller_who_leaves_in_the_body_pays_for_what_was_delivered(metering: Metering) -> None:
    metering.upstream.answer([Send(head(200, {**LABEL, "content-length": "9000"}) + CUT), UntilClientLeaves()])
    before = len(metering.upstream.requests)
    calling = asyncio.ensure_future(metering.call(ASK))
    while len(metering.upstream.requests) == before:
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)  # for the beginning of the answer
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    charged = await metering.charged()
    assert (charged.source, charged.detail) == ("estimated", "client_disconnected")
    assert TEXT_CHARGE <= charged.nano_credits < TEXT_CHARGE + 100_000
