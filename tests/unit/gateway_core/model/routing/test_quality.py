"""How much more often something goes wrong when routed, how sure that is, and when it is enough to act."""

import random

import pytest

from gateway_core.model.routing.quality import (
    RATED_BAD,
    TROUBLED,
    Share,
    difference,
    is_too_bad,
    lasting_difference,
    wilson,
)


@pytest.mark.parametrize(
    ("routed", "held_out", "low", "high"),
    [
        # Table II of Newcombe (1998), method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_is_that_of_the_paper(
    routed: tuple[int, int], held_out: tuple[int, int], low: float, high: float
) -> None:
    found = difference(Share(*routed), Share(*held_out))
    assert found is not None
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_without_conversations_of_both_arms_there_is_no_difference() -> None:
    assert difference(Share(1, 10), Share(0, 0)) is None
    assert difference(Share(0, 0), Share(1, 10)) is None


def test_a_share_of_nothing_or_everything_has_an_interval_too() -> None:
    assert list(wilson(Share(0, 10))) == pytest.approx([0.0, 0.2775], abs=1e-4)
    assert list(wilson(Share(10, 10))) == pytest.approx([0.7225, 1.0], abs=1e-4)


def looked_at_often(chance: random.Random, routed: float, held_out: float, conversations: int) -> bool:
    """Returns whether a use case is returned at any look, one after every 20 conversations, of which 3 of 10 are held out."""
    bad, count = [0, 0], [0, 0]
    for number in range(conversations):
        arm = chance.random() < 0.3
        count[arm] += 1
        bad[arm] += chance.random() < (held_out if arm else routed)
        if number % 20 == 0 and is_too_bad(Share(bad[0], count[0]), Share(bad[1], count[1]), TROUBLED, 100):
            return True
    return False


def test_a_use_case_that_loses_what_is_allowed_is_hardly_ever_returned_however_often_one_looks() -> None:
    chance = random.Random(7)
    assert sum(looked_at_often(chance, 0.11, 0.10, 4_000) for _ in range(150)) <= 3


def test_a_use_case_that_loses_much_is_returned() -> None:
    chance = random.Random(8)
    assert all(looked_at_often(chance, 0.25, 0.10, 2_000) for _ in range(20))


def test_an_interval_of_95_percent_would_return_many_that_lose_nothing() -> None:
    """Why the interval of the comparison is not the one that decides."""
    chance, returned = random.Random(9), 0
    for _ in range(60):
        bad, count, seen = [0, 0], [0, 0], False
        for number in range(3_000):
            arm = chance.random() < 0.3
            count[arm] += 1
            bad[arm] += chance.random() < 0.1
            found = difference(Share(bad[0], count[0]), Share(bad[1], count[1])) if number % 20 == 0 else None
            seen = seen or (found is not None and min(count) >= 100 and found.low > 0)
        returned += seen
    assert returned > 6


@pytest.mark.parametrize(("measure", "least"), [(RATED_BAD, 30), (TROUBLED, 100)])
def test_with_few_conversations_nothing_is_proven(measure: str, least: int) -> None:
    all_bad, none_bad = Share(least, least), Share(0, least)
    assert is_too_bad(all_bad, none_bad, measure, 100)
    assert not is_too_bad(Share(least - 1, least - 1), none_bad, measure, 100)
    assert not is_too_bad(all_bad, Share(0, least - 1), measure, 100)


def test_what_is_allowed_is_compared_with_the_lower_end() -> None:
    routed, held_out = Share(300, 1_000), Share(100, 1_000)
    low = lasting_difference(routed, held_out).low
    assert 0.1 < low < 0.2
    assert is_too_bad(routed, held_out, TROUBLED, int(low * 10_000))
    assert not is_too_bad(routed, held_out, TROUBLED, int(low * 10_000) + 1)
