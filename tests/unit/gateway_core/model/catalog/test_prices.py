"""What a tier, speed or place does to prices: exact factors, and no price that a record could not state."""

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from gateway_core.model.catalog.prices import Multiplier, Prices, PriceSchedule
from gateway_core.model.catalog.service import STANDARD, Service

FAST = {"when": {"speed": "fast"}, "numerator": 6}
US = {"when": {"place": "us"}, "numerator": 11, "denominator": 10}
PRIORITY = {"when": {"tier": "priority"}, "numerator": 5, "denominator": 3}


def schedule(*multipliers: dict[str, Any], input_price: int = 150_000_000, **others: Any) -> PriceSchedule:
    prices = {"input": input_price, "cache_read": 75_000_000, "output": 600_000_000}
    values = {"effective_date": dt.date(2026, 1, 1), "prices": prices, "multipliers": multipliers, **others}
    return PriceSchedule.model_validate(values)


def prices_of(found: PriceSchedule) -> tuple[int, int, int]:
    prices = found.prices.by_category
    return prices["input"], prices["cache_read"], prices["output"]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (STANDARD, (150_000_000, 75_000_000, 600_000_000)),
        (Service(speed="fast"), (900_000_000, 450_000_000, 3_600_000_000)),
        (Service(place="us"), (165_000_000, 82_500_000, 660_000_000)),
        (Service(tier="priority"), (250_000_000, 125_000_000, 1_000_000_000)),
        (Service("priority", "fast", "us"), (1_650_000_000, 825_000_000, 6_600_000_000)),
        (Service(speed="FAST"), (900_000_000, 450_000_000, 3_600_000_000)),
        (Service(tier="SERVICE_TIER_PRIORITY"), (250_000_000, 125_000_000, 1_000_000_000)),
        (Service("default", "standard", "not_available"), (150_000_000, 75_000_000, 600_000_000)),
        (Service(tier="scale"), (150_000_000, 75_000_000, 600_000_000)),
    ],
)
def test_every_multiplier_that_applies_multiplies_the_prices(service: Service, expected: tuple[int, int, int]) -> None:
    assert prices_of(schedule(FAST, US, PRIORITY).for_service(service)) == expected


def test_a_multiplier_of_two_properties_needs_both() -> None:
    both = schedule({"when": {"speed": "fast", "place": "us"}, "numerator": 9})
    assert both.for_service(Service(speed="fast")) is both
    assert prices_of(both.for_service(Service(speed="fast", place="us")))[0] == 1_350_000_000


def test_a_multiplier_may_leave_categories_alone() -> None:
    flex = {"when": {"tier": "flex"}, "numerator": 1, "denominator": 2, "categories": ["input", "output"]}
    assert prices_of(schedule(flex).for_service(Service(tier="flex"))) == (75_000_000, 75_000_000, 300_000_000)


def test_a_category_that_inherits_its_price_inherits_it_before_the_multiplication() -> None:
    only_reads = {"when": {"tier": "flex"}, "numerator": 1, "denominator": 2, "categories": ["cache_write_5m"]}
    prices = schedule(only_reads).for_service(Service(tier="flex")).prices.by_category
    assert (prices["input"], prices["cache_write_5m"], prices["cache_write_1h"]) == (
        150_000_000,
        75_000_000,
        150_000_000,
    )


def test_long_context_prices_are_multiplied_and_fees_are_not() -> None:
    long_context = {
        "above_input_tokens": 100,
        "prices_nano_credits_per_million_tokens": {"input": 1_000, "output": 2_000},
    }
    found = schedule(FAST, long_context=long_context, fees={"web_search": 7}).for_service(Service(speed="fast"))
    assert found.prices_for(101).by_category["output"] == 12_000
    assert found.fees == {"web_search": 7}


def test_the_schedule_of_a_service_is_made_once() -> None:
    found = schedule(FAST)
    assert found.for_service(Service(speed="fast")) is found.for_service(Service("auto", "fast", "global"))


def test_equal_schedules_are_equal_whatever_was_asked_of_them() -> None:
    """Otherwise a catalog that is read again would seem to have changed. Seen to fail with schedules that contain themselves."""
    used, fresh = schedule(FAST, US), schedule(FAST, US)
    fast = used.for_service(Service(speed="fast"))
    assert used == fresh
    assert fast == fresh.for_service(Service(speed="fast"))
    assert used != schedule(FAST)


@pytest.mark.parametrize(
    ("multipliers", "message"),
    [
        ([US], "is not a whole number of nano-credits"),
        ([PRIORITY, US], "is not a whole number of nano-credits"),
        ([FAST, FAST], "two multipliers have the same condition"),
        ([{"when": {}, "numerator": 2}], "name a tier, a speed or a place"),
        ([{"when": {"tier": "default"}, "numerator": 2}], "the standard tier, speed or place"),
        ([{"when": {"tier": "flex"}, "numerator": 0.5}], "valid integer"),
        ([{"when": {"tier": "flex"}, "numerator": 1, "denominator": 0}], "greater than or equal to 1"),
        ([{"when": {"tier": "Flex"}, "numerator": 1}], "should match pattern"),
        ([{"when": {"tier": "flex"}, "numerator": 1, "categories": ["text"]}], "Input should be"),
        ([{"when": {"speed": "fast"}, "numerator": 10**6}, {"when": {"place": "us"}, "numerator": 10**6}], "exceeds"),
    ],
)
def test_a_multiplier_that_cannot_be_exact_or_means_nothing_is_refused(
    multipliers: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        schedule(*multipliers, input_price=150_000_001)


@pytest.mark.parametrize("fees", [{"Web": 1}, {"web_search": -1}, {"web_search": 0.5}, {"web_search": 10**12 + 1}])
def test_a_fee_without_a_proper_name_or_amount_is_refused(fees: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schedule(fees=fees)


def test_a_reserve_for_audio_uses_the_price_of_audio_and_one_for_text_does_not() -> None:
    prices = {"input": 300, "input_audio": 1_000, "cache_read": 30, "output": 2_500, "output_image": 30_000}
    long_context = {"above_input_tokens": 9, "prices_nano_credits_per_million_tokens": {**prices, "input_audio": 2_000}}
    values = {"version": 7, "effective_date": dt.date(2026, 1, 1), "prices": prices, "long_context": long_context}
    found = PriceSchedule.model_validate(values)
    audio = found.reserving(frozenset({"input_audio"}))
    assert found.prices.dearest == (300, 2_500)
    assert audio.prices.dearest == (1_000, 2_500)
    assert audio.prices_for(10).dearest == (2_000, 2_500)
    assert found.reserving(frozenset({"input_image", "output_image"})).prices.dearest == (300, 30_000)
    assert audio.version == 7
    assert found.reserving(frozenset()) is found


def test_audio_and_made_images_without_a_price_are_unpriced_but_seen_images_cost_the_input() -> None:
    text = Prices(input=3, output=5)
    assert text.unpriced_categories == {"input_audio", "cache_read_audio", "output_audio", "output_image"}
    assert text.by_category["input_image"] == 3


def test_cached_audio_costs_at_most_what_audio_costs() -> None:
    prices = Prices(input=3, cache_read=1, input_audio=10, output=5)
    assert prices.by_category["cache_read_audio"] == 10
    assert prices.unpriced_categories == {"output_audio", "output_image"}


def test_a_multiplier_applies_to_every_category_by_default() -> None:
    assert set(Multiplier.model_validate(FAST).categories) == set(Prices(input=1, output=1).by_category)
