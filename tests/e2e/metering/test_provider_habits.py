"""The habits of the providers in the shipped catalog."""

from tests.e2e.metering.cases import (
    CHAT,
    MESSAGES,
    RESPONSES,
    Case,
    chat,
    check,
    completion,
    message,
    messages,
    parametrized,
)
from tests.e2e.metering.responses import answered
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer, stream

DEEPSEEK = {
    "prompt_tokens": 10_000,
    "completion_tokens": 10,
    "total_tokens": 10_010,
    "prompt_cache_hit_tokens": 9_000,
    "prompt_cache_miss_tokens": 1_000,
}
WRITES = {
    "input_tokens": 1_000,
    "input_tokens_details": {
        "cached_tokens": 0,
        "cache_write_tokens": 600,
        "cache_write_tokens_details": {"ttl_30m_tokens": 200, "ttl_12h_tokens": 400},
    },
    "output_tokens": 10,
    "total_tokens": 1_010,
}
HAIKU = "claude-haiku-4-5"


def haiku_stream(start: dict[str, object], last: dict[str, object]) -> list[object]:
    return [
        {"type": "message_start", "message": {"id": "m1", "model": HAIKU, "usage": start}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Because."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
        {"type": "message_stop"},
    ]


def written(created: int, **by_life: int) -> dict[str, object]:
    return {
        "input_tokens": 10,
        "output_tokens": 10,
        "cache_creation_input_tokens": created,
        "cache_creation": {f"ephemeral_{life.removeprefix('of_')}_input_tokens": n for life, n in by_life.items()},
    }


CASES = [
    Case(
        "OpenAI's cache writes for 12 hours",
        RESPONSES,
        {"model": "gpt-6.1-terra", "input": "Why?"},
        json_answer(answered("resp_writes", model="gpt-6.1-terra", usage=WRITES)),
        400 * 1_000 + 200 * 1_250 + 400 * 2_500 + 10 * 5_000,
    ),
    Case("DeepSeek's cache hits", CHAT, chat("deepseek-v4-pro"), completion("deepseek-v4-pro", DEEPSEEK), 1_755_600),
    Case(
        "cached tokens beside the prompt",
        CHAT,
        chat("gpt-4o"),
        completion(
            "gpt-4o", {"prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010, "cached_tokens": 400}
        ),
        600 * 2_500 + 400 * 1_250 + 10 * 10_000,
    ),
    Case(
        "xAI's reasoning beside the output",
        CHAT,
        chat("grok-4.7"),
        completion(
            "grok-4.7",
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 420,
                "completion_tokens_details": {"reasoning_tokens": 300},
            },
        ),
        100 * 2_000 + 320 * 6_000,
    ),
    Case(
        "Anthropic's input of zero at the end",
        MESSAGES,
        messages(HAIKU, stream=True),
        stream(
            *haiku_stream({"input_tokens": 15_000, "output_tokens": 1}, {"input_tokens": 0, "output_tokens": 3_354})
        ),
        15_000 * 1_000 + 3_354 * 5_000,
    ),
    Case(
        "only the five-minute part is named",
        MESSAGES,
        messages(HAIKU),
        message(HAIKU, written(1_000, of_5m=400)),
        10_000 + 50_000 + 400 * 1_250 + 600 * 2_000,
    ),
    Case(
        "only the one-hour part is named",
        MESSAGES,
        messages(HAIKU),
        message(HAIKU, written(1_000, of_1h=400)),
        10_000 + 50_000 + 600 * 1_250 + 400 * 2_000,
    ),
    Case(
        "a compaction",
        MESSAGES,
        messages("claude-opus-4-8"),
        message(
            "claude-opus-4-8",
            {
                "input_tokens": 23_000,
                "output_tokens": 1_000,
                "iterations": [
                    {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500},
                    {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
                ],
            },
        ),
        1_127_500_000,
    ),
]


@parametrized(CASES)
async def test_a_providers_counts_are_charged_by_its_own_rules(case: Case, metering: Metering) -> None:
    await check(case, metering)
