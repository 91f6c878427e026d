"""Converts a provider's document to the two forms in which Envoy reports it."""

import json
from collections.abc import Iterator, Mapping

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from usage_service.provider_reports.reading import Reading
from usage_service.provider_reports.report import read_report

Document = Mapping[str, object]


def streamed(**objects: Document | None) -> dict[str, object]:
    """Returns the report about a stream: each object as JSON text. None counts as missing."""
    return {key: json.dumps(value) for key, value in objects.items() if value is not None}


def answered(prefix: str, document: Document) -> dict[str, object]:
    """Returns the report about a JSON answer: leaves under dotted paths, numbers as doubles, null as missing."""
    return dict(_leaves(prefix, document))


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path, float(value)
    elif value is not None:
        yield path, value


CHAT = {
    "prompt_tokens": 1_000,
    "completion_tokens": 500,
    "total_tokens": 1_500,
    "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 400, "audio_tokens": 0, "rejected_prediction_tokens": 7},
}

ANTHROPIC = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 70,
    "cache_read_input_tokens": 50,
    "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 30},
    "output_tokens": 90,
    "output_tokens_details": {"thinking_tokens": 60},
    "server_tool_use": {"web_search_requests": 2},
    "service_tier": "standard",
}

GEMINI = {
    "promptTokenCount": 1_000,
    "cachedContentTokenCount": 300,
    "candidatesTokenCount": 100,
    "thoughtsTokenCount": 400,
    "toolUsePromptTokenCount": 20,
    "totalTokenCount": 1_520,
}


def reading_of(endpoint: Endpoint, report: Mapping[str, object]) -> Reading:
    return read_report(endpoint, report).reading


def usage_of_report(endpoint: Endpoint, report: Mapping[str, object]) -> TokenUsage:
    """Returns the usage of a report that is in order and counts everything."""
    reading = reading_of(endpoint, report)
    assert reading.input_counted
    assert reading.output_counted
    assert not reading.flags
    return reading.usage
