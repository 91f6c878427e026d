"""The habits of OpenAI's compatible servers, and reports of theirs that contradict themselves."""

from dataclasses import dataclass
from typing import Any

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import streamed
from usage_service.provider_reports.reading import Flag
from usage_service.provider_reports.report import read_report

CONTRADICTORY = frozenset({Flag.CONTRADICTORY_COUNTS})
UNNAMED = frozenset({Flag.UNNAMED_OUTPUT})


@dataclass(frozen=True)
class Case:
    name: str
    document: dict[str, Any]
    usage: TokenUsage
    flags: frozenset[Flag] = frozenset()
    endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS


def tokens(prompt: int, completion: int, total: int | None = None, **others: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **others}


def cached(count: int, **others: int) -> dict[str, Any]:
    return {"prompt_tokens_details": {"cached_tokens": count, **others}}


def writes(count: int, **lifetimes: int) -> dict[str, Any]:
    return {"prompt_tokens_details": {"cache_write_tokens": count, "cache_write_tokens_details": lifetimes}}


def reasoning(count: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": count}}


CASES = [
    # Habits.
    Case(
        "Google names thinking only in the total",
        tokens(20, 198, 623),
        TokenUsage(20, output=198, output_reasoning=405),
        UNNAMED,
    ),
    Case(
        "a total above its parts", tokens(100, 3_000, 3_101), TokenUsage(100, output=3_000, output_reasoning=1), UNNAMED
    ),
    Case(
        "xAI counts reasoning beside the output",
        tokens(10, 20, 45, **reasoning(15)),
        TokenUsage(10, output=20, output_reasoning=15),
    ),
    Case(
        "reasoning inside and more in the total",
        tokens(10, 20, 40, **reasoning(15)),
        TokenUsage(10, output=5, output_reasoning=25),
        UNNAMED,
    ),
    Case(
        "DeepSeek splits its input",
        tokens(10_000, 10, 10_010, prompt_cache_hit_tokens=9_000, prompt_cache_miss_tokens=1_000),
        TokenUsage(1_000, cache_read=9_000, output=10),
    ),
    Case(
        "DeepSeek's split alone",
        {"prompt_cache_hit_tokens": 9_000, "prompt_cache_miss_tokens": 1_000, "completion_tokens": 10},
        TokenUsage(1_000, cache_read=9_000, output=10),
    ),
    Case(
        "Moonshot names cached tokens at the top level",
        tokens(19, 21, 40, cached_tokens=10),
        TokenUsage(9, cache_read=10, output=21),
    ),
    Case(
        "the same cached tokens named twice",
        tokens(19, 21, 40, cached_tokens=10, **cached(10)),
        TokenUsage(9, cache_read=10, output=21),
    ),
    Case("another API's names", {"input_tokens": 5, "output_tokens": 6}, TokenUsage(5, output=6)),
    Case("a missing output that the total shows", {"prompt_tokens": 5, "total_tokens": 9}, TokenUsage(5, output=4)),
    Case("a missing input that the total shows", {"completion_tokens": 5, "total_tokens": 9}, TokenUsage(4, output=5)),
    Case(
        "audio and images in, audio out",
        {
            **tokens(100, 50),
            **cached(0, audio_tokens=60, image_tokens=10),
            "completion_tokens_details": {"audio_tokens": 40},
        },
        TokenUsage(30, input_audio=60, input_image=10, output=10, output_audio=40),
    ),
    Case(
        "cache writes that OpenAI keeps for 12 hours",
        {**tokens(1_000, 10), **writes(600, ttl_30m_tokens=200, ttl_12h_tokens=400)},
        TokenUsage(400, cache_write_5m=200, cache_write_1h=400, output=10),
    ),
    Case(
        "audio that was cached, by overlap",
        {**tokens(100, 1), **cached(80, audio_tokens=60)},
        TokenUsage(0, cache_read=40, input_audio=20, cache_read_audio=40, output=1),
    ),
    Case(
        "audio that was cached, by name",
        {
            **tokens(100, 1),
            "prompt_tokens_details": {
                "cached_tokens": 50,
                "audio_tokens": 50,
                "cached_tokens_details": {"audio_tokens": 30},
            },
        },
        TokenUsage(30, cache_read=20, input_audio=20, cache_read_audio=30, output=1),
    ),
    # Contradictions.
    Case(
        "cache writes whose lifetime is not named for all",
        {**tokens(1_000, 10), **writes(600, ttl_30m_tokens=200)},
        TokenUsage(400, cache_write_5m=200, cache_write_1h=400, output=10),
        CONTRADICTORY,
    ),
    Case(
        "more cache writes by lifetime than in all",
        {**tokens(1_000, 10), **writes(100, ttl_30m_tokens=200, ttl_12h_tokens=400)},
        TokenUsage(400, cache_write_5m=200, cache_write_1h=400, output=10),
        CONTRADICTORY,
    ),
    Case(
        "more cached tokens than input",
        tokens(1_000, 5, **cached(1_001)),
        TokenUsage(1_000, cache_read=1_001, output=5),
        CONTRADICTORY,
    ),
    Case(
        "more reasoning than output",
        tokens(10, 20, **reasoning(35)),
        TokenUsage(10, output=20, output_reasoning=35),
        CONTRADICTORY,
    ),
    Case("a total below its parts", tokens(100, 200, 50), TokenUsage(100, output=200), CONTRADICTORY),
    Case("a total of zero", tokens(100, 200, 0), TokenUsage(100, output=200), CONTRADICTORY),
    Case("a prompt of zero that the total denies", tokens(0, 20, 120), TokenUsage(100, output=20), CONTRADICTORY),
    Case(
        "a split above the input",
        tokens(10, 1, prompt_cache_hit_tokens=9, prompt_cache_miss_tokens=9),
        TokenUsage(9, cache_read=9, output=1),
        CONTRADICTORY,
    ),
    # Embeddings.
    Case(
        "embeddings with a prompt of zero",
        {"prompt_tokens": 0, "total_tokens": 700},
        TokenUsage(700),
        CONTRADICTORY,
        Endpoint.EMBEDDINGS,
    ),
    Case("embeddings with only a total", {"total_tokens": 700}, TokenUsage(700), endpoint=Endpoint.EMBEDDINGS),
    Case("embeddings", {"prompt_tokens": 8, "total_tokens": 8}, TokenUsage(8), endpoint=Endpoint.EMBEDDINGS),
    # Any size is counted.
    Case(
        "a batch of prompts", tokens(300, 20_000, 20_300), TokenUsage(300, output=20_000), endpoint=Endpoint.COMPLETIONS
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_report_is_read_as_its_largest_consistent_reading(case: Case) -> None:
    reading = read_report(case.endpoint, streamed(usage=case.document)).reading
    assert reading.usage == case.usage
    assert reading.flags == case.flags
    assert reading.input_counted
    assert reading.output_counted
