"""Gemini's totals and modalities."""

from dataclasses import dataclass
from typing import Any

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import streamed
from usage_service.provider_reports.reading import Flag
from usage_service.provider_reports.report import read_report


@dataclass(frozen=True)
class Case:
    name: str
    document: dict[str, Any]
    usage: TokenUsage
    flags: frozenset[Flag] = frozenset()


def counted(prompt: int, candidates: int, total: int | None = None, **others: Any) -> dict[str, Any]:
    return {"promptTokenCount": prompt, "candidatesTokenCount": candidates, "totalTokenCount": total, **others}


def modalities(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": name.upper(), "tokenCount": count} for name, count in counts.items()]


CASES = [
    Case(
        "a total above its parts",
        counted(20, 198, 623),
        TokenUsage(20, output=198, output_reasoning=405),
        frozenset({Flag.UNNAMED_OUTPUT}),
    ),
    Case(
        "a total below its parts",
        counted(20, 198, 5),
        TokenUsage(20, output=198),
        frozenset({Flag.CONTRADICTORY_COUNTS}),
    ),
    Case(
        "only the total and the output",
        {"candidatesTokenCount": 5, "totalTokenCount": 25},
        TokenUsage(20, output=5),
        frozenset({Flag.UNNAMED_OUTPUT}),
    ),
    Case(
        "more cached tokens than prompt",
        counted(10, 1, cachedContentTokenCount=11),
        TokenUsage(10, cache_read=11, output=1),
        frozenset({Flag.CONTRADICTORY_COUNTS}),
    ),
    Case(
        "audio and images in",
        counted(100, 5, promptTokensDetails=modalities(text=20, audio=50, image=20, video=10)),
        TokenUsage(30, input_audio=50, input_image=20, output=5),
    ),
    Case(
        "cached audio",
        counted(
            100,
            5,
            cachedContentTokenCount=40,
            promptTokensDetails=modalities(text=40, audio=60),
            cacheTokensDetails=modalities(audio=30, text=10),
        ),
        TokenUsage(30, cache_read=10, input_audio=30, cache_read_audio=30, output=5),
    ),
    Case(
        "audio of a tool",
        counted(10, 5, toolUsePromptTokenCount=9, toolUsePromptTokensDetails=modalities(audio=4)),
        TokenUsage(15, input_audio=4, output=5),
    ),
    Case(
        "images and audio out",
        counted(10, 1_300, candidatesTokensDetails=modalities(image=1_290, text=10)),
        TokenUsage(10, output=10, output_image=1_290),
    ),
    Case("unusual details", counted(10, 5, promptTokensDetails=[{"modality": 5}, {}]), TokenUsage(10, output=5)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_usage_metadata_is_read_by_modality_and_total(case: Case) -> None:
    reading = read_report(Endpoint.GENERATE_CONTENT, streamed(usage_metadata=case.document)).reading
    assert (reading.usage, reading.flags) == (case.usage, case.flags)
