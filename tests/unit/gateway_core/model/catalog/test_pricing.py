"""The cost of each token category, long-context prices, and the amount that a hold reserves (INV-11)."""

import datetime as dt
from typing import Any

import pytest

from gateway_core.model.catalog import reserves
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import LongContextPrices, Multiplier, Prices, PriceSchedule
from gateway_core.model.catalog.pricing import ChargeLine, charge_lines, total_nano_credits
from gateway_core.model.catalog.reserves import BudgetMode, Reserve
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint

MILLION = 10**6
DATE = dt.date(2025, 1, 1)
ALL = Prices(
    input=1_000 * MILLION,
    cache_read=100 * MILLION,
    cache_write_5m=1_250 * MILLION,
    cache_write_1h=2_000 * MILLION,
    output=5_000 * MILLION,
    reasoning=6_000 * MILLION,
    input_audio=3_000 * MILLION,
    input_image=1_100 * MILLION,
    cache_read_audio=300 * MILLION,
    output_audio=9_000 * MILLION,
    output_image=30_000 * MILLION,
)
PLAIN = Prices(input=1_000 * MILLION, output=5_000 * MILLION)
LONG = LongContextPrices(
    above_input_tokens=200,
    prices_nano_credits_per_million_tokens=Prices(input=2_000 * MILLION, output=7_000 * MILLION),
)


def schedule(prices: Prices = PLAIN, long_context: LongContextPrices | None = None) -> PriceSchedule:
    return PriceSchedule(effective_date=DATE, prices=prices, long_context=long_context)


def model(context_window_tokens: int = 1_000, max_output_tokens: int = 100) -> Model:
    return Model(
        name="m",
        provider="p",
        upstream_name="m",
        endpoints=(Endpoint.CHAT_COMPLETIONS,),
        context_window_tokens=context_window_tokens,
        max_output_tokens=max_output_tokens,
        default_output_reserve_tokens=40,
    )


def used(category: str, count: int) -> TokenUsage:
    counts: dict[str, Any] = {category: count}
    return TokenUsage(**counts)


def charge(usage: TokenUsage, prices: PriceSchedule) -> int:
    return total_nano_credits(charge_lines(usage, prices))


@pytest.mark.parametrize(
    ("category", "price"),
    [
        ("input", 1_000),
        ("cache_read", 100),
        ("cache_write_5m", 1_250),
        ("cache_write_1h", 2_000),
        ("output", 5_000),
        ("output_reasoning", 6_000),
        ("input_audio", 3_000),
        ("input_image", 1_100),
        ("cache_read_audio", 300),
        ("output_audio", 9_000),
        ("output_image", 30_000),
    ],
)
def test_every_category_has_its_own_line_at_its_own_price(category: str, price: int) -> None:
    lines = charge_lines(used(category, 3), schedule(ALL))
    assert lines == (ChargeLine(category, 3, price * MILLION, 3 * price),)


@pytest.mark.parametrize(
    ("category", "price"),
    [("cache_read", 1_000), ("cache_write_5m", 1_000), ("cache_write_1h", 1_000), ("output_reasoning", 5_000)],
)
def test_a_category_without_a_price_costs_as_much_as_its_parent(category: str, price: int) -> None:
    assert charge(used(category, 3), schedule()) == 3 * price


def test_a_one_hour_cache_write_without_a_price_costs_as_much_as_a_short_one() -> None:
    prices = schedule(Prices(input=MILLION, cache_write_5m=9 * MILLION, output=0))
    assert charge(TokenUsage(cache_write_1h=1), prices) == 9


def test_a_category_whose_price_is_zero_costs_nothing() -> None:
    free = Prices(input=MILLION, cache_read=0, cache_write_5m=0, cache_write_1h=0, output=MILLION, reasoning=0)
    usage = TokenUsage(cache_read=5, cache_write_5m=5, cache_write_1h=5, output_reasoning=5)
    assert charge(usage, schedule(free)) == 0


def test_a_call_that_used_nothing_has_no_lines() -> None:
    assert charge_lines(TokenUsage(), schedule(ALL)) == ()


def test_each_line_is_rounded_separately() -> None:
    prices = schedule(Prices(input=500_000, cache_read=500_000, output=499_999))
    lines = charge_lines(TokenUsage(input=1, cache_read=1, output=1), prices)
    assert [line.amount_nano_credits for line in lines] == [1, 1, 0]
    assert total_nano_credits(lines) == 2


def test_every_use_costs_its_fee() -> None:
    prices = schedule().model_copy(update={"fees": {"file_search": 5, "web_search": 10_000_000}})
    usage = TokenUsage(output=1, uses=(("file_search", 3), ("unknown", 9), ("web_search", 20)))
    assert charge_lines(usage, prices) == (
        ChargeLine("output", 1, 5_000 * MILLION, 5_000),
        ChargeLine("fee:file_search", 3, 5, 15),
        ChargeLine("fee:web_search", 20, 10_000_000, 200_000_000),
    )


