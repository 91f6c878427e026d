"""Compares the shipped catalog with the price package it is generated from, using that package's own calculation."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from genai_prices import Usage, calc_price
from genai_prices.data import providers

from tools.catalog_import import CATALOG, PRICES_OF, render_catalog

FILE: dict[str, Any] = yaml.safe_load(Path(CATALOG).read_text())
MODELS: list[dict[str, Any]] = FILE["models"]
GENAI_PROVIDER = {"xai": "x-ai"}
MILLION = 1_000_000
ENDPOINTS = {"chat_completions", "completions", "responses", "embeddings", "messages", "generate_content"}


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
        "output": {"output_tokens": tokens},
    }
    return Usage(**kinds[category])


@pytest.mark.parametrize("model", MODELS, ids=by_name)
def test_prices_equal_those_of_the_price_package(model: dict[str, Any]) -> None:
    """Uses few tokens, so that no long-context price applies."""
    prices = model["prices_nano_credits_per_million_tokens"]
    for category, price in prices.items():
        if model["max_output_tokens"] or category != "output":
            assert price == cost_nano_credits(model, usage_of(category, 1000)) * 1000, category


@pytest.mark.parametrize("model", [model for model in MODELS if "long_context" in model], ids=by_name)
def test_long_context_prices_start_above_the_stated_size(model: dict[str, Any]) -> None:
    threshold = model["long_context"]["above_input_tokens"]
    base = model["prices_nano_credits_per_million_tokens"]
    long_context = model["long_context"]["prices_nano_credits_per_million_tokens"]
    assert cost_nano_credits(model, usage_of("input", threshold)) * MILLION == base["input"] * threshold
    above = threshold + 1
    for category in long_context.keys() - {"output"}:
        assert cost_nano_credits(model, usage_of(category, above)) * MILLION == long_context[category] * above, category
    both = cost_nano_credits(model, Usage(input_tokens=above, output_tokens=MILLION))
    assert (both - long_context["output"]) * MILLION == long_context["input"] * above


@pytest.mark.parametrize("model", [model for model in MODELS if "long_context" not in model], ids=by_name)
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
    for model in MODELS:
        provider = next(p for p in providers if p.id == GENAI_PROVIDER.get(model["provider"], model["provider"]))
        found = provider.find_model(model["upstream_name"])
        assert found is not None
        price = found.get_prices(PRICES_OF)
        known = {ours for ours, theirs in keys.items() if getattr(price, theirs) is not None}
        assert known == keys.keys() & model["prices_nano_credits_per_million_tokens"].keys(), model["name"]


def test_there_are_thirty_models_with_unique_names() -> None:
    names = [model["name"] for model in MODELS]
    assert len(names) >= 30
    assert len(set(names)) == len(names)


def test_every_endpoint_and_every_provider_has_a_model() -> None:
    assert {endpoint for model in MODELS for endpoint in model["endpoints"]} == ENDPOINTS
    assert {model["provider"] for model in MODELS} == {provider["name"] for provider in FILE["providers"]}


def test_limits_are_consistent() -> None:
    for model in MODELS:
        assert (
            0 <= model["default_output_reserve_tokens"] <= model["max_output_tokens"] <= model["context_window_tokens"]
        )
        assert (model["max_output_tokens"] == 0) == (model["endpoints"] == ["embeddings"])
        assert datetime.combine(model["effective_date"], datetime.min.time(), UTC) <= PRICES_OF


def test_the_committed_file_is_current() -> None:
    assert Path(CATALOG).read_text() == render_catalog()
