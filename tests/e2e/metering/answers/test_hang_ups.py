"""A caller that hangs up pays for the input in full, and for the text that was delivered."""

from tests.e2e.metering.cases import (
    CHAT,
    MESSAGES,
    RESPONSES,
    Case,
    chat,
    check,
    delta,
    messages,
    parametrized,
    unfinished,
)
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import stream

ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def text_delta(text: str) -> dict[str, object]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def start_of(model: str, input_tokens: int) -> dict[str, object]:
    usage = {"input_tokens": input_tokens, "output_tokens": 1}
    return {"type": "message_start", "message": {"id": "m1", "model": model, "usage": usage}}


def search_of_anthropic(number: int) -> list[object]:
    used = {"type": "server_tool_use", "id": f"srvtoolu_{number}", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "url": "https://a.example"}]}
    return [{"type": "content_block_start", "index": number, "content_block": block} for block in (used, found)]


LOGPROBS = {"content": [{"token": " a", "logprob": -0.1, "top_logprobs": [{"token": " b", "logprob": -2.0}] * 20}]}

CASES = [
    Case(
        "a token for each event",
        CHAT,
        chat("gpt-4o", stream=True),
        unfinished(*[delta(" wd")] * 30),
        30 * 10_000,
        source="estimated",
        detail="client_disconnected",
        hang_up_after_events=30,
        tolerance=100_000,
    ),
    Case(
        "several tokens in each event",
        CHAT,
        chat("gpt-4o", stream=True),
        unfinished(*[delta(" wd" * 20)] * 10),
        150 * 10_000,
        source="estimated",
        hang_up_after_events=10,
        tolerance=100_000,
    ),
    Case(
        "Anthropic's text",
        MESSAGES,
        messages("claude-sonnet-5", stream=True),
        unfinished(start_of("claude-sonnet-5", 12), *[text_delta(" wd")] * 29),
        12 * 2_000 + 29 * 10_000,
        source="estimated",
        hang_up_after_events=30,
    ),
    Case(
        "input that message_start counted",
        MESSAGES,
        messages("claude-opus-4-8", stream=True),
        unfinished(start_of("claude-opus-4-8", 200_000), *[text_delta(" word" * 4)] * 42),
        200_000 * 5_000 + 210 * 25_000,
        source="estimated",
        hang_up_after_events=43,
    ),
    Case(
        "searches of Anthropic that the end would have reported",
        MESSAGES,
        messages("claude-opus-4-8", stream=True, tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        unfinished(
            start_of("claude-opus-4-8", 1_000),
            *search_of_anthropic(1),
            *search_of_anthropic(2),
            *[text_delta(" word" * 4)] * 42,
        ),
        1_000 * 5_000 + 210 * 25_000 + 2 * 10_000_000,
        source="estimated",
        hang_up_after_events=47,
    ),
    Case(
        "zeros until the last chunk",
        CHAT,
        chat("deepseek-v4-pro", stream=True),
        unfinished(*[delta(" wd", usage=ZEROS, model="deepseek-v4-pro")] * 37),
        37 * 3_960,
        source="estimated",
        hang_up_after_events=37,
        tolerance=100_000,
    ),
    Case(
        "text with log probabilities and without usage",
        CHAT,
        chat("gpt-4o", stream=True, logprobs=True, top_logprobs=20),
        stream(
            *[delta(" wd", choices=[{"index": 0, "delta": {"content": " wd"}, "logprobs": LOGPROBS}])] * 20, done=True
        ),
        20 * 10_000,
        source="estimated",
        detail="usage_omitted",
        tolerance=120_000,
    ),
    Case(
        "text of a response",
        RESPONSES,
        {"model": "gpt-5", "input": "Why?", "stream": True},
        unfinished(*[{"type": "response.output_text.delta", "delta": " wd", "item_id": "i", "output_index": 0}] * 30),
        30 * 10_000,
        source="estimated",
        hang_up_after_events=30,
        tolerance=60_000,
    ),
]


@parametrized(CASES)
async def test_a_call_that_the_caller_cut_short_costs_what_was_delivered(case: Case, metering: Metering) -> None:
    await check(case, metering)


async def test_a_caller_that_hangs_up_cancels_the_call_at_the_provider(metering: Metering) -> None:
    metering.upstream.answer(unfinished(delta(" wd")))
    await metering.call(chat("gpt-4o", stream=True), hang_up_after_events=1)
    await metering.charged()
    (request,) = metering.upstream.requests
    assert request.ended.wait(5)
    assert request.cut_off
