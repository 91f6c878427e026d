"""A temporary limit that was set above the member of a key binds the member until it ends."""

from typing import Any

import pytest

from admin_service.resources.api_keys.bounds import BoundError
from admin_service.resources.api_keys.temporary_bounds import with_temporary_bound
from gateway_core.model.limits.temporary_limits import TemporaryLimit
from tests.unit.admin_service.resources.api_keys.test_bounds import setter

LASTING = {"requests_per_minute": 10}


def temporary(end: int, most: int) -> TemporaryLimit:
    return TemporaryLimit(end, requests_per_minute=most)


def after(bounds: Any, who: str, limit: TemporaryLimit | None, lasting: Any = None) -> Any:
    return with_temporary_bound(bounds, setter(who), LASTING if lasting is None else lasting, limit)


def bound(end: int, most: int, place: str = "") -> dict[str, Any]:
    return {"temporary_limit": {place: temporary(end, most).stored()}}


def test_a_temporary_limit_from_above_is_recorded_and_one_of_the_owner_is_not() -> None:
    assert after({}, "l1", temporary(100, 3)) == bound(100, 3, "europe")
    assert after({}, "owner", temporary(100, 3)) == {}


def test_the_owner_may_not_end_or_widen_a_temporary_tightening() -> None:
    held = bound(100, 3)
    assert after(held, "owner", temporary(200, 2)) == held
    for wider in (None, temporary(99, 3), temporary(100, 4), TemporaryLimit(100, concurrency_limit=1)):
        with pytest.raises(BoundError):
            after(held, "owner", wider)


def test_the_owner_may_end_a_temporary_raise() -> None:
    assert after(bound(100, 30), "owner", None) == bound(100, 30)


def test_a_temporary_limit_may_not_exceed_a_lasting_one_from_above() -> None:
    held = {"requests_per_minute": {"": 10}}
    assert after(held, "owner", temporary(100, 10)) == held
    with pytest.raises(BoundError):
        after(held, "owner", temporary(100, 11))


def test_a_raise_from_above_allows_the_owner_as_much_only_until_its_end() -> None:
    held = {"requests_per_minute": {"": 10}, **bound(100, 30)}
    assert after(held, "owner", temporary(100, 30)) == held
    with pytest.raises(BoundError):
        after(held, "owner", temporary(101, 30))


def test_whoever_is_above_the_place_may_end_it() -> None:
    assert after(bound(100, 3, "europe"), "super", None) == {}
    with pytest.raises(BoundError):
        after(bound(100, 3, "europe"), "sub", None)


def test_a_budget_is_compared_by_its_amount() -> None:
    held = {"budget": {"": [50, "DAILY"]}}
    lasting = {"budget": [20, "DAILY"]}
    assert after(held, "owner", TemporaryLimit(100, budget_nano_credits=50), lasting) == held
    with pytest.raises(BoundError):
        after(held, "owner", TemporaryLimit(100, budget_nano_credits=51), lasting)
