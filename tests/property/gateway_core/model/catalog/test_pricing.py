"""The charge is the sum of its lines, and a hold in strict mode covers every call it was placed for (INV-05, INV-10)."""

from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.pricing import charge_lines, total_nano_credits
from gateway_core.model.catalog.reserves import BudgetMode, reserve
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.token_usage import CATEGORIES, TokenUsage
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.money import INT64_MAX, charge_nano_credits
from tests.property.gateway_core.model.catalog.price_schedules import schedules

TEXT_INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
TEXT_OUTPUT = ("output", "output_reasoning")

TEXT_INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
TEXT_OUTPUT = ("output", "output_reasoning")


@st.composite
def models(draw: st.DrawFn) -> Model:
    max_output = draw(st.integers(0, 10**6) | st.just(10**7))
    return Model(
        name="m",
        provider="p",
        upstream_name="m",
        endpoints=(Endpoint.CHAT_COMPLETIONS,),
        context_window_tokens=draw(st.integers(1, 10**7)),
        max_output_tokens=max_output,
        default_output_reserve_tokens=draw(st.integers(0, max_output)),
    )


def split(draw: st.DrawFn, total: int, parts: int) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=parts - 1, max_size=parts - 1)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


@st.composite
def usages_within(draw: st.DrawFn, input_limit: int, output_limit: int) -> TokenUsage:
    """Generates usage up to the limits. Half of the examples use them fully."""
    all_of_it = draw(st.booleans())
    total_input = input_limit if all_of_it else draw(st.integers(0, input_limit))
    total_output = output_limit if all_of_it else draw(st.integers(0, output_limit))
    counts: dict[str, Any] = {
        **dict(zip(TEXT_INPUT, split(draw, total_input, len(TEXT_INPUT)), strict=True)),
        **dict(zip(TEXT_OUTPUT, split(draw, total_output, len(TEXT_OUTPUT)), strict=True)),
    }
    return TokenUsage(**counts)


FEES = {"code_interpreter": 30_000_000, "web_search": 10_000_000}
SERVICES = st.builds(
    Service,
    tier=st.sampled_from([None, "auto", "flex", "FLEX", "scale"]),
    speed=st.sampled_from([None, "standard", "fast"]),
    place=st.sampled_from([None, "global", "us"]),
)
FACTORS = {("tier", "flex"): Fraction(1, 2), ("speed", "fast"): Fraction(6), ("place", "us"): Fraction(11, 10)}


@st.composite
def special_schedules(draw: st.DrawFn) -> PriceSchedule:
    """Generates schedules with fees, and with prices that every multiplier keeps whole."""
    prices = {name: draw(st.integers(0, 10**8)) * 20 for name in ("input", "output", "cache_read", "input_audio")}
    multipliers = [
        {"when": {name: value}, "numerator": factor.numerator, "denominator": factor.denominator}
        for (name, value), factor in FACTORS.items()
    ]
    values = {
        "effective_date": "2026-01-01",
        "prices": prices,
        "fees": FEES,
        "fees_once_per_call": ["code_interpreter"],
    }
    return PriceSchedule.model_validate({**values, "multipliers": multipliers})


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    """Generates usage in every category, with uses of priced and of unknown tools."""
    counts: dict[str, Any] = {category: draw(st.integers(0, 2**30)) for category in CATEGORIES}
    names = draw(st.lists(st.sampled_from(["code_interpreter", "unknown", "web_search"]), unique=True))
    return TokenUsage(**counts, uses=tuple((name, draw(st.integers(1, 1_000))) for name in sorted(names)))


