"""What a router saves at a given loss of quality: thresholds are set on one half of the prompts and applied to the other."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.routing.outcomes import Prompt
from benchmarks.routing.routers import Score

_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Saving:
    """Shares of the whole, in percent."""

    saved: float
    """Of the cost of the strong model."""
    lost: float
    """Of its quality. Negative: the routed answers were better."""


def saving(
    halves: tuple[Sequence[Prompt], Sequence[Prompt]],
    learn: Callable[[Sequence[Prompt]], Score],
    allowed_percent: float,
) -> Saving:
    """Returns the mean of both directions: learn and set the threshold on one half, and route the other."""
    found = []
    for known, others in (halves, halves[::-1]):
        threshold = _threshold(known, learn, allowed_percent)
        score = learn(known)
        found.append(_routed(others, [prompt for prompt in others if score(prompt) <= threshold]))
    return Saving(sum(one.saved for one in found) / len(found), sum(one.lost for one in found) / len(found))


def random_saving(prompts: Sequence[Prompt], allowed_percent: float) -> Saving:
    """Returns what a coin saves that sends as many prompts to the weak model as the allowed loss permits."""
    everything = _routed(prompts, prompts)
    share = 1.0 if everything.lost <= allowed_percent else allowed_percent / everything.lost
    return Saving(everything.saved * share, everything.lost * share)


def _threshold(known: Sequence[Prompt], learn: Callable[[Sequence[Prompt]], Score], allowed_percent: float) -> float:
    """Returns the highest score that stays within the allowed loss, if a router that saw one part of the half routes the other."""
    shuffled = random.Random(_SEED).sample(known, len(known))  # noqa: S311 - no secret
    parts = (shuffled[::2], shuffled[1::2])
    scored: list[tuple[float, Prompt]] = []
    for seen, unseen in (parts, parts[::-1]):
        score = learn(seen)
        scored += [(score(prompt), prompt) for prompt in unseen]
    scored.sort(key=lambda one: one[0])
    quality = sum(prompt.strong_score for prompt in known)
    lost, best = 0.0, float("-inf")
    for index, (value, prompt) in enumerate(scored):
        lost += prompt.gap
        is_last_of_value = index + 1 == len(scored) or scored[index + 1][0] > value
        if is_last_of_value and 100 * lost <= allowed_percent * quality and value != float("inf"):
            best = value
    return best


def _routed(prompts: Sequence[Prompt], to_weak: Sequence[Prompt]) -> Saving:
    cost, quality = sum(one.strong_usd for one in prompts), sum(one.strong_score for one in prompts)
    return Saving(100 * sum(one.saved_usd for one in to_weak) / cost, 100 * sum(one.gap for one in to_weak) / quality)
