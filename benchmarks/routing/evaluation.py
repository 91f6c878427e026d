"""What a router saves at a given loss of quality: thresholds are set on one half of the prompts and applied to the other."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from benchmarks.routing.outcomes import Prompt
from benchmarks.routing.routers import UNKNOWN, Learn, Score

ALLOWED_PERCENTS: Final = (1.0, 2.0, 5.0)
_FOLDS: Final = 5
_RESAMPLES: Final = 400
_BLOCKS: Final = 200
"""Resamples draw blocks of prompts, which costs less than drawing prompts and says the same."""
_CURVE_POINTS: Final = 60


@dataclass(frozen=True, slots=True)
class Saving:
    """Shares of the whole, in percent, with the interval in which 95 of 100 resamples are."""

    saved: float
    """Of the cost of the strong model."""
    lost: float
    """Of its quality. Negative: the routed answers were better."""
    saved_interval: tuple[float, float]
    lost_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a router does."""

    savings: tuple[Saving, ...]
    """At each allowed loss."""
    curve: tuple[tuple[float, float], ...]
    """Lost and saved, as more and more prompts go to the weak model."""


Scored = Sequence[tuple[float, Prompt]]
Folds = Callable[[Prompt], int]


def by_prompt(prompt: Prompt) -> int:
    """Puts prompts into folds at random."""
    return prompt.number // 2 % _FOLDS


def by_use_case(prompts: Sequence[Prompt]) -> Folds:
    """Puts all prompts of a use case into the same fold, so that a router never saw the use case that it routes."""
    number = {use_case: index for index, use_case in enumerate(sorted({one.use_case for one in prompts}))}
    return lambda prompt: number[prompt.use_case] % _FOLDS


def evaluate(prompts: Sequence[Prompt], learn: Learn, unseen: Folds | None = None) -> Evaluated:
    """Returns what a router does on prompts that it has not seen, as the mean of both directions between the halves.

    Args:
        prompts: those that both models answered.
        learn: the router.
        unseen: if given, a prompt is also scored only by what was learned without any prompt of its fold.
    """
    halves = [[one for one in prompts if one.number % 2 == side] for side in (0, 1)]
    routed: list[list[tuple[Prompt, bool]]] = [[] for _ in ALLOWED_PERCENTS]
    scored: list[tuple[float, Prompt]] = []
    for known, others in (halves, halves[::-1]):
        calibration = _across_folds(known, known, learn, unseen or by_prompt)
        score = learn(known) if unseen is None else None
        found = [(score(one), one) for one in others] if score else _across_folds(known, others, learn, unseen)
        scored += found
        for allowed, decided in zip(ALLOWED_PERCENTS, routed, strict=True):
            threshold = _threshold(calibration, allowed)
            decided += [(one, value <= threshold) for value, one in found]
    return Evaluated(tuple(saving_of(decided) for decided in routed), _curve(scored))


def coin(prompts: Sequence[Prompt]) -> Evaluated:
    """Returns what a coin does that sends as many prompts to the weak model as the allowed loss permits."""
    everything = _sums(prompts)
    lost, saved = _percent(everything)
    savings = []
    for allowed in ALLOWED_PERCENTS:
        share = 1.0 if lost <= allowed else allowed / lost
        savings.append(Saving(saved * share, lost * share, (saved * share,) * 2, (lost * share,) * 2))
    return Evaluated(tuple(savings), ((0.0, 0.0), (lost, saved)))


def _across_folds(known: Sequence[Prompt], others: Sequence[Prompt], learn: Learn, fold: Folds | None) -> Scored:
    """Scores each prompt by what was learned without the known prompts of its fold."""
    if fold is None:
        raise ValueError("no folds")
    scored: list[tuple[float, Prompt]] = []
    for number in range(_FOLDS):
        mine = [one for one in others if fold(one) == number]
        seen = [one for one in known if fold(one) != number]
        if mine:
            score: Score = learn(seen) if seen else lambda _: UNKNOWN
            scored += [(score(one), one) for one in mine]
    return scored


def _threshold(scored: Scored, allowed_percent: float) -> float:
    """Returns the highest score up to which the loss stays allowed. Prompts with equal scores go together."""
    ordered = sorted(scored, key=lambda one: one[0])
    quality = sum(prompt.strong_score for _, prompt in ordered)
    lost, best = 0.0, float("-inf")
    for (value, prompt), (following, _) in pairwise([*ordered, (UNKNOWN, ordered[-1][1])]):
        lost += prompt.gap
        if following > value and 100 * lost <= allowed_percent * quality:
            best = value
    return best


Sums = tuple[float, float, float, float]
"""Saved, lost, cost and quality."""


def _sums(prompts: Sequence[Prompt]) -> Sums:
    return (
        sum(one.saved_usd for one in prompts),
        sum(one.gap for one in prompts),
        sum(one.strong_usd for one in prompts),
        sum(one.strong_score for one in prompts),
    )


def _percent(sums: Sums) -> tuple[float, float]:
    """Returns lost and saved, in percent."""
    saved, lost, cost, quality = sums
    return (100 * lost / quality if quality else 0.0), (100 * saved / cost if cost else 0.0)


def saving_of(decided: Sequence[tuple[Prompt, bool]]) -> Saving:
    """Returns what it saves and loses to send some prompts to the weak model and the others to the strong one."""
    blocks: list[list[float]] = [[0.0] * 4 for _ in range(_BLOCKS)]
    for index, (prompt, is_weak) in enumerate(decided):
        block = blocks[index % _BLOCKS]
        block[0] += prompt.saved_usd if is_weak else 0.0
        block[1] += prompt.gap if is_weak else 0.0
        block[2] += prompt.strong_usd
        block[3] += prompt.strong_score
    lost, saved = _percent(_total(blocks))
    drawn = random.Random(1)  # noqa: S311 - no secret
    resampled = [_percent(_total(drawn.choices(blocks, k=_BLOCKS))) for _ in range(_RESAMPLES)]
    lost_values, saved_values = sorted(one[0] for one in resampled), sorted(one[1] for one in resampled)
    return Saving(saved, lost, _middle(saved_values), _middle(lost_values))


def _total(blocks: Sequence[Sequence[float]]) -> Sums:
    saved, lost, cost, quality = map(sum, zip(*blocks, strict=True))
    return saved, lost, cost, quality


def _middle(values: Sequence[float]) -> tuple[float, float]:
    cut = len(values) // 40
    return values[cut], values[-1 - cut]


def _curve(scored: Scored) -> tuple[tuple[float, float], ...]:
    ordered = sorted(scored, key=lambda one: one[0])
    everything = _sums([prompt for _, prompt in ordered])
    saved = lost = 0.0
    points = [(0.0, 0.0)]
    every = max(1, len(ordered) // _CURVE_POINTS)
    for index, (_, prompt) in enumerate(ordered, 1):
        saved += prompt.saved_usd
        lost += prompt.gap
        if index % every == 0 or index == len(ordered):
            points.append(_percent((saved, lost, *everything[2:])))
    return tuple(points)
