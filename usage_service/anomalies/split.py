"""Splits the excess of an anomaly into volume, size and price, by member, key and model. Pure and exact.

Each key is compared with what it did on the days that the anomaly was compared with, scaled so that all keys together have the
expected amount:

- Volume: more calls than expected, at the expected cost of a call.
- Size: more tokens in a call, at the expected price of a token.
- Price: the rest, which is a higher price of a token. Prices themselves seldom change, so it is mostly the mix of models.

A key that had no calls on those days is compared with the average of all keys. All parts are whole nano-credits, and every list of
them adds up to the excess.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

MOST_PARTS: Final = 20
"""Of members, keys or models, the largest ones. The rest is one part more."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was used."""

    calls: int = 0
    tokens: int = 0
    charge: int = 0
    """In nano-credits."""

    def __add__(self, other: "Use") -> "Use":
        return Use(self.calls + other.calls, self.tokens + other.tokens, self.charge + other.charge)

    def __sub__(self, other: "Use") -> "Use":
        return Use(self.calls - other.calls, self.tokens - other.tokens, self.charge - other.charge)


NOTHING: Final = Use()


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and its owner. Both are empty for all keys that were idle in the bucket."""

    member: str
    api_key: str


IDLE_KEYS: Final = Key("", "")
Uses = Mapping[Key, Mapping[str, Use]]
"""Uses by key and model."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of an excess, in nano-credits."""

    volume: int = 0
    size: int = 0
    price: int = 0

    @property
    def excess(self) -> int:
        """All of it."""
        return self.volume + self.size + self.price

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(self.volume + other.volume, self.size + other.size, self.price + other.price)


@dataclass(frozen=True, slots=True)
class Split:
    """The excess of an anomaly. Each list adds up to the total. "" stands for everything beyond the largest."""

    total: Parts
    members: Mapping[str, Parts]
    keys: Mapping[str, Parts]
    models: Mapping[str, Parts]


def split(actual: Uses, reference: Uses, expected: int) -> Split:
    """Splits the excess over an expected amount.

    Args:
        actual: what was used in the bucket.
        reference: what was used in the buckets that it was compared with, together.
        expected: the expected charge, in nano-credits.

    Raises:
        ValueError: the reference has no charge.
    """
    average = _sum(use for by_model in reference.values() for use in by_model.values())
    if average.charge <= 0:
        raise ValueError("the reference has no charge")
    models_of_average: dict[str, Use] = defaultdict(Use)
    for by_model in reference.values():
        for model, use in by_model.items():
            models_of_average[model] += use
    charges = _apportioned(reference, expected, average.charge)
    scale = Fraction(expected, average.charge)
    cells: dict[tuple[Key, str], Parts] = {}
    for key in actual.keys() | reference.keys():
        known = reference.get(key, {})
        basis = _sum(known.values())
        is_known = basis.calls > 0 and basis.charge > 0
        parts = _of_key(_sum(actual.get(key, {}).values()), basis if is_known else average, basis.calls * scale)
        shares = known if is_known else models_of_average
        whole = basis.charge if is_known else average.charge
        for model in actual.get(key, {}).keys() | known.keys() | shares.keys():
            excess = actual.get(key, {}).get(model, NOTHING).charge - charges.get((key, model), 0)
            share = Fraction(shares.get(model, NOTHING).charge, whole)
            volume, size = round(parts[0] * share), round(parts[1] * share)
            cells[key, model] = Parts(volume, size, excess - volume - size)
    return Split(
        sum(cells.values(), Parts()),
        _largest((key.member, parts) for (key, _), parts in cells.items()),
        _largest((key.api_key, parts) for (key, _), parts in cells.items()),
        _largest((model, parts) for (_, model), parts in cells.items()),
    )


def _of_key(actual: Use, basis: Use, expected_calls: Fraction) -> tuple[Fraction, Fraction]:
    """Returns the volume and the size of a key's excess, by the cost of a call and the price of a token in the basis."""
    cost_of_call = Fraction(basis.charge, basis.calls) if basis.calls else Fraction(0)
    volume = (actual.calls - expected_calls) * cost_of_call
    if basis.tokens <= 0 or basis.calls <= 0:
        return volume, Fraction(0)
    more_tokens = actual.tokens - actual.calls * Fraction(basis.tokens, basis.calls)
    return volume, more_tokens * Fraction(basis.charge, basis.tokens)


def _apportioned(reference: Uses, expected: int, whole: int) -> Mapping[tuple[Key, str], int]:
    """Divides the expected amount among keys and models by their charges, in whole nano-credits and without a rest."""
    divided: dict[tuple[Key, str], int] = {}
    before, passed = 0, 0
    for key in sorted(reference, key=lambda one: (one.member, one.api_key)):
        for model, use in sorted(reference[key].items()):
            passed += use.charge
            until = expected * passed // whole
            divided[key, model] = until - before
            before = until
    return divided


def _largest(parts: Iterable[tuple[str, Parts]]) -> Mapping[str, Parts]:
    sums: dict[str, Parts] = defaultdict(Parts)
    for name, one in parts:
        sums[name] += one
    rest = sums.pop("", Parts())
    ordered = sorted(sums, key=lambda name: (-abs(sums[name].excess), name))
    for name in ordered[MOST_PARTS:]:
        rest += sums[name]
    found = {name: sums[name] for name in ordered[:MOST_PARTS] if sums[name] != Parts()}
    return found if rest == Parts() else {**found, "": rest}


def _sum(uses: Iterable[Use]) -> Use:
    return sum(uses, NOTHING)
