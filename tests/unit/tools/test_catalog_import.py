"""Compares the shipped catalog with the price package it is generated from, using that package's own calculation."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, TieredPrices

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog_file import load_catalog
from tools.catalog_additions import DOCUMENTED_PRICES_USD
from tools.catalog_import import CATALOG, PRICES_OF, render_catalog

FILE: dict[str, Any] = yaml.safe_load(Path(CATALOG).read_text())
MODELS: list[dict[str, Any]] = FILE["models"]
GENAI_PROVIDER = {"xai": "x-ai"}
MILLION = 1_000_000
KEYS = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write_5m": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "output": "output_mtok",
}
UNITS = {"audio_second", "character"}
ENDPOINTS = {
    "chat_completions",
    "completions",
    "responses",
    "embeddings",
    "messages",
    "generate_content",
    "embed_content",
    "moderations",
    "images",
    "rerank",
    "rerank_v2",
    "openai_files",
    "anthropic_files",
    "image_edits",
    "transcriptions",
    "translations",
    "speech",
}

DOCUMENTED = {"rerank", "openai_files", "anthropic_files"}
PACKAGED = [model for model in MODELS if DOCUMENTED.isdisjoint(model["endpoints"])]
"""The models that the price package has."""
WITHOUT_OUTPUT = {"embeddings", "moderations", *DOCUMENTED}


def by_name(model: dict[str, Any]) -> str:
    return str(model["name"])


def cost_nano_credits(model: dict[str, Any], usage: Usage) -> int:
    """Returns the price package's charge at the most expensive hour of the day, in nano-credits."""
    provider = GENAI_PROVIDER.get(model["provider"], model["provider"])
    costs = [
        calc_price(
            usage,
            model["upstream_name"],
            provider_id=provider,
            genai_request_timestamp=PRICES_OF + timedelta(hours=hour, minutes=30),
        ).total_price
        for hour in (range(24) if provider == "deepseek" else [0])
    ]
    cost = max(costs) * Decimal(10**9)
    assert cost == int(cost)
    return int(cost)


def usage_of(category: str, tokens: int) -> Usage:
    kinds: dict[str, dict[str, int]] = {
        "input": {"input_tokens": tokens},
        "cache_read": {"input_tokens": tokens, "cache_read_tokens": tokens},
        "cache_write_5m": {"input_tokens": tokens, "cache_write_tokens": tokens, "cache_write_5m_tokens": tokens},
        "cache_write_1h": {"input_tokens": tokens, "cache_write_tokens": tokens, "cache_write_1h_tokens": tokens},
        "input_audio": {"input_tokens": tokens, "input_audio_tokens": tokens},
        "cache_read_audio": {
            "input_tokens": tokens,
            "cache_read_tokens": tokens,
            "input_audio_tokens": tokens,
            "cache_audio_read_tokens": tokens,
        },
        "input_image": {"input_tokens": tokens, "input_image_tokens": tokens},
        "output": {"output_tokens": tokens},
        "output_image": {"output_tokens": tokens, "output_image_tokens": tokens},
    }
    return Usage(**kinds[category])


@pytest.mark.parametrize("model", PACKAGED, ids=by_name)
def test_prices_equal_those_of_the_price_package(model: dict[str, Any]) -> None:
    """Uses few tokens, so that no long-context price applies."""
    prices = model["prices_nano_credits_per_million_tokens"]
    for category, price in prices.items():
        if category in DOCUMENTED_PRICES_USD.get(model["name"], {}):
            continue
        if model["max_output_tokens"] or category != "output":
            assert price == cost_nano_credits(model, usage_of(category, 1000)) * 1000, category


@pytest.mark.parametrize(
    ("name", "fee", "usage"),
    [
        ("whisper-1", "audio_second", Usage(input_audio_seconds=3_600, audio_seconds=3_600)),
        ("tts-1", "character", Usage(input_characters=3_600)),
        ("tts-1-hd", "character", Usage(input_characters=3_600)),
    ],
)
def test_fees_of_seconds_and_characters_equal_the_prices_of_the_price_package(
    name: str, fee: str, usage: Usage
) -> None:
    (model,) = [model for model in MODELS if model["name"] == name]
    assert cost_nano_credits(model, usage) == 3_600 * model["fees"][fee]


@pytest.mark.parametrize("model", [model for model in MODELS if "long_context" in model], ids=by_name)
def test_long_context_prices_start_above_the_stated_size(model: dict[str, Any]) -> None:
    threshold = model["long_context"]["above_input_tokens"]
    base = model["prices_nano_credits_per_million_tokens"]
    long_context = model["long_context"]["prices_nano_credits_per_million_tokens"]
    assert cost_nano_credits(model, usage_of("input", threshold)) * MILLION == base["input"] * threshold
    above = threshold + 1
    for category in long_context.keys() - {"output"} - DOCUMENTED_PRICES_USD.get(model["name"], {}).keys():
        assert cost_nano_credits(model, usage_of(category, above)) * MILLION == long_context[category] * above, category
    both = cost_nano_credits(model, Usage(input_tokens=above, output_tokens=MILLION))
    assert (both - long_context["output"]) * MILLION == long_context["input"] * above


