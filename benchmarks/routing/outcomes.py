"""Prompts with what each model made of them."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TextIO


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
    text: str
    is_in_first_half: bool
    weak_score: float
    strong_score: float
    weak_usd: float
    strong_usd: float

    @property
    def gap(self) -> float:
        """How much worse the weak answer is."""
        return self.strong_score - self.weak_score

    @property
    def saved_usd(self) -> float:
        """What the weak model costs less."""
        return self.strong_usd - self.weak_usd


def read_prompts(path: Path, pair: Pair) -> Sequence[Prompt]:
    """Returns the prompts that both models answered.

    The file has a JSON object on each line, and may be compressed with gzip: `dataset`, `group`, `id`, `prompt`, and `outcomes` as
    `{model: [score from 0 to 1, input tokens, output tokens]}`.

    Raises:
        OutcomesError: the file cannot be read, or has no prompt that both answered.
    """
    try:
        with _opened(path) as lines:
            prompts = [prompt for number, line in enumerate(lines, 1) if (prompt := _prompt(line, number, pair))]
    except OSError as error:
        raise OutcomesError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not prompts:
        raise OutcomesError(f"{path}: no prompt has outcomes of both {pair.weak} and {pair.strong}")
    return prompts


def _opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _prompt(line: str, number: int, pair: Pair) -> Prompt | None:
    try:
        stored = json.loads(line)
        outcomes, name = stored["outcomes"], f"{stored['dataset']} {stored['id']}"
        if pair.weak not in outcomes or pair.strong not in outcomes:
            return None
        weak, strong = outcomes[pair.weak], outcomes[pair.strong]
        return Prompt(
            use_case=f"{stored['dataset']} {stored['group']}",
            text=stored["prompt"],
            is_in_first_half=blake2b(name.encode(), digest_size=1).digest()[0] % 2 == 0,
            weak_score=float(weak[0]),
            strong_score=float(strong[0]),
            weak_usd=_usd(weak, pair.weak_usd),
            strong_usd=_usd(strong, pair.strong_usd),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise OutcomesError(f"line {number} is no prompt with outcomes: {type(error).__name__}: {error}") from error


def _usd(outcome: Sequence[float], usd_per_million: tuple[float, float]) -> float:
    _, input_tokens, output_tokens = outcome
    return (input_tokens * usd_per_million[0] + output_tokens * usd_per_million[1]) / 1_000_000
