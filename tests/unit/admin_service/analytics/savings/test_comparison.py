"""What a comparison of conversations says, and how sure it is."""

import math
import random
from collections.abc import Sequence

from admin_service.analytics.savings.comparison import Sessions, estimate, output_ratio


def sessions(costs: Sequence[float]) -> Sessions:
    mean = sum(costs) / len(costs)
    variance = sum((cost - mean) ** 2 for cost in costs) / (len(costs) - 1)
    return Sessions(len(costs), mean, variance, len(costs), 10 * len(costs))


def drawn(chance: random.Random, count: int, scale: float = 1.0) -> Sessions:
    """Returns conversations whose costs differ as those of agents do: a few cost a hundred times the median."""
    return sessions([scale * math.exp(chance.gauss(0, 1.2)) for _ in range(count)])


def test_the_interval_contains_the_true_saving_as_often_as_it_says() -> None:
    chance = random.Random(1)
    found = [estimate(drawn(chance, 2_000, 0.6), drawn(chance, 300)) for _ in range(300)]
    hits = sum(one is not None and one.low <= 0.4 <= one.high for one in found)
    assert 0.89 < hits / len(found) <= 1


def test_more_conversations_make_the_interval_narrower() -> None:
    chance = random.Random(2)
    few, many = (estimate(drawn(chance, 20 * count, 0.6), drawn(chance, count)) for count in (50, 5_000))
    assert few is not None
    assert many is not None
    assert many.high - many.low < (few.high - few.low) / 3
    assert many.low < many.saved < many.high < 1


def test_a_saving_may_be_negative() -> None:
    found = estimate(sessions([3.0, 3.0]), sessions([2.0, 2.0]))
    assert found is not None
    assert (found.saved, found.low, found.high) == (-0.5, -0.5, -0.5)


def test_too_few_conversations_say_nothing() -> None:
    enough = sessions([1.0, 2.0])
    for routed, held_out in (
        (enough, Sessions()),
        (Sessions(), enough),
        (enough, Sessions(1, 1.0)),
        (enough, Sessions(2)),
    ):
        assert estimate(routed, held_out) is None


def test_the_length_of_answers_is_compared_by_call() -> None:
    assert output_ratio(Sessions(call_count=10, output_tokens=300), Sessions(call_count=2, output_tokens=40)) == 1.5
    assert output_ratio(Sessions(call_count=10, output_tokens=300), Sessions()) is None