def test_a_fee_that_a_call_pays_once_is_charged_for_one_use() -> None:
    fees = {"fees": {"code_interpreter": 30}, "fees_once_per_call": ("code_interpreter",)}
    prices = schedule().model_copy(update=fees)
    assert charge(TokenUsage(uses=(("code_interpreter", 7),)), prices) == 30
    assert charge(TokenUsage(uses=(("code_interpreter", 0),)), prices) == 0


def test_audio_and_images_count_as_input_or_output() -> None:
    usage = TokenUsage(input=1, input_audio=100, input_image=50, cache_read_audio=50, output_audio=2, output_image=3)
    assert (usage.total_input, usage.total_output) == (201, 5)
    assert charge(usage, schedule(long_context=LONG)) == 201 * 2_000 + 5 * 7_000


def test_the_price_of_a_line_is_the_price_of_the_service() -> None:
    fast = Multiplier.model_validate({"when": {"speed": "fast"}, "numerator": 6})
    prices = schedule(ALL).model_copy(update={"multipliers": (fast,)})
    usage = TokenUsage(input=734_311, output=2_000)
    assert charge_lines(usage, prices, Service(speed="fast")) == (
        ChargeLine("input", 734_311, 6_000 * MILLION, 734_311 * 6_000),
        ChargeLine("output", 2_000, 30_000 * MILLION, 2_000 * 30_000),
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (TokenUsage(input=199, output=1), 199 * 1_000 + 5_000),
        (TokenUsage(input=200, output=1), 200 * 1_000 + 5_000),
        (TokenUsage(input=201, output=1), 201 * 2_000 + 7_000),
        (TokenUsage(input=1, cache_read=100, cache_write_5m=99, output=1), 200 * 1_000 + 5_000),
        (TokenUsage(input=1, cache_read=100, cache_write_5m=50, cache_write_1h=50, output=1), 201 * 2_000 + 7_000),
        (TokenUsage(input=1, output=10_000), 1_000 + 10_000 * 5_000),
    ],
)
def test_long_context_prices_apply_to_the_whole_call_above_the_threshold(usage: TokenUsage, expected: int) -> None:
    assert charge(usage, schedule(long_context=LONG)) == expected


def reserve(
    prices: PriceSchedule,
    body_bytes: int,
    *,
    endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS,
    bytes_per_token: int = 1,
    output_limit: int | None = None,
    choices: int = 1,
) -> Reserve:
    return reserves.reserve(
        model(),
        prices,
        endpoint,
        BudgetMode.BALANCED,
        body_bytes=body_bytes,
        bytes_per_token=bytes_per_token,
        output_limit=output_limit,
        choices=choices,
    )


@pytest.mark.parametrize(("mode", "tokens"), [(1, 101), (4, 26)], ids=["strict", "balanced"])
def test_the_input_is_reserved_by_the_size_of_the_body(mode: int, tokens: int) -> None:
    assert reserve(schedule(), 101, bytes_per_token=mode).input_tokens == tokens


def test_the_reserved_input_is_limited_by_the_context_window() -> None:
    assert reserve(schedule(), 5_000).input_tokens == 1_000


def test_a_call_of_embeddings_may_carry_many_context_windows() -> None:
    assert reserve(schedule(), 5_000, endpoint=Endpoint.EMBEDDINGS).input_tokens == 5_000


@pytest.mark.parametrize(
    ("output_limit", "choices", "tokens"),
    [(None, 1, 40), (None, 3, 120), (7, 1, 7), (7, 128, 896), (100, 1, 100), (101, 1, 100), (10**9, 2, 200)],
)
def test_the_output_is_reserved_by_the_callers_limit_or_the_models_default(
    output_limit: int | None, choices: int, tokens: int
) -> None:
    assert reserve(schedule(), 1, output_limit=output_limit, choices=choices).output_tokens == tokens


def test_every_token_is_reserved_at_the_highest_price_of_its_side() -> None:
    assert reserve(schedule(ALL), 10, output_limit=2).amount_nano_credits == 10 * 2_000 + 2 * 6_000


@pytest.mark.parametrize(("body_bytes", "amount"), [(200, 200 * 1_000), (201, 201 * 2_000)])
def test_the_long_context_price_is_reserved_if_the_body_may_reach_it(body_bytes: int, amount: int) -> None:
    prices = schedule(long_context=LONG)
    assert reserve(prices, body_bytes, output_limit=1).amount_nano_credits - amount in {5_000, 7_000}


def test_a_cheaper_long_context_price_does_not_lower_the_reserve() -> None:
    cheap = LongContextPrices(above_input_tokens=5, prices_nano_credits_per_million_tokens=Prices(input=0, output=0))
    prices = schedule(long_context=cheap)
    assert reserve(prices, 10, output_limit=1).amount_nano_credits == 10 * 1_000 + 5_000
