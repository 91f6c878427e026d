"""A linear score of a text: a weight for each bucket of words, learned by ridge regression."""

import random
from collections.abc import Sequence
from typing import Final

from benchmarks.routing.scores.words import BUCKETS

_RIDGE: Final = 9.0
"""How strongly weights are drawn towards zero. A text has length 1, so each prompt alone moves its own score by a tenth."""
_PASSES: Final = 4

Weights = Sequence[float]
Example = tuple[tuple[int, ...], float]
"""The buckets of a text, and the value to predict."""


def learn(examples: Sequence[Example], seed: int = 1) -> Weights:
    """Returns the weights that predict the values from the buckets. The order of the examples depends on the seed alone.

    Each step solves the problem exactly for one example (dual coordinate ascent), so there is no rate to choose.
    """
    weights = [0.0] * BUCKETS
    shares = [0.0] * len(examples)
    order = list(range(len(examples)))
    shuffled = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(_PASSES):
        shuffled.shuffle(order)
        for number in order:
            buckets, value = examples[number]
            step = (value - score(weights, buckets) - _RIDGE * shares[number]) / (1 + _RIDGE)
            shares[number] += step
            change = step * _scale(buckets)
            for bucket in buckets:
                weights[bucket] += change
    return weights


def score(weights: Weights, buckets: tuple[int, ...]) -> float:
    """Returns the predicted value of a text."""
    return sum(map(weights.__getitem__, buckets)) * _scale(buckets)


def _scale(buckets: tuple[int, ...]) -> float:
    """Longer texts have more words; each then says less."""
    return float(max(1, len(buckets)) ** -0.5)
