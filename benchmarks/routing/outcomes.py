"""Prompts with what each model made of them."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TextIO

from benchmarks.routing.scores.words import buckets_of


class OutcomesError(Exception):
    """The file cannot be read. The message names the line and says what is wrong."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A light and a top model, with their prices in USD per million tokens of input and output."""

    weak: str
    strong: str
    weak_usd: tuple[float, float]
    strong_usd: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, as a pair of models answered it."""

    use_case: str
    buckets: tuple[int, ...]
    """Of its words."""
    number: int
    """Random, but the same in each run: it divides prompts into halves and folds."""
    weak_score: float
    strong_score: float
    weak_usd: float
    strong_usd: float

    @property
    def is_learned(self) -> bool:
        """Whether `tools.routing_scores` learns from it. What the weights are worth is measured on the others."""
        return self.number % 2 == 0

    @property
    def gap(self) -> float:
        """How much worse the weak answer is."""
        return self.strong_score - self.weak_score

    @property
    def saved_usd(self) -> float:
        """What the weak model costs less."""
        return self.strong_usd - self.weak_usd


def read_prompts(path: Path, pairs: Sequence[Pair]) -> Sequence[Sequence[Prompt]]:
    """Returns for each pair the prompts that both models answered.

    The file has a JSON object on each line, and may be compressed with gzip: `group` (the use case), `id`, `prompt`, `outcomes`
    as `{model: [score from 0 to 1, input tokens, output tokens]}`, and optionally `dataset`.

    Raises:
        OutcomesError: the file cannot be read, or has no prompt that both models of a pair answered.
    """
    found: list[list[Prompt]] = [[] for _ in pairs]
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                _add(line, number, pairs, found)
    except (OSError, UnicodeDecodeError) as error:
        raise OutcomesError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    for pair, prompts in zip(pairs, found, strict=True):
        if len(prompts) < _PROMPTS_MIN:
            raise OutcomesError(
                f"{path}: {len(prompts)} prompts have outcomes of both {pair.weak} and {pair.strong}, not {_PROMPTS_MIN}"
            )
    return found


_PROMPTS_MIN = 20


def _opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _add(line: str, number: int, pairs: Sequence[Pair], found: Sequence[list[Prompt]]) -> None:
    try:
        stored = json.loads(line)
        outcomes = stored["outcomes"]
        use_case = f"{stored.get('dataset', '')} {stored['group']}".strip()
        name = f"{stored.get('dataset', '')} {stored['id']}"
        buckets: tuple[int, ...] | None = None
        for pair, prompts in zip(pairs, found, strict=True):
            if pair.weak not in outcomes or pair.strong not in outcomes:
                continue
            buckets = buckets_of(stored["prompt"]) if buckets is None else buckets
            weak, strong = outcomes[pair.weak], outcomes[pair.strong]
            prompts.append(
                Prompt(
                    use_case=use_case,
                    buckets=buckets,
                    number=int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big"),
                    weak_score=_score(weak),
                    strong_score=_score(strong),
                    weak_usd=_usd(weak, pair.weak_usd),
                    strong_usd=_usd(strong, pair.strong_usd),
                )
            )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise OutcomesError(f"line {number} is no prompt with outcomes: {type(error).__name__}: {error}") from error


def _score(outcome: Sequence[float]) -> float:
    score = float(outcome[0])
    if not 0 <= score <= 1:
        raise ValueError(f"the score {score:g} is not between 0 and 1")
    return score


def _usd(outcome: Sequence[float], usd_per_million: tuple[float, float]) -> float:
    _, input_tokens, output_tokens = outcome
    if input_tokens < 0 or output_tokens < 0:
        raise ValueError("a number of tokens is negative")
    return (input_tokens * usd_per_million[0] + output_tokens * usd_per_million[1]) / 1_000_000
