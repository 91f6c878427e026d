"""What a request is refused for and a report is flagged for, because the catalog has no price for it."""

from typing import Any

import pytest

from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.catalog.service import STANDARD, Service
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.catalog.unpriced import Asked, unpriced, unpriced_requests
from gateway_core.model.catalog_file import load_catalog
from gateway_core.model.endpoints import Endpoint
from tests.support.repository import ROOT

SHIPPED: Catalog = load_catalog(ROOT / "deploy" / "catalog" / "catalog.yaml")
MODELS = {model.name: model for model in SHIPPED.models}
PROVIDERS = {provider.name: provider for provider in SHIPPED.providers}


def refused(name: str, endpoint: Endpoint, **asked: Any) -> tuple[str, ...]:
    model = MODELS[name]
    return unpriced_requests(model.schedules[0], PROVIDERS[model.provider], endpoint, Asked(**asked))


def tools(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("name", "endpoint", "tool"),
    [
        ("claude-haiku-4-5", Endpoint.MESSAGES, "web_search_20250305"),
        ("claude-haiku-4-5", Endpoint.MESSAGES, "web_fetch_20250910"),
        ("claude-haiku-4-5", Endpoint.MESSAGES, "code_execution_20250825"),
        ("claude-haiku-4-5", Endpoint.MESSAGES, "text_editor_20250728"),
        ("claude-haiku-4-5", Endpoint.MESSAGES, "tool_search_tool_bm25_20251119"),
        ("gpt-5", Endpoint.RESPONSES, "web_search"),
        ("gpt-5", Endpoint.RESPONSES, "web_search_2025_08_26"),
        ("gpt-5", Endpoint.RESPONSES, "web_search_preview_2025_03_11"),
        ("gpt-4o", Endpoint.RESPONSES, "code_interpreter"),
        ("gpt-4o", Endpoint.RESPONSES, "file_search"),
        ("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, "googleSearch"),
        ("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, "google_search"),
        ("gemini-3.5-flash", Endpoint.GENERATE_CONTENT, "codeExecution"),
        ("gemini-3.5-flash", Endpoint.GENERATE_CONTENT, "urlContext"),
        ("grok-4.3", Endpoint.CHAT_COMPLETIONS, "live_search"),
        ("grok-4.3", Endpoint.CHAT_COMPLETIONS, "web_search"),
    ],
)
def test_tools_that_popular_clients_use_are_priced(name: str, endpoint: Endpoint, tool: str) -> None:
    assert refused(name, endpoint, tools=tools(tool)) == ()


@pytest.mark.parametrize(
    ("name", "endpoint", "tool"),
    [
        ("claude-haiku-4-5", Endpoint.MESSAGES, "advisor_20260301"),
        ("claude-haiku-4-5", Endpoint.MESSAGES, "web_search_of_somebody_else"),
        ("gpt-5", Endpoint.RESPONSES, "image_generation"),
        ("gpt-4o", Endpoint.RESPONSES, "web_search_preview"),
        ("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, "googleMaps"),
        ("gemini-2.5-flash", Endpoint.CHAT_COMPLETIONS, "google_search"),
        ("gpt-oss-120b", Endpoint.CHAT_COMPLETIONS, "browser_search"),
        ("mistral-large-4", Endpoint.CHAT_COMPLETIONS, "web_search"),
    ],
)
def test_a_tool_without_a_price_is_named(name: str, endpoint: Endpoint, tool: str) -> None:
    assert refused(name, endpoint, tools=tools(tool)) == (f"tool:{tool}",)


@pytest.mark.parametrize(
    ("name", "endpoint", "asked", "expected"),
    [
        ("gpt-5", Endpoint.RESPONSES, {"tier": "priority"}, ()),
        ("gpt-5", Endpoint.RESPONSES, {"tier": "flex"}, ()),
        ("gpt-5", Endpoint.RESPONSES, {"tier": "auto"}, ()),
        ("gpt-5", Endpoint.RESPONSES, {"tier": "scale"}, ("tier:scale",)),
        ("gpt-4o", Endpoint.CHAT_COMPLETIONS, {"tier": "flex"}, ("tier:flex",)),
        ("claude-opus-4-8", Endpoint.MESSAGES, {"speed": "fast", "place": "us"}, ()),
        ("claude-haiku-4-5", Endpoint.MESSAGES, {"speed": "fast", "place": "us"}, ("speed:fast", "place:us")),
        ("claude-haiku-4-5", Endpoint.MESSAGES, {"tier": "standard_only", "place": "global"}, ()),
        ("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, {"tier": "FLEX"}, ()),
        ("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, {"tier": "SERVICE_TIER_PRIORITY"}, ("tier:priority",)),
        ("gpt-oss-120b", Endpoint.CHAT_COMPLETIONS, {"tier": "flex"}, ()),
        ("gemini-2.5-flash", Endpoint.GENERATE_CONTENT, {"modalities": frozenset({"input_audio", "input_image"})}, ()),
        ("gemini-2.5-pro", Endpoint.GENERATE_CONTENT, {"modalities": frozenset({"input_audio"})}, ()),
        ("gpt-4o", Endpoint.CHAT_COMPLETIONS, {"modalities": frozenset({"input_image"})}, ()),
        (
            "gpt-4o",
            Endpoint.CHAT_COMPLETIONS,
            {"modalities": frozenset({"output_audio", "input_audio"})},
            ("input_audio", "output_audio"),
        ),
    ],
)
def test_a_tier_speed_place_or_modality_needs_a_price(
    name: str, endpoint: Endpoint, asked: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert refused(name, endpoint, **asked) == expected


def test_a_call_that_asks_for_nothing_special_is_priced_on_every_model() -> None:
    for model in SHIPPED.models:
        assert refused(model.name, model.endpoints[0]) == ()


def test_a_report_names_each_thing_without_a_price() -> None:
    usage = TokenUsage(input=1, input_audio=1, output=1, uses=(("image_generation", 1), ("web_search", 2)))
    schedule = MODELS["gpt-4o"].schedules[0]
    assert unpriced(usage, Service("scale", "fast", "eu"), schedule) == (
        "input_audio",
        "fee:image_generation",
        "tier:scale",
        "speed:fast",
        "place:eu",
    )
    assert unpriced(TokenUsage(input=1, output=1, uses=(("web_search", 2),)), STANDARD, schedule) == ()
