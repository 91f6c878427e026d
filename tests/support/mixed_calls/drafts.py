"""What a random call asks, and what its provider answers, before the answer has a form on the wire."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.mixed_calls.tally import PriceList, Tally, Used

WORDS = ("a", " word", "ü", "漢字", "🙂", " several words at once", '"quoted"', "\\n", "0")


@dataclass(frozen=True)
class Part:
    """One event of a stream."""

    value: object
    text: str = ""
    """What it delivers."""


@dataclass(frozen=True)
class Draft:
    """A call and its answer."""

    model: str
    """The name in the catalog of the model called."""
    endpoint: str
    path: str
    body: dict[str, Any] | bytes
    """JSON, or a form."""
    tally: Tally
    document: object | None = None
    """The answer as one document."""
    parts: Sequence[Part] = ()
    """The answer as a stream."""
    counted_after: int = 0
    """After how many events of the stream the provider has reported everything."""
    counts_input_first: bool = False
    """Whether the first event already reports the input."""
    shows_usage: bool = True
    """Whether the caller receives the event with the usage."""
    kinds: frozenset[str] = frozenset()
    """What the gateway should find odd in the report."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """What is common to the calls of all dialects."""

    number: int
    model: str
    endpoint: str
    random: Random
    prices: PriceList

    @property
    def question(self) -> str:
        """A text by which the upstream knows the call."""
        return f"call-{self.number}: {self.random.choice(('Why?', 'Warum?', '为什么', 'x' * 3_000))}"

    @property
    def asked_name(self) -> str:
        """The model's name, or an alias of it."""
        names: list[str] = [self.model, *self.prices.models[self.model].get("aliases", [])]
        return self.random.choice(names)

    @property
    def answered_name(self) -> str:
        """The provider's name of the model, or of a snapshot of it."""
        return self.name_of(self.model)

    def name_of(self, model: str) -> str:
        """Returns the provider's name of a model, or of a snapshot of it."""
        name = str(self.prices.models[model]["upstream_name"])
        return self.random.choice((name, name, f"{name}-2026-03-01", name.upper()))

    def another_model(self) -> str:
        """Returns a model of the same provider and endpoint, which may answer instead."""
        models = self.prices.models
        provider = models[self.model]["provider"]
        alike: list[str] = [
            name
            for name in models
            if models[name]["provider"] == provider and self.endpoint in models[name]["endpoints"]
        ]
        return self.random.choice(alike)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def count(self, most: int) -> int:
        """Returns a count of at least one. Small and large ones are alike often."""
        return max(1, min(most, int(math.exp(self.random.uniform(0, math.log(max(most, 2)))))))

    def sides(self, *, cached: bool = True, written: bool = False) -> dict[str, int]:
        """Returns random tokens by category: input, cached input, output, reasoning."""
        entry = self.prices.models[self.model]
        window, longest = entry["context_window_tokens"], entry["max_output_tokens"]
        tokens = {"input": self.count(window * 6 // 10), "output": self.count(longest // 2)}
        if cached and self.chance(0.4):
            tokens["cache_read"] = self.count(window * 3 // 10)
        if written and "cache_write_5m" in self.prices.prices_of(self.model) and self.chance(0.3):
            tokens["cache_write_5m"] = self.count(window // 10)
        if self.chance(0.4):
            tokens["output_reasoning"] = self.count(longest // 2)
        return tokens

    def used(self, tokens: Mapping[str, int]) -> Used:
        return Used(self.model, tokens)

    def texts(self) -> list[str]:
        """Returns the pieces of an answer."""
        return [self.random.choice(WORDS) * self.random.randint(1, 4) for _ in range(self.random.randint(2, 12))]

    def service(self, kind: str, probability: float = 0.2) -> dict[str, str]:
        """Returns a tier, speed or place that the model has, or nothing."""
        known = self.prices.services_of(self.model, kind)
        return {kind: self.random.choice(known)} if known and self.chance(probability) else {}

    def odd_numbers(self, usage: dict[str, Any]) -> dict[str, Any]:
        """Returns a usage object whose counts may be written as texts or with a fraction of zero."""
        if self.chance(0.85):
            return usage
        write = self.random.choice((str, float))
        return {name: write(value) if type(value) is int else value for name, value in usage.items()}

    def noise(self) -> dict[str, Any]:
        """Returns fields that mean nothing."""
        fields: dict[str, Any] = {
            "cost": None,
            "queue_time": 0.03,
            "extra": {"nested": [None, {}]},
            "note": "prompt_tokens",
        }
        return {name: value for name, value in fields.items() if self.chance(0.15)}


def picture(random: Random) -> str:
    """Returns the base64 of something as large as a picture."""
    return "iVBORw0KGgo" + "QUJD" * random.randint(100, 20_000)
