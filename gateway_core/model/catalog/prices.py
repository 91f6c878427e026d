"""Prices of a model: by token category, by use of a hosted tool, and how tier, speed and place multiply them."""

import datetime as dt
from collections.abc import Callable
from functools import cached_property
from itertools import product
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.token_usage import CATEGORIES, INPUT_CATEGORIES, OUTPUT_CATEGORIES

PriceNanoCredits = Annotated[int, Field(ge=0, le=10**15, strict=True)]
FeeNanoCredits = Annotated[int, Field(ge=0, le=10**12, strict=True)]
FeeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
TokenLimit = Annotated[int, Field(ge=0, le=10**7, strict=True)]
"""At most 10^7, so that with prices of at most 10^15 and 128 choices the amount of any hold fits into 64 bits."""
ServiceValue = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
TokenCategoryName = Literal[
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "cache_read_audio",
    "output",
    "output_reasoning",
    "output_audio",
    "output_image",
]
_MAX_PRICE_NANO_CREDITS: Final = 10**15
UNSOUND_BASES: Final = frozenset({"input_audio", "cache_read_audio", "output_audio", "output_image"})
"""Categories that may cost a multiple of their base, so a model without a price for them has no price for them."""


class Entry(BaseModel):
    """A value of the catalog: immutable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(Entry):
    """Nano-credits per million tokens, by token category.

    A category without a price costs what its base category costs. That is sound where the base is the upper bound or the
    provider counts both alike: reading a cache never costs more than reading the input, reasoning is output, and a
    model that sees pictures counts them as input. Audio, and pictures that a model makes, cost several times their
    base, so a call that uses them without a price is charged at the base price and reported as unpriced.
    """

    input: PriceNanoCredits
    cache_read: PriceNanoCredits | None = None
    cache_write_5m: PriceNanoCredits | None = None
    cache_write_1h: PriceNanoCredits | None = None
    input_audio: PriceNanoCredits | None = None
    input_image: PriceNanoCredits | None = None
    cache_read_audio: PriceNanoCredits | None = None
    output: PriceNanoCredits
    reasoning: PriceNanoCredits | None = None
    output_audio: PriceNanoCredits | None = None
    output_image: PriceNanoCredits | None = None

    @cached_property
    def by_category(self) -> dict[str, int]:
        """The price of every category, including those that inherit it, in the order of `CATEGORIES`."""
        write_5m = _first(self.cache_write_5m, self.input)
        input_audio = _first(self.input_audio, self.input)
        return {
            "input": self.input,
            "cache_read": _first(self.cache_read, self.input),
            "cache_write_5m": write_5m,
            "cache_write_1h": _first(self.cache_write_1h, write_5m),
            "input_audio": input_audio,
            "input_image": _first(self.input_image, self.input),
            "cache_read_audio": _first(self.cache_read_audio, input_audio),
            "output": self.output,
            "output_reasoning": _first(self.reasoning, self.output),
            "output_audio": _first(self.output_audio, self.output),
            "output_image": _first(self.output_image, self.output),
        }

    @cached_property
    def unpriced_categories(self) -> frozenset[str]:
        """The categories whose tokens have no price here and may cost more than their base category."""
        missing = {category for category in UNSOUND_BASES if getattr(self, category) is None}
        if self.input_audio is not None:
            missing.discard("cache_read_audio")  # Reading a cache never costs more than reading the input.
        return frozenset(missing)

    @cached_property
    def dearest(self) -> tuple[int, int]:
        """The highest price of an input category and the highest price of an output category, without audio and images."""
        read, output = self.dearest_without_writes
        return max(read, self.cache_write_5m or 0, self.cache_write_1h or 0), output

    @cached_property
    def dearest_without_writes(self) -> tuple[int, int]:
        """The same for a call that writes nothing to a cache."""
        return max(self.input, self.cache_read or 0), max(self.output, self.reasoning or 0)

    def reserving(self, categories: frozenset[str]) -> "Prices":
        """Returns the prices by which to reserve a call that may use these categories besides text.

        Input costs as much as the dearest of its categories, and so does output.
        """
        prices = self.by_category
        values = {
            **self.model_dump(),
            "input": max(prices[name] for name in ("input", *categories.intersection(INPUT_CATEGORIES))),
            "output": max(prices[name] for name in ("output", *categories.intersection(OUTPUT_CATEGORIES))),
        }
        return Prices(**values)

    def multiplied(self, multipliers: "tuple[Multiplier, ...]") -> "Prices":
        """Returns the prices with every multiplier applied. `PriceSchedule` makes sure that they are whole.

        Raises:
            ValueError: a price is not a whole number of nano-credits, or too high.
        """
        prices = {category: _multiplied(category, price, multipliers) for category, price in self.by_category.items()}
        prices["reasoning"] = prices.pop("output_reasoning")
        return Prices(**prices)


class LongContextPrices(Entry):
    """Prices that replace the standard ones for a whole call whose input exceeds a size."""

    above_input_tokens: Annotated[TokenLimit, Field(gt=0)]
    prices_nano_credits_per_million_tokens: Prices


class Condition(Entry):
    """When a multiplier applies: every property that is given has this value."""

    tier: ServiceValue | None = None
    speed: ServiceValue | None = None
    place: ServiceValue | None = None

    @cached_property
    def properties(self) -> frozenset[tuple[str, str]]:
        """The properties that must hold, as pairs of name and value."""
        pairs = (("tier", self.tier), ("speed", self.speed), ("place", self.place))
        return frozenset((name, value) for name, value in pairs if value is not None)

    @model_validator(mode="after")
    def _names_something_special(self) -> Self:
        if self.properties != frozenset(Service(self.tier, self.speed, self.place).special()):
            raise ValueError("the standard tier, speed or place cannot have a multiplier")
        if not self.properties:
            raise ValueError("name a tier, a speed or a place")
        return self


class Multiplier(Entry):
    """An exact factor on the prices of tokens under a condition. Fees are not multiplied."""

    when: Condition
    numerator: Annotated[int, Field(ge=0, le=10**6, strict=True)]
    denominator: Annotated[int, Field(ge=1, le=10**6, strict=True)] = 1
    categories: tuple[TokenCategoryName, ...] = CATEGORIES
    """The categories whose prices it multiplies."""


class PriceSchedule(Entry):
    """The prices of a model from a date on. The database assigns `version`; 0 means not yet stored."""

    version: int = 0
    effective_date: dt.date
    deployment: Annotated[str, Field(max_length=200)] = ""
    """The place of the only deployment that it is for (`Deployment.place`); empty if it is for those without prices of
    their own."""
    prices: Prices
    long_context: LongContextPrices | None = None
    fees: dict[FeeName, FeeNanoCredits] = Field(default_factory=dict, max_length=64)
    """Nano-credits per use of a hosted tool, by the name of the fee. A use that costs nothing has a fee of 0."""
    fees_once_per_call: tuple[FeeName, ...] = ()
    """Fees that a call with any number of uses pays once: for a container, or for an answer that was grounded."""
    multipliers: tuple[Multiplier, ...] = Field(default=(), max_length=16)
    """Those that apply to a call multiply each other."""

    def prices_for(self, input_token_count: int) -> Prices:
        """Returns the prices of a call with this many input tokens in total."""
        if self.long_context and input_token_count > self.long_context.above_input_tokens:
            return self.long_context.prices_nano_credits_per_million_tokens
        return self.prices

    def for_service(self, service: Service) -> "PriceSchedule":
        """Returns the schedule whose prices are those of this service. Properties without a multiplier change nothing."""
        if not self.multipliers:
            return self
        asked = frozenset(service.special())
        applied = tuple(one for one in self.multipliers if one.when.properties <= asked) if asked else ()
        if not applied:
            return self
        known = self._by_multipliers.get(applied)
        if known is None:
            known = self._by_multipliers[applied] = self._with_prices(lambda prices: prices.multiplied(applied))
        return known

    def reserving(self, categories: frozenset[str]) -> "PriceSchedule":
        """Returns the schedule by which to reserve a call that may use these categories besides text, such as `input_audio`.

        A charge never uses it.
        """
        return self._with_prices(lambda prices: prices.reserving(categories)) if categories else self

    def multiplied_properties(self) -> frozenset[tuple[str, str]]:
        """Returns the properties of a service, as pairs of name and value, that have a price."""
        return frozenset(pair for multiplier in self.multipliers for pair in multiplier.when.properties)

    @cached_property
    def _by_multipliers(self) -> "dict[tuple[Multiplier, ...], PriceSchedule]":
        """Schedules made before. Bounded, because only combinations of the multipliers here are keys."""
        return {}

    def _with_prices(self, changed: Callable[[Prices], Prices]) -> "PriceSchedule":
        """Returns a copy with changed prices, also those of long contexts, and without multipliers."""
        long_context = self.long_context and self.long_context.model_copy(
            update={
                "prices_nano_credits_per_million_tokens": changed(
                    self.long_context.prices_nano_credits_per_million_tokens
                )
            }
        )
        prices = changed(self.prices)
        copy = self.model_copy(update={"prices": prices, "long_context": long_context, "multipliers": ()})
        # A copy shares the caches of its original. This one would contain itself, and comparing it would never end.
        copy.__dict__.pop("_by_multipliers", None)
        return copy

    @model_validator(mode="after")
    def _multiplies_exactly(self) -> Self:
        """Refuses prices that some service would turn into fractions of a nano-credit, which a record cannot state."""
        conditions = [multiplier.when.properties for multiplier in self.multipliers]
        if len(set(conditions)) != len(conditions):
            raise ValueError("two multipliers have the same condition")
        values: dict[str, set[str | None]] = {"tier": {None}, "speed": {None}, "place": {None}}
        for name, value in self.multiplied_properties():
            values[name].add(value)
        for tier, speed, place in product(values["tier"], values["speed"], values["place"]):
            self.for_service(Service(tier, speed, place))
        return self


def _first(price: int | None, base: int) -> int:
    return base if price is None else price


def _multiplied(category: str, price: int, multipliers: tuple[Multiplier, ...]) -> int:
    numerator, denominator = price, 1
    for multiplier in multipliers:
        if category in multiplier.categories:
            numerator *= multiplier.numerator
            denominator *= multiplier.denominator
    whole, fraction = divmod(numerator, denominator)
    if fraction:
        raise ValueError(f"{category}: {numerator}/{denominator} is not a whole number of nano-credits")
    if whole > _MAX_PRICE_NANO_CREDITS:
        raise ValueError(f"{category}: a multiplied price exceeds {_MAX_PRICE_NANO_CREDITS} nano-credits")
    return whole
