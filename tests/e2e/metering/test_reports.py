"""Usage reports that look wrong are charged as their largest consistent reading, never by the size of the answer."""

from tests.e2e.metering.cases import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    MESSAGES,
    Case,
    chat,
    check,
    completion,
    message,
    messages,
    parametrized,
)
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

IMPLAUSIBLE = frozenset({"implausible_size"})
CONTRADICTORY = frozenset({"contradictory_counts"})
HAIKU = "claude-haiku-4-5"


def counts(prompt: object, completion_tokens: object, total: object = None, **others: object) -> dict[str, object]:
    return {"prompt_tokens": prompt, "completion_tokens": completion_tokens, "total_tokens": total, **others}


CASES = [
    Case(
        "input that server-side tools added up",
        MESSAGES,
        messages(HAIKU),
        message(HAIKU, {"input_tokens": 734_311, "output_tokens": 2_000}),
        744_311_000,
        kinds=IMPLAUSIBLE,
    ),
    Case(
        "input beyond the context window with a beta",
        MESSAGES,
        messages(HAIKU),
        message(HAIKU, {"input_tokens": 500_000, "output_tokens": 1_000}),
        505_000_000,
        kinds=IMPLAUSIBLE,
        headers={"anthropic-beta": "context-1m-2025-08-07"},
    ),
    Case(
        "a batch of prompts",
        COMPLETIONS,
        {"model": "gpt-3.5-turbo-instruct", "prompt": ["Say more."] * 20, "max_tokens": 1_000},
        json_answer({"id": "c1", "choices": [], "usage": counts(200, 20_000, 20_200)}),
        40_300_000,
    ),
    Case(
        "thinking that is only in the total",
        CHAT,
        chat("gemini-2.5-flash"),
        completion("gemini-2.5-flash", counts(20, 198, 623)),
        1_513_500,
    ),
    Case(
        "a total above its parts",
        CHAT,
        chat("gpt-4o"),
        completion("gpt-4o", counts(100, 3_000, 3_101)),
        30_260_000,
        kinds=frozenset({"unnamed_output"}),
    ),
    Case(
        "a total below its parts",
        CHAT,
        chat("gpt-4o"),
        completion("gpt-4o", counts(100, 3_000, 1)),
        30_250_000,
        kinds=CONTRADICTORY,
    ),
    Case(
        "counts with a fraction of zero", CHAT, chat("gpt-4o"), completion("gpt-4o", counts(12.0, 3_000.0)), 30_030_000
    ),
    Case("counts as texts", CHAT, chat("gpt-4o"), completion("gpt-4o", counts("12", "3000")), 30_030_000),
    Case(
        "embeddings whose prompt is zero",
        EMBEDDINGS,
        {"model": "embed-v4.0", "input": "text"},
        json_answer({"data": [], "model": "embed-v4.0", "usage": {"prompt_tokens": 0, "total_tokens": 700}}),
        84_000,
        kinds=CONTRADICTORY,
    ),
    Case(
        "more cached tokens than input",
        CHAT,
        chat("gpt-4o"),
        completion("gpt-4o", counts(1_000, 10, prompt_tokens_details={"cached_tokens": 1_001})),
        1_000 * 2_500 + 1_001 * 1_250 + 10 * 10_000,
        kinds=CONTRADICTORY,
    ),
    Case(
        "more reasoning than output",
        CHAT,
        chat("gpt-5"),
        completion("gpt-5", counts(10, 20, completion_tokens_details={"reasoning_tokens": 35})),
        10 * 1_250 + 55 * 10_000,
        kinds=CONTRADICTORY,
    ),
    Case(
        "a negative count",
        CHAT,
        chat("gpt-4o"),
        completion("gpt-4o", counts(-5, 3_000, 3_100)),
        100 * 2_500 + 3_000 * 10_000,
        kinds=frozenset({"unreadable_count"}),
    ),
]


@parametrized(CASES)
async def test_a_report_is_charged_in_full(case: Case, metering: Metering) -> None:
    await check(case, metering)


async def test_a_budget_counts_what_a_flagged_call_costs(metering: Metering) -> None:
    """Seen to fail while such reports were estimated: eight calls consumed 500 times the budget."""
    await metering.tenant.guard("api_key", "key-1", budget_nano_credits=10_000_000)
    metering.upstream.choose(lambda _: message(HAIKU, {"input_tokens": 734_311, "output_tokens": 2_000}))
    assert (await metering.call(messages(HAIKU), MESSAGES)).status == 200
    await metering.charged()
    assert (await metering.call(messages(HAIKU), MESSAGES)).status == 402
