"""The split of an excess: exact in every list, and true to what caused it."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_service.anomalies.split import IDLE_KEYS, MOST_PARTS, Key, Parts, Use, Uses, split

ANN, BEN = Key("ann", "key-ann"), Key("ben", "key-ben")
REFERENCE: Uses = {ANN: {"small": Use(100, 10_000, 1_000)}, BEN: {"small": Use(300, 30_000, 3_000)}}
"""A call has 100 tokens and costs 10."""


def test_more_calls_are_volume() -> None:
    found = split({ANN: {"small": Use(50, 5_000, 500)}, BEN: {"small": Use(300, 30_000, 3_000)}}, REFERENCE, 400)
    # A tenth of the reference is expected: 10 and 30 calls.
    assert found.total == Parts(volume=(40 + 270) * 10)
    assert found.members == {"ben": Parts(2_700), "ann": Parts(400)}
    assert found.keys == {"key-ben": Parts(2_700), "key-ann": Parts(400)}
    assert found.models == {"small": Parts(3_100)}


def test_longer_calls_are_size() -> None:
    found = split({ANN: {"small": Use(100, 50_000, 5_000)}, BEN: {"small": Use(300, 30_000, 3_000)}}, REFERENCE, 4_000)
    assert found.total == Parts(size=4_000)
    assert found.members == {"ann": Parts(size=4_000)}


def test_another_model_is_price() -> None:
    actual = {ANN: {"large": Use(100, 10_000, 9_000)}, BEN: {"small": Use(300, 30_000, 3_000)}}
    found = split(actual, REFERENCE, 4_000)
    assert found.total == Parts(price=8_000)
    assert found.members == {"ann": Parts(price=8_000)}
    assert found.models == {"large": Parts(price=9_000), "small": Parts(price=-1_000)}


def test_a_new_key_is_compared_with_the_average() -> None:
    found = split({Key("eve", "key-eve"): {"small": Use(1_000, 200_000, 20_000)}, **REFERENCE}, REFERENCE, 4_000)
    assert found.members == {"eve": Parts(volume=10_000, size=10_000)}


def test_idle_keys_take_something_off() -> None:
    found = split({ANN: {"small": Use(500, 50_000, 5_000)}}, {ANN: REFERENCE[ANN], IDLE_KEYS: REFERENCE[BEN]}, 4_000)
    assert found.keys == {"key-ann": Parts(4_000), "": Parts(-3_000)}
    assert found.total.excess == 1_000


def test_calls_without_tokens_have_no_size() -> None:
    found = split({ANN: {"picture": Use(5, 0, 500)}}, {ANN: {"picture": Use(10, 0, 1_000)}}, 100)
    assert found.total == Parts(volume=400)


def test_only_the_largest_parts_are_listed() -> None:
    actual = {Key(f"m{number}", f"k{number}"): {"small": Use(1, 100, 10 + number)} for number in range(100)}
    found = split(actual, REFERENCE, 0)
    assert len(found.members) == MOST_PARTS + 1
    assert sum(part.excess for part in found.members.values()) == found.total.excess == sum(range(10, 110))
    assert "m99" in found.members
    assert "m5" not in found.members


def test_without_a_reference_there_is_nothing_to_split_by() -> None:
    with pytest.raises(ValueError, match="no charge"):
        split({ANN: {"small": Use(1, 1, 1)}}, {ANN: {"small": Use(3, 3, 0)}}, 0)


USE = st.builds(Use, st.integers(0, 10**5), st.integers(0, 10**9), st.integers(0, 10**15))
KEYS = st.sampled_from([Key(f"m{number // 2}", f"k{number}") for number in range(6)] + [IDLE_KEYS])
USES = st.dictionaries(KEYS, st.dictionaries(st.sampled_from(["a", "b/c", "d"]), USE, min_size=1), max_size=7)


@given(actual=USES, reference=USES, expected=st.integers(0, 10**16))
def test_every_list_adds_up_to_the_excess(actual: Uses, reference: Uses, expected: int) -> None:
    if not any(use.charge for by_model in reference.values() for use in by_model.values()):
        return
    found = split(actual, reference, expected)
    charged = sum(use.charge for by_model in actual.values() for use in by_model.values())
    assert found.total.excess == charged - expected
    for parts in (found.members, found.keys, found.models):
        sums: dict[str, int] = defaultdict(int)
        for part in parts.values():
            sums["volume"] += part.volume
            sums["size"] += part.size
            sums["price"] += part.price
        assert Parts(**sums) == found.total
