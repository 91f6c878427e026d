"""The losses that an admin may state are those that were measured, with a limit only where the score has proved itself."""

import random
from dataclasses import replace

from benchmarks.routing.losses import stated_losses
from benchmarks.routing.outcomes import Prompt
from benchmarks.routing.scores.weights import ScoreFile
from benchmarks.routing.scores.words import BUCKETS, buckets_of

EASY, HARD = buckets_of("hello"), buckets_of("theorem")
WEIGHTS = [0] * BUCKETS
WEIGHTS[EASY[0]], WEIGHTS[HARD[0]] = -2, 3
FILE = ScoreFile((WEIGHTS,))


def prompts(use_case: str, hard_weak: float, count: int = 100) -> list[Prompt]:
    return [
        Prompt(use_case, buckets, number << 16 | 1, weak, 1.0, 1.0, 10.0)
        for number in range(count)
        for buckets, weak in ((EASY, 1.0), (HARD, hard_weak))
    ]


def test_a_limit_is_stated_where_the_score_tells_where_the_gap_is() -> None:
    found = list(stated_losses([*prompts("proofs", 0.0), *prompts("few", 0.0, 20)], "light", FILE, 1.0))
    assert found == ["proofs:light:50.00", f"proofs:light:0.00:score-1<=-32@{FILE.version}"]


def test_prompts_from_which_weights_are_learned_say_nothing() -> None:
    """Seen to fail without the other half: limits were stated that only show what was memorized."""
    learned = [replace(one, number=one.number - 1) for one in prompts("proofs", 0.0)]
    assert list(stated_losses(learned, "light", FILE, 1.0)) == []


def test_no_limit_is_stated_where_the_whole_use_case_is_good_enough_or_the_score_says_nothing() -> None:
    assert list(stated_losses(prompts("talk", 1.0), "light", FILE, 1.0)) == ["talk:light:0.00"]
    drawn = random.Random(1)
    noise = [
        Prompt("noise", drawn.choice((EASY, HARD)), number << 16 | 1, float(drawn.random() < 0.9), 1.0, 1.0, 10.0)
        for number in range(400)
    ]
    assert len(list(stated_losses(noise, "light", FILE, 1.0))) == 1
