"""The order in which deployments are tried."""

from collections import Counter

import pytest

from gateway_core.model.catalog.entries import Deployment
from gateway_core.model.deployments.balance import order_of

CALLERS = [f"caller-{number}" for number in range(4_000)]


def deployments(*weights: int, priorities: tuple[int, ...] = ()) -> list[Deployment]:
    given = priorities or (0,) * len(weights)
    return [
        Deployment(provider=f"p{number}", upstream_name="m", weight=weight, priority=priority)
        for number, (weight, priority) in enumerate(zip(weights, given, strict=True))
    ]


def first(of: list[Deployment], caller: str, shut: frozenset[str] = frozenset()) -> int:
    return order_of(of, caller, shut, frozenset())[0]


def test_a_caller_stays_with_one_deployment() -> None:
    places = deployments(1, 1, 1)
    assert all(order_of(places, caller, (), ()) == order_of(places, caller, (), ()) for caller in CALLERS[:100])


def test_callers_are_spread_by_weight() -> None:
    counts = Counter(first(deployments(1, 3), caller) for caller in CALLERS)
    assert counts[1] / len(CALLERS) == pytest.approx(0.75, abs=0.03)


def test_only_the_callers_of_a_shut_deployment_move() -> None:
    places = deployments(1, 1, 1)
    for caller in CALLERS[:500]:
        before, after = first(places, caller), first(places, caller, frozenset({"p0/m"}))
        assert after == before if before != 0 else after != 0


def test_a_higher_number_of_priority_comes_later_whatever_its_weight() -> None:
    places = deployments(1, 1_000, priorities=(0, 1))
    assert {order_of(places, caller, (), ()) for caller in CALLERS[:100]} == {(0, 1)}


def test_a_deployment_that_failed_this_caller_comes_after_those_of_other_priorities() -> None:
    places = deployments(1, 1, priorities=(0, 1))
    assert order_of(places, "caller", (), {"p0/m"}) == (1, 0)


def test_a_shut_deployment_comes_last() -> None:
    places = deployments(1, 1, 1)
    assert order_of(places, "caller", {"p1/m"}, {"p0/m"})[-1] == 1


def test_a_place_with_an_own_key_comes_before_other_priorities_but_not_before_health() -> None:
    places = deployments(1, 1, priorities=(0, 1))
    assert order_of(places, "caller", (), (), {"p1"}) == (1, 0)
    assert order_of(places, "caller", {"p1/m"}, (), {"p1"}) == (0, 1)
    assert order_of(places, "caller", (), {"p1/m"}, {"p1"}) == (0, 1)
