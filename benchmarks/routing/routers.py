"""Routers: each learns from some prompts, and says of others how much quality a saved dollar would cost."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from math import sqrt
from typing import Final

from benchmarks.routing.outcomes import Prompt
from benchmarks.routing.scores import linear
from benchmarks.routing.scores.weights import Weights, rounded, score_of

Score = Callable[[Prompt], float]
"""The expected loss of quality for each dollar saved by the weak model. Prompts with the lowest are routed first."""
Learn = Callable[[Sequence[Prompt]], Score]
_PRIOR_PROMPTS: Final = 20
"""A use case with fewer prompts is drawn towards the mean of all."""
_PROOF_PROMPTS_MIN: Final = 50
_PROOF_DEVIATIONS: Final = 2.0
"""A rise by chance is that large in about one of 40 use cases."""
UNKNOWN: Final = float("inf")
"""Of a use case that was not measured: it is never routed."""


def table(known: Sequence[Prompt]) -> Score:
    """A table from use case to measured gap."""
    gaps, savings = _means(known)
    return lambda prompt: _ratio(gaps.get(prompt.use_case), savings.get(prompt.use_case, 0.0))


def table_with_score(known: Sequence[Prompt]) -> Score:
    """The table, refined by the score of the text, which learns what the table leaves over."""
    return _refined(known, _means(known)[0].keys())


def table_with_proved_score(known: Sequence[Prompt]) -> Score:
    """The table, refined by the score only for use cases for which it has proved itself."""
    return _refined(known, proved_use_cases(known))


def proved_use_cases(known: Sequence[Prompt]) -> Set[str]:
    """Returns the use cases for which a score that was learned on one half of the prompts tells, on the other, where the gap is."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for side in (0, 1):
        seen = [one for one in known if _half(one) == side]
        gaps, _ = _means(seen)
        weights, worth = _learned(seen, gaps)
        for one in known:
            if _half(one) != side and one.use_case in gaps:
                found[one.use_case].append((worth * score_of(weights, one.buckets), one.gap))
    return {use_case for use_case, pairs in found.items() if rises(pairs)}


def score_alone(known: Sequence[Prompt]) -> Score:
    """The score of the text without a table, as for a use case that was never seen."""
    mean = sum(prompt.gap for prompt in known) / len(known)
    saved = sum(prompt.saved_usd for prompt in known) / len(known)
    weights, worth = rounded(linear.learn([(prompt.buckets, prompt.gap - mean) for prompt in known]))
    return lambda prompt: _ratio(mean + worth * score_of(weights, prompt.buckets), saved)


def oracle(_known: Sequence[Prompt]) -> Score:
    """What a router could do at best, if it knew the outcomes."""
    return lambda prompt: _ratio(prompt.gap, prompt.saved_usd)


def _refined(known: Sequence[Prompt], proved: Set[str]) -> Score:
    gaps, savings = _means(known)
    weights, worth = _learned(known, gaps)

    def score(prompt: Prompt) -> float:
        gap = gaps.get(prompt.use_case)
        if gap is None:
            return UNKNOWN
        refined = gap + worth * score_of(weights, prompt.buckets) if prompt.use_case in proved else gap
        return _ratio(refined, savings[prompt.use_case])

    return score


def _learned(known: Sequence[Prompt], gaps: Mapping[str, float]) -> tuple[Weights, float]:
    return rounded(linear.learn([(prompt.buckets, prompt.gap - gaps[prompt.use_case]) for prompt in known]))


def _half(prompt: Prompt) -> int:
    """Other halves and folds than those of the evaluation."""
    return prompt.number >> 16 & 1


def rises(pairs: Sequence[tuple[float, float]]) -> bool:
    """Returns whether the second values rise with the first ones, and not by chance."""
    count = len(pairs)
    if count < _PROOF_PROMPTS_MIN:
        return False
    mean, mean_gap = sum(one for one, _ in pairs) / count, sum(gap for _, gap in pairs) / count
    spread = sum((one - mean) ** 2 for one, _ in pairs)
    if spread == 0:
        return False
    slope = sum((one - mean) * (gap - mean_gap) for one, gap in pairs) / spread
    rest = sum((gap - mean_gap - slope * (one - mean)) ** 2 for one, gap in pairs) / (count - 2)
    return slope > _PROOF_DEVIATIONS * sqrt(rest / spread)


def mean_gaps(known: Sequence[Prompt]) -> Mapping[str, float]:
    """Returns the mean gap of each use case."""
    return _means(known)[0]


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
