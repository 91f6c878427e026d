"""Routers: each learns from some prompts, and says of others how much quality a saved dollar would cost."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.routing import linear
from benchmarks.routing.outcomes import Prompt

Score = Callable[[Prompt], float]
"""The expected loss of quality for each dollar saved by the weak model. Prompts with the lowest are routed first."""
Learn = Callable[[Sequence[Prompt]], Score]
_PRIOR_PROMPTS: Final = 20
"""A use case with fewer prompts is drawn towards the mean of all."""
UNKNOWN: Final = float("inf")
"""Of a use case that was not measured: it is never routed."""


def table(known: Sequence[Prompt]) -> Score:
    """A table from use case to measured gap."""
    gaps, savings = _means(known)
    return lambda prompt: _ratio(gaps.get(prompt.use_case), savings.get(prompt.use_case, 0.0))


def table_with_words(known: Sequence[Prompt]) -> Score:
    """The table, refined by a linear score of the text's words, which learns what the table leaves over."""
    gaps, savings = _means(known)
    weights = linear.learn([(prompt.buckets, prompt.gap - gaps[prompt.use_case]) for prompt in known])

    def score(prompt: Prompt) -> float:
        gap = gaps.get(prompt.use_case)
        return UNKNOWN if gap is None else _ratio(gap + linear.score(weights, prompt.buckets), savings[prompt.use_case])

    return score


def words_alone(known: Sequence[Prompt]) -> Score:
    """The score of the words without a table, as for a use case that was never seen."""
    mean = sum(prompt.gap for prompt in known) / len(known)
    saved = sum(prompt.saved_usd for prompt in known) / len(known)
    weights = linear.learn([(prompt.buckets, prompt.gap - mean) for prompt in known])
    return lambda prompt: _ratio(mean + linear.score(weights, prompt.buckets), saved)


def oracle(_known: Sequence[Prompt]) -> Score:
    """What a router could do at best, if it knew the outcomes."""
    return lambda prompt: _ratio(prompt.gap, prompt.saved_usd)


def _means(known: Sequence[Prompt]) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Returns the mean gap and the mean saving of each use case."""
    by_use_case: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in known:
        by_use_case[prompt.use_case].append(prompt)
    mean = sum(prompt.gap for prompt in known) / len(known)
    gaps = {
        use_case: (sum(one.gap for one in prompts) + mean * _PRIOR_PROMPTS) / (len(prompts) + _PRIOR_PROMPTS)
        for use_case, prompts in by_use_case.items()
    }
    savings = {
        use_case: sum(one.saved_usd for one in prompts) / len(prompts) for use_case, prompts in by_use_case.items()
    }
    return gaps, savings


def _ratio(gap: float | None, saved_usd: float) -> float:
    return UNKNOWN if gap is None or saved_usd <= 0 else gap / saved_usd
