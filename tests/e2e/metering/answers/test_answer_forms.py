"""Answers in every form that providers send: labels, encodings, sizes and places of the usage."""

import gzip
import json
import zlib

import pytest

from tests.e2e.conftest import chat
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, Send, answer, chunk, event, head, stream_head

USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
CHARGE = 60_000
DOCUMENT = json.dumps({"model": "gpt-4o", "choices": [{"message": {"content": "hi"}}], "usage": USAGE}).encode()
TEXT_EVENT = event({"model": "gpt-4o", "choices": [{"delta": {"content": "hi"}}]})
USAGE_EVENT = event({"model": "gpt-4o", "choices": [], "usage": USAGE})
DONE = event("[DONE]")
MARK = b"\xef\xbb\xbf"


def streamed(*pieces: bytes, headers: dict[str, str] | None = None) -> Script:
    return [Send(stream_head(headers)), *(chunk(piece) for piece in pieces), chunk(b"")]


@pytest.mark.parametrize("label", ["text/plain", "application/json", "application/octet-stream", ""])
async def test_a_stream_is_read_whatever_its_label(metering: Metering, label: str) -> None:
    metering.upstream.answer(streamed(TEXT_EVENT, USAGE_EVENT, DONE, headers={"content-type": label}))
    reply = await metering.call(chat(model="gpt-4o", stream=True))
    assert reply.body == TEXT_EVENT + DONE
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize("label", ["text/plain", "text/event-stream", "application/octet-stream", ""])
async def test_a_document_is_read_whatever_its_label(metering: Metering, label: str) -> None:
    metering.upstream.answer(answer(DOCUMENT, headers={"content-type": label}))
    assert (await metering.call(chat(model="gpt-4o"))).body == DOCUMENT
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize("beginning", [MARK, b"\n\n", b"  ", MARK + b"\r\n", b": ping\n\n", b"retry: 5\n"])
async def test_a_stream_may_begin_with_anything_that_is_no_event(metering: Metering, beginning: bytes) -> None:
    pieces = [beginning[:1], beginning[1:] + USAGE_EVENT] if len(beginning) > 1 else [beginning + USAGE_EVENT]
    metering.upstream.answer(streamed(*pieces, DONE))
    assert DONE in (await metering.call(chat(model="gpt-4o", stream=True))).body
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize("beginning", [MARK, b"\n\n \t", MARK + b" "])
async def test_a_document_may_begin_with_a_mark_or_spaces(metering: Metering, beginning: bytes) -> None:
    metering.upstream.answer(answer(beginning + DOCUMENT, headers={"content-type": "application/json"}))
    assert (await metering.call(chat(model="gpt-4o"))).body == beginning + DOCUMENT
    assert (await metering.charged()).nano_credits == CHARGE


async def test_a_compressed_document_is_decompressed(metering: Metering) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip", "cache-control": "no-transform"}
    metering.upstream.answer(answer(gzip.compress(DOCUMENT), headers=headers))
    reply = await metering.call(chat(model="gpt-4o"))
    assert (reply.body, reply.headers.get("content-encoding")) == (DOCUMENT, None)
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize("status", [100, 102, 103])
async def test_an_informational_status_does_not_disturb_the_answer(metering: Metering, status: int) -> None:
    early = Send(head(status, {"link": "</x>"}, "Early"))
    metering.upstream.answer([early, *answer(DOCUMENT, headers={"content-type": "application/json"})])
    reply = await metering.call(chat(model="gpt-4o"))
    assert (reply.status, reply.body) == (200, DOCUMENT)
    assert (await metering.charged()).nano_credits == CHARGE


async def test_a_compressed_stream_is_decompressed_and_its_usage_hidden(metering: Metering) -> None:
    content = gzip.compress(TEXT_EVENT + USAGE_EVENT + DONE)
    metering.upstream.answer(streamed(content[:20], content[20:], headers={"content-encoding": "gzip"}))
    assert (await metering.call(chat(model="gpt-4o", stream=True))).body == TEXT_EVENT + DONE
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip", "unknown"])
async def test_an_answer_in_an_encoding_that_cannot_be_read_is_refused_and_free(
    metering: Metering, encoding: str
) -> None:
    headers = {"content-type": "application/json", "content-encoding": encoding}
    metering.upstream.answer(answer(zlib.compress(DOCUMENT), headers=headers))
    reply = await metering.call(chat(model="gpt-4o"))
    assert (reply.status, reply.json["error"]["code"]) == (502, "provider_error")
    assert (await metering.charged()).nano_credits == 0


async def test_usage_in_an_event_of_any_size_is_read(metering: Metering) -> None:
    large = event({"type": "x", "image": "A" * 12_000_000, "choices": [{}], "usage": USAGE})
    pieces = [large[first : first + 1_000_000] for first in range(0, len(large), 1_000_000)]
    metering.upstream.answer(streamed(*pieces, DONE))
    assert (await metering.call(chat(model="gpt-4o", stream=True))).status == 200
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": "hi"}, "usage": USAGE}]},
        {"choices": [{"message": {"content": "hi"}}], "x_groq": {"id": "r", "usage": USAGE}},
    ],
)
async def test_usage_in_other_places_is_read(metering: Metering, body: object) -> None:
    metering.upstream.answer(answer(json.dumps(body).encode(), headers={"content-type": "application/json"}))
    assert (await metering.call(chat(model="gpt-4o"))).status == 200
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize("later", [{}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None])
async def test_a_later_empty_report_does_not_replace_the_true_one(metering: Metering, later: object) -> None:
    last = event({"choices": [{"delta": {}}], "usage": later})
    metering.upstream.answer(streamed(TEXT_EVENT, USAGE_EVENT, last, DONE))
    await metering.call(chat(model="gpt-4o", stream=True))
    assert (await metering.charged()).nano_credits == CHARGE


@pytest.mark.parametrize(
    "chunk_of_usage",
    [
        b'data: {"usage":\ndata: {"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}\n\n',
        b'data: {"choices":null,"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}\n\n',
        b'data: {"id":"c","usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}\n\n',
    ],
)
async def test_usage_that_the_caller_did_not_request_is_hidden(metering: Metering, chunk_of_usage: bytes) -> None:
    metering.upstream.answer(streamed(TEXT_EVENT, chunk_of_usage, DONE))
    assert (await metering.call(chat(model="gpt-4o", stream=True))).body == TEXT_EVENT + DONE
    assert (await metering.charged()).nano_credits == CHARGE
