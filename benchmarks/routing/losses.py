"""The measured losses to state in a virtual model: of whole use cases, and of calls with a low score where it has proved itself."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from benchmarks.routing.outcomes import Prompt
from benchmarks.routing.routers import rises
from benchmarks.routing.scores.weights import ScoreFile, score_of

_PROMPTS_MIN: Final = 50
"""Of a use case. Fewer say too little about it."""

Scored = tuple[int, Prompt]


def stated_losses(prompts: Sequence[Prompt], weak: str, file: ScoreFile, allowed_percent: float) -> Iterable[str]:
    """Yields the options `--loss` of a virtual model, by the prompts that weights are not learned from.

    A limit of a score is the highest with which each half of the prompts loses no more than allowed. It is stated if the whole use
    case would lose more, and if the gap rises with the score, in both halves and not by chance.

    Args:
        prompts: with the outcomes of both models.
        weak: the name of the light model.
        file: the weights of the module.
        allowed_percent: how much quality may be lost.
    """
    by_use_case: dict[str, list[Prompt]] = defaultdict(list)
    for one in prompts:
        if not one.is_learned:
            by_use_case[one.use_case].append(one)
    for use_case, found in sorted(by_use_case.items()):
        if len(found) < _PROMPTS_MIN:
            continue
        loss = _loss(found, found)
        yield f"{use_case}:{weak}:{loss:.2f}"
        if loss > allowed_percent:
            for number, weights in enumerate(file.weights, 1):
                scored = [(score_of(weights, one.buckets), one) for one in found]
                limit = _limit(scored, allowed_percent)
                if limit is not None:
                    covered = _loss([one for score, one in scored if score <= limit], found)
                    yield f"{use_case}:{weak}:{covered:.2f}:score-{number}<={limit}@{file.version}"


def _loss(routed: Iterable[Prompt], everything: Iterable[Prompt]) -> float:
    quality = sum(one.strong_score for one in everything)
    return 100 * sum(one.gap for one in routed) / quality if quality else 0.0


def _limit(scored: Sequence[Scored], allowed_percent: float) -> int | None:
    halves = [[one for one in scored if one[1].number >> 16 & 1 == side] for side in (0, 1)]
    if not all(rises([(score, one.gap) for score, one in half]) for half in halves):
        return None
    limits = [_highest(half, allowed_percent) for half in halves]
    return None if None in limits else min(limit for limit in limits if limit is not None)


def _highest(scored: Sequence[Scored], allowed_percent: float) -> int | None:
    """Returns the highest score up to which the loss stays allowed."""
    allowed = allowed_percent / 100 * sum(one.strong_score for _, one in scored)
    lost, best = 0.0, None
    for score, group in groupby(sorted(scored, key=lambda one: one[0]), key=lambda one: one[0]):
        lost += sum(one.gap for _, one in group)
        if lost <= allowed:
            best = score
    return best
