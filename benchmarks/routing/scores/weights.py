"""The weights of scores as small integers, the file in which Envoy's module finds them, and the score of a text.

This is the reference: `envoy/module/scores.zig` computes the same numbers, and a test compares both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Final

from benchmarks.routing.scores.words import BUCKETS, buckets_of

WEIGHTS_FILE: Final = Path(__file__).resolve().parents[3] / "envoy/module/scores.bin"
SCORES_MAX: Final = 4
UNIT: Final = 16
"""A score is this times the sum of the weights, divided by the root of the number of buckets, rounded down."""
_MOST: Final = 127
_MAGIC: Final = b"mrscores"
_VERSION_BYTES: Final = 6
"""So that the version is exact as a double, too."""
_HEAD_BYTES: Final = 24

Weights = Sequence[int]
"""One for each bucket, from -127 to 127."""


class WeightsError(Exception):
    """The file has no weights."""


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """The weights of up to four scores."""

    weights: tuple[Weights, ...]

    @property
    def version(self) -> int:
        """A hash of the weights. What was measured with other weights says nothing about these."""
        return int.from_bytes(sha256(_interleaved(self.weights)).digest()[:_VERSION_BYTES], "big")

    def scores_of(self, text: str) -> tuple[int, ...]:
        """Returns the scores of a text."""
        buckets = buckets_of(text)
        return tuple(score_of(one, buckets) for one in self.weights)

    def encode(self) -> bytes:
        """Returns the content of the file: a name, the version, the number of scores, then the weights bucket by bucket."""
        head = _MAGIC + self.version.to_bytes(8, "little") + len(self.weights).to_bytes(8, "little")
        return head + _interleaved(self.weights)


def score_of(weights: Weights, buckets: tuple[int, ...]) -> int:
    """Returns the score of the text that falls into these buckets; 0 if it has no word."""
    if not buckets:
        return 0
    return math.floor(UNIT * sum(map(weights.__getitem__, buckets)) / math.sqrt(len(buckets)))


def rounded(weights: Sequence[float]) -> tuple[Weights, float]:
    """Returns weights as small integers, and how much of the predicted value one point of the score is."""
    unit = max(map(abs, weights)) / _MOST
    if unit == 0:
        return [0] * len(weights), 0.0
    return [round(weight / unit) for weight in weights], unit / UNIT


def read_score_file(path: Path) -> ScoreFile:
    """Returns the weights in a file.

    Raises:
        WeightsError: the file cannot be read, or is not what `ScoreFile.encode` writes.
    """
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    count = int.from_bytes(stored[16:_HEAD_BYTES], "little")
    if stored[:8] != _MAGIC or not 1 <= count <= SCORES_MAX or len(stored) != _HEAD_BYTES + count * BUCKETS:
        raise WeightsError(f"{path}: is no file of weights")
    values = [byte - 256 if byte > _MOST else byte for byte in stored[_HEAD_BYTES:]]
    found = ScoreFile(tuple(values[number::count] for number in range(count)))
    if found.encode() != stored:
        raise WeightsError(f"{path}: its weights are not those of its version")
    return found


def _interleaved(weights: Sequence[Weights]) -> bytes:
    return bytes(value & 0xFF for value in chain.from_iterable(zip(*weights, strict=True)))
