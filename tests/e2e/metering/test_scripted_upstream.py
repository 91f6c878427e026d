"""The scripted upstream behind the real stack: what it receives, what the caller gets, and what is charged."""

import asyncio
import re

import pytest

from tests.e2e.conftest import chat
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Send, UntilClientLeaves, events, json_answer, stream, stream_head
from tests.support.unanswered_calls import UnreadAnswerWarning

USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


async def test_a_reported_call_is_charged_by_its_report(metering: Metering) -> None:
    metering.upstream.answer(json_answer({"model": "gpt-4o", "choices": [], "usage": USAGE}))
    reply = await metering.call(chat(model="gpt-4o"))
    assert (reply.status, reply.json["usage"]) == (200, USAGE)
    charged = await metering.charged()
    assert (charged.nano_credits, charged.source, charged.detail) == (60_000, "provider", "completed")
    assert charged.tokens == {"input": 12, "output": 3}
    assert charged.lines == {"input": (12, 30_000), "output": (3, 30_000)}
    (request,) = metering.upstream.requests
    assert (request.method, request.path, request.json["model"]) == ("POST", "/v1/chat/completions", "gpt-4o")
    assert request.header("authorization") == "Bearer credential-of-openai"
    assert not request.cut_off


async def test_each_provider_keeps_its_base_path(metering: Metering) -> None:
    metering.upstream.choose(lambda _: json_answer({"choices": [], "usage": USAGE}))
    for model in ("gpt-oss-20b", "gemini-2.5-flash"):
        assert (await metering.call(chat(model=model))).status == 200
    await metering.charged(calls=2)
    paths = [request.path for request in metering.upstream.requests]
    assert paths == ["/openai/v1/chat/completions", "/v1beta/openai/chat/completions"]


async def test_a_stream_reaches_the_caller_event_by_event(metering: Metering) -> None:
    metering.upstream.answer(stream({"choices": []}, {"choices": [], "usage": USAGE}, done=True))
    body = chat(model="gpt-4o", stream=True, stream_options={"include_usage": True})
    reply = await metering.call(body)
    assert reply.text.endswith("data: [DONE]\n\n")
    assert (await metering.charged()).nano_credits == 60_000


async def test_the_upstream_sees_a_caller_that_hangs_up(metering: Metering) -> None:
    text = {"id": "c1", "choices": [{"delta": {"content": "word"}}]}
    metering.upstream.answer([Send(stream_head()), *events(text, text), UntilClientLeaves()])
    reply = await metering.call(chat(model="gpt-4o", stream=True), hang_up_after_events=2)
    assert reply.status == 200
    (request,) = metering.upstream.requests
    assert request.ended.wait(5)
    assert request.cut_off
    assert (await metering.charged()).detail == "client_disconnected"


async def test_a_call_without_an_answer_tells_where_it_waits(metering: Metering) -> None:
    metering.upstream.answer([Send(stream_head()), *events({"choices": []}), UntilClientLeaves()])
    with pytest.raises(TimeoutError) as raised:
        await metering.call(chat(model="gpt-4o", stream=True), timeout_s=1)
    for part in (
        r"[1-9]\d+ bytes of the answer came, 0 retransmits",
        r"answer so far: [1-9]\d+ bytes\n.*data: ",
        r"connection\n +\d+ -> \d+ ESTABLISHED, 0 unsent, 0 unread, inode [1-9]\d* of .*envoy",
        r"listener\n +port \d+ LISTEN, 0 unsent, 0 unread, inode [1-9]\d* of .*envoy",
        r"requests of the upstream since: 1\n +under way, [1-9]\d+ bytes sent: POST /v1/chat/completions ",
        r"lines of the journal about tenant-.*: 0\n",
        r"downstream_rq_active\{.*model.*\} 1",
    ):
        assert re.search(part, str(raised.value)), (part, str(raised.value))


async def test_an_answer_that_the_event_loop_did_not_read_is_read_late(
    metering: Metering, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = asyncio.open_connection

    async def unwatched(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await connect(host, port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        return reader, writer

    monkeypatch.setattr(asyncio, "open_connection", unwatched)
    metering.upstream.answer(json_answer({"model": "gpt-4o", "choices": [], "usage": USAGE}))
    with pytest.warns(UnreadAnswerWarning, match=r"CLOSE_WAIT, 0 unsent, [1-9]\d* unread"):
        reply = await metering.call(chat(model="gpt-4o"), timeout_s=1)
    assert (reply.status, reply.json["usage"]) == (200, USAGE)
    assert (await metering.charged()).nano_credits == 60_000
