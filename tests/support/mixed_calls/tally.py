"""What the upstream itself counted, priced from the catalog file by arithmetic of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

_BASES = {
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "cache_write_5m",
    "input_audio": "input",
    "input_image": "input",
    "cache_read_audio": "input_audio",
    "output_reasoning": "output",
    "output_image": "output",
    "output_audio": "output",
}
"""The category whose price a category without one has."""
_PRICES = "prices_nano_credits_per_million_tokens"
_INPUTS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image", "cache_read_audio")


@dataclass(frozen=True)
class Used:
    """The tokens of one model, by category without overlaps."""

    model: str
    """Its name in the catalog."""
    tokens: Mapping[str, int]

    @property
    def inputs(self) -> int:
        return sum(self.tokens.get(category, 0) for category in _INPUTS)

    @property
    def outputs(self) -> int:
        return sum(self.tokens.values()) - self.inputs


@dataclass(frozen=True)
class Tally:
    """What a call used."""

    main: Used
    """The model that answered."""
    others: tuple[Used, ...] = ()
    """Steps on models of their own."""
    fees: Mapping[str, int] = field(default_factory=dict)
    """Uses of hosted tools, by the name of their fee."""
    service: Mapping[str, str] = field(default_factory=dict)
    """The tier, speed and place, where they are not the standard ones."""

    @property
    def tokens(self) -> dict[str, int]:
        """The tokens of all models that are not zero, by category."""
        total: dict[str, int] = {}
        for used in (self.main, *self.others):
            for category, count in used.tokens.items():
                total[category] = total.get(category, 0) + count
        return {category: count for category, count in total.items() if count}


class PriceList:
    """The catalog file, read without the gateway's code."""

    def __init__(self, catalog: Path) -> None:
        content = yaml.safe_load(catalog.read_text(encoding="utf-8"))
        self.providers: dict[str, Document] = {provider["name"]: provider for provider in content["providers"]}
        self.models: dict[str, Document] = {model["name"]: model for model in content["models"]}

    def provider_of(self, model: str) -> Document:
        """Returns the provider of a model."""
        return self.providers[self.models[model]["provider"]]

    def fees_of(self, model: str) -> dict[str, int]:
        """Returns the fees of a model in nano-credits for each use; those of its provider included."""
        return {**self.provider_of(model).get("fees", {}), **self.models[model].get("fees", {})}

    def multipliers_of(self, model: str) -> list[Document]:
        """Returns the multipliers of a model and its provider."""
        return [*self.provider_of(model).get("multipliers", []), *self.models[model].get("multipliers", [])]

    def services_of(self, model: str, kind: str) -> list[str]:
        """Returns the tiers, speeds or places that a model has."""
        return [one["when"][kind] for one in self.multipliers_of(model) if kind in one["when"]]

    def prices_of(self, model: str) -> Document:
        """Returns the prices that the file names for a model."""
        prices: Document = self.models[model][_PRICES]
        return prices

    def charge(self, tally: Tally) -> int:
        """Returns what a tally costs in nano-credits: each category is rounded once, half up."""
        tokens = sum(self._tokens_charge(used, tally.service) for used in (tally.main, *tally.others))
        return tokens + self._fees_charge(tally.main.model, tally.fees)

    def _tokens_charge(self, used: Used, service: Mapping[str, str]) -> int:
        model = self.models[used.model]
        prices = model[_PRICES]
        above = model.get("long_context")
        if above and used.inputs > above["above_input_tokens"]:
            prices = above[_PRICES]
        multipliers = [one for one in self.multipliers_of(used.model) if one["when"].items() <= service.items()]
        return sum(
            _rounded(Fraction(count * _price(prices, category), 10**6) * _factor(multipliers, category))
            for category, count in used.tokens.items()
        )

    def _fees_charge(self, model: str, fees: Mapping[str, int]) -> int:
        known = self.fees_of(model)
        once = {
            *self.provider_of(model).get("fees_once_per_call", ()),
            *self.models[model].get("fees_once_per_call", ()),
        }
        return sum(known[name] * (min(count, 1) if name in once else count) for name, count in fees.items())


def _price(prices: Mapping[str, int], category: str) -> int:
    while category not in prices:
        category = _BASES[category]
    return prices[category]


def _factor(multipliers: Iterable[Document], category: str) -> Fraction:
    factor = Fraction(1)
    for one in multipliers:
        if category in one.get("categories", (category,)):
            factor *= Fraction(one["numerator"], one.get("denominator", 1))
    return factor


def _rounded(amount: Fraction) -> int:
    return int((2 * amount + 1) // 2)
