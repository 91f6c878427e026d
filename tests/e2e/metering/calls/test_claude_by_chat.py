"""Claude is called through Anthropic's own OpenAI-compatible endpoint, which reports totals only."""

from tests.e2e.conftest import chat
from tests.e2e.metering.cases import CHAT, MESSAGES, completion, message, messages
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import stream

HAIKU = "claude-haiku-4-5"
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}
CHARGE = 1_000 * 1_000 + 200 * 5_000


async def test_each_dialect_has_its_credential(metering: Metering) -> None:
    metering.upstream.answer(completion(HAIKU, USAGE))
    metering.upstream.answer(message(HAIKU, {"input_tokens": 1_000, "output_tokens": 200}))
    assert (await metering.call(chat(model=HAIKU))).status == 200
    assert (await metering.call(messages(HAIKU), MESSAGES)).status == 200
    by_chat, native = metering.upstream.requests
    assert by_chat.path == CHAT
    assert by_chat.header("authorization") == "Bearer credential-of-anthropic"
    assert by_chat.header("x-api-key") is None
    assert native.header("x-api-key") == "credential-of-anthropic"
    assert native.header("authorization") is None
    charged = await metering.charged(2)
    assert {record["charge_nano_credits"] for record in await metering.tenant.records()} == {CHARGE}
    assert charged.source == "provider"


async def test_a_stream_reports_its_usage_though_the_caller_did_not_ask(metering: Metering) -> None:
    piece = {"id": "c1", "model": HAIKU, "choices": [{"index": 0, "delta": {"content": "Because."}}]}
    metering.upstream.answer(stream(piece, {"id": "c1", "model": HAIKU, "choices": [], "usage": USAGE}, done=True))
    reply = await metering.call(chat(model=HAIKU, stream=True))
    assert "Because." in reply.text
    assert "usage" not in reply.text
    (request,) = metering.upstream.requests
    assert request.json["stream_options"] == {"include_usage": True}
    assert (await metering.charged()).nano_credits == CHARGE


async def test_the_largest_reading_counts_where_thinking_is_only_in_the_total(metering: Metering) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_500}
    metering.upstream.answer(completion(HAIKU, usage))
    await metering.call(chat(model=HAIKU))
    assert (await metering.charged()).nano_credits == CHARGE + 300 * 5_000
