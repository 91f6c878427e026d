"""A linear score of a text: a weight for each hashed word and pair of words, learned by AdaGrad."""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zlib import crc32

_BUCKETS: Final = 1 << 16
_WORD: Final = re.compile(r"\w+|[^\w\s]")
_MOST_CHARACTERS: Final = 2_000
"""The begin of a text. What comes later is mostly material to work on."""
_EPOCHS: Final = 3
_RATE: Final = 0.05
_DECAY: Final = 1e-4


@dataclass(slots=True)
class LinearText:
    """The weights."""

    weights: list[float] = field(default_factory=lambda: [0.0] * _BUCKETS)

    @classmethod
    def learn(cls, examples: Sequence[tuple[str, float]], seed: int = 1) -> "LinearText":
        """Learns to predict a value from a text. The order of the examples depends on the seed alone."""
        made = cls()
        squares = [1e-6] * _BUCKETS
        order = list(range(len(examples)))
        shuffled = random.Random(seed)  # noqa: S311 - no secret
        for _ in range(_EPOCHS):
            shuffled.shuffle(order)
            for number in order:
                text, value = examples[number]
                made._step(features(text), value, squares)
        return made

    def of(self, text: str) -> float:
        """Returns the predicted value of a text."""
        found = features(text)
        return sum(self.weights[one] for one in found) * _scale(found)

    def _step(self, found: tuple[int, ...], value: float, squares: list[float]) -> None:
        weights, scale = self.weights, _scale(found)
        error = sum(weights[one] for one in found) * scale - value
        for one in found:
            gradient = error * scale + _DECAY * weights[one]
            squares[one] += gradient * gradient
            weights[one] -= _RATE * gradient / squares[one] ** 0.5


def _scale(found: tuple[int, ...]) -> float:
    """Longer texts have more words; each then says less."""
    return 1 / math.sqrt(max(1, len(found)))


@lru_cache(maxsize=65_536)
def features(text: str) -> tuple[int, ...]:
    """Returns the buckets of a text's words and pairs of words, each once."""
    words = [word.lower() for word in _WORD.findall(text[:_MOST_CHARACTERS])]
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return tuple(sorted({crc32(one.encode()) % _BUCKETS for one in (*words, *pairs)}))