@pytest.mark.parametrize("model", [model for model in PACKAGED if "long_context" not in model], ids=by_name)
def test_no_long_context_price_is_missing(model: dict[str, Any]) -> None:
    tokens = model["context_window_tokens"]
    base = model["prices_nano_credits_per_million_tokens"]
    assert cost_nano_credits(model, usage_of("input", tokens)) * MILLION == base["input"] * tokens


def test_no_cache_price_of_the_package_is_missing() -> None:
    keys = {
        "cache_read": "cache_read_mtok",
        "cache_write_5m": "cache_write_mtok",
        "cache_write_1h": "cache_write_1h_mtok",
    }
    for model in PACKAGED:
        provider = next(p for p in providers if p.id == GENAI_PROVIDER.get(model["provider"], model["provider"]))
        found = provider.find_model(model["upstream_name"])
        assert found is not None
        price = found.get_prices(PRICES_OF)
        known = {ours for ours, theirs in keys.items() if getattr(price, theirs) is not None}
        documented = DOCUMENTED_PRICES_USD.get(model["name"], {}).keys()
        assert known == keys.keys() & model["prices_nano_credits_per_million_tokens"].keys() - documented, model["name"]


SHIPPED = load_catalog(CATALOG)


KNOWN = [model for model in SHIPPED.models if DOCUMENTED.isdisjoint(model.endpoints)]


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_tiers_and_speeds_cost_what_the_price_package_says(model: Model) -> None:
    (schedule,) = model.schedules
    found = find_model(model)
    variants = [variant for variant in found.price_variants or () if not variant.when.keys() & {"processing"}]
    for variant in variants:
        service = Service(variant.when.get("service_tier"), variant.when.get("speed"))
        prices = schedule.for_service(service).prices.by_category
        for category, key in KEYS.items():
            value = getattr(variant.prices, key)
            if value is not None:
                usd = value.base if isinstance(value, TieredPrices) else value
                assert prices[category] == usd * 10**9, (category, variant.when)
    assert len(variants) == 0 or schedule.multipliers


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_searches_cost_what_the_price_package_says(model: Model) -> None:
    fees = model.schedules[0].fees
    price = find_model(model).get_prices(PRICES_OF)
    web, storage = price.web_searches_kcount, price.storage_searches_kcount
    name = "grounding" if model.provider == "google" else "web_search"
    if model.provider != "xai":  # The package does not price the tools of xAI.
        assert fees.get(name) == per_use(web)
        assert fees.get("file_search") == per_use(storage)


def test_every_model_may_be_called_by_the_name_of_its_provider_too() -> None:
    for model in SHIPPED.models:
        assert f"{model.provider}/{model.name}" in model.aliases


def test_every_hosted_tool_names_fees_that_some_model_of_its_provider_has() -> None:
    for provider in SHIPPED.providers:
        known = {fee for model in SHIPPED.models if model.provider == provider.name for fee in model.schedules[0].fees}
        for tools in provider.hosted_tools.values():
            assert {fee for fees in tools.values() for fee in fees} <= known


def per_use(usd_per_thousand: Decimal | TieredPrices | None) -> Decimal | None:
    """Returns nano-credits."""
    assert not isinstance(usd_per_thousand, TieredPrices)
    return None if usd_per_thousand is None else usd_per_thousand * 10**6


def find_model(model: Model) -> ModelInfo:
    provider = next(p for p in providers if p.id == GENAI_PROVIDER.get(model.provider, model.provider))
    found = provider.find_model(model.upstream_name)
    assert found is not None
    return found


def test_there_are_thirty_models_with_unique_names() -> None:
    names = [model["name"] for model in MODELS]
    assert len(names) >= 30
    assert len(set(names)) == len(names)


def test_every_endpoint_and_every_provider_has_a_model() -> None:
    assert {endpoint for model in MODELS for endpoint in model["endpoints"]} == ENDPOINTS
    assert {model["provider"] for model in MODELS} == {provider["name"] for provider in FILE["providers"]}


def test_every_model_that_ranks_has_one_price_of_a_search() -> None:
    searching = [model for model in MODELS if "rerank" in model["endpoints"]]
    assert searching
    for model in searching:
        by_token = model["prices_nano_credits_per_million_tokens"]["input"]
        assert bool(by_token) != bool(model.get("fees", {}).get("search_unit", 0)), model["name"]


def test_limits_are_consistent() -> None:
    for model in MODELS:
        assert 0 <= model["default_output_reserve_tokens"] <= model["max_output_tokens"]
        # A speech model writes more tokens of sound than it reads of text.
        assert model["max_output_tokens"] <= model["context_window_tokens"] or model["endpoints"] == ["speech"]
        is_without_output = WITHOUT_OUTPUT.intersection(model["endpoints"]) or UNITS.intersection(model.get("fees", ()))
        assert (model["max_output_tokens"] == 0) == bool(is_without_output)
        assert datetime.combine(model["effective_date"], datetime.min.time(), UTC) <= PRICES_OF


def test_the_committed_file_is_current() -> None:
    assert Path(CATALOG).read_text() == render_catalog()