@given(usages(), special_schedules(), SERVICES)
def test_a_charge_is_the_exact_price_of_every_token_and_use(
    usage: TokenUsage, schedule: PriceSchedule, service: Service
) -> None:
    """Computes each line by fractions from the prices of the schedule, and rounds it once, half up."""
    factor = Fraction(1)
    for (name, value), each in FACTORS.items():
        if (getattr(service, name) or "").lower() == value:
            factor *= each
    expected = {}
    for category, price in schedule.prices.by_category.items():
        if count := getattr(usage, category):
            expected[category] = floor(factor * price * count / 10**6 + Fraction(1, 2))
    for name, count in usage.uses:
        if name in FEES:
            expected[f"fee:{name}"] = FEES[name] * (1 if name == "code_interpreter" else count)
    lines = charge_lines(usage, schedule, service)
    assert {line.category: line.amount_nano_credits for line in lines} == expected
    assert total_nano_credits(lines) == sum(expected.values())


@given(usages(), special_schedules(), SERVICES)
def test_a_line_states_the_count_and_price_from_which_its_amount_follows(
    usage: TokenUsage, schedule: PriceSchedule, service: Service
) -> None:
    """The audit recomputes each line from nothing else."""
    for line in charge_lines(usage, schedule, service):
        if line.category.startswith("fee:"):
            assert line.amount_nano_credits == line.count * line.price_nano_credits
        else:
            assert line.amount_nano_credits == charge_nano_credits(line.count, line.price_nano_credits)


@given(usages_within(2**30, 2**30), schedules())
def test_a_charge_is_the_sum_of_its_lines_and_every_line_is_rounded_once(
    usage: TokenUsage, schedule: PriceSchedule
) -> None:
    lines = charge_lines(usage, schedule)
    assert total_nano_credits(lines) == sum(line.amount_nano_credits for line in lines)
    for line in lines:
        assert line.amount_nano_credits == charge_nano_credits(line.count, line.price_nano_credits)
    assert sum(line.count for line in lines) == usage.total_input + usage.total_output
    assert len({line.category for line in lines}) == len(lines)


@pytest.mark.parametrize("endpoint", [Endpoint.CHAT_COMPLETIONS, Endpoint.EMBEDDINGS])
@given(
    model=models(),
    body_bytes=st.integers(1, 2**25),
    output_limit=st.none() | st.integers(1, 10**9),
    choices=st.integers(1, 128),
    data=st.data(),
)
def test_in_strict_mode_no_call_costs_more_than_its_estimate(
    endpoint: Endpoint, model: Model, body_bytes: int, output_limit: int | None, choices: int, data: st.DataObject
) -> None:
    """A token is at least one byte. A call of embeddings carries many inputs, and the context window bounds each separately.

    The charge may exceed the estimate only by the rounding of its lines: less than one nano-credit per line.
    """
    input_limit = body_bytes if endpoint is Endpoint.EMBEDDINGS else min(body_bytes, model.context_window_tokens)
    per_choice = model.default_output_reserve_tokens if output_limit is None else output_limit
    usage = data.draw(usages_within(input_limit, min(per_choice, model.max_output_tokens) * choices))
    # Thresholds near the size of this call, where the two price sets meet.
    schedule = data.draw(schedules(st.integers(1, max(1, min(10**7, 2 * usage.total_input)))))
    reserved = reserve(
        model,
        schedule,
        endpoint,
        BudgetMode.BALANCED,
        body_bytes=body_bytes,
        bytes_per_token=1,
        output_limit=output_limit,
        choices=choices,
    )
    lines = charge_lines(usage, schedule)
    assert usage.total_input <= reserved.input_tokens
    assert usage.total_output <= reserved.output_tokens
    assert total_nano_credits(lines) <= reserved.amount_nano_credits + len(lines)


@given(model=models(), schedule=schedules(), body_bytes=st.integers(1, 2**25))
def test_no_hold_is_too_large_for_64_bits(model: Model, schedule: PriceSchedule, body_bytes: int) -> None:
    reserved = reserve(
        model,
        schedule,
        Endpoint.EMBEDDINGS,
        BudgetMode.BALANCED,
        body_bytes=body_bytes,
        bytes_per_token=1,
        output_limit=10**9,
        choices=128,
    )
    assert 0 <= reserved.amount_nano_credits <= INT64_MAX
