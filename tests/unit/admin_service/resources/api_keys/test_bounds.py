"""Who may widen a limit that was set above the member of a key."""

from typing import Any

import pytest

from admin_service.access.permissions import Actor, Role
from admin_service.resources.api_keys.bounds import BoundError, Bounds, Setter, changed_bounds, require_enforced

PATH = ("europe", "dach")


def setter(who: str, owner_path: tuple[str, ...] = PATH) -> Setter:
    roles = {
        "super": (Role.SUPER_ADMIN, ()),
        "l1": (Role.L1_ADMIN, PATH[:1]),
        "sub": (Role.SUB_ADMIN, PATH),
        "owner": (Role.MEMBER, PATH),
    }
    role, path = roles[who]
    return Setter(Actor("acme", who, role, path), "owner", owner_path)


def after(bounds: Any, who: str, value: Any, limit: str = "requests_per_minute") -> Any:
    return changed_bounds(bounds, setter(who), [limit], {limit: value})


@pytest.mark.parametrize(("who", "place"), [("super", ""), ("l1", "europe"), ("sub", "dach")])
def test_a_limit_from_above_is_recorded_with_its_place(who: str, place: str) -> None:
    bounds = after({}, who, 10)
    assert bounds == {"requests_per_minute": {place: 10}}
    assert after(bounds, "owner", 5) == bounds
    assert after(bounds, "owner", 10) == bounds
    for wider in (11, None):
        with pytest.raises(BoundError) as refused:
            after(bounds, "owner", wider)
        assert (refused.value.limit, refused.value.place) == ("requests_per_minute", place)


def test_what_the_owner_sets_binds_no_one() -> None:
    assert after({}, "owner", 10) == {}
    assert after({}, "owner", None) == {}


@pytest.mark.parametrize(
    ("place", "lifts"),
    [("", {"super"}), ("europe", {"super", "l1"}), ("dach", {"super", "l1", "sub"}), ("gone", {"super"})],
)
def test_a_limit_is_lifted_only_from_where_it_was_set_or_above(place: str, lifts: set[str]) -> None:
    bounds = {"requests_per_minute": {place: 10}}
    for who in ("super", "l1", "sub", "owner"):
        if who in lifts:
            assert after(bounds, who, None) == {}
        else:
            with pytest.raises(BoundError):
                after(bounds, who, None)


def test_each_place_has_a_bound_of_its_own() -> None:
    bounds = after(after(after({}, "super", 100), "l1", 50), "sub", 20)
    assert bounds == {"requests_per_minute": {"": 100, "europe": 50, "dach": 20}}
    assert after(bounds, "l1", 80) == {"requests_per_minute": {"": 100, "europe": 80}}
    with pytest.raises(BoundError):
        after(bounds, "l1", 101)


@pytest.mark.parametrize(
    ("limit", "bound", "within", "wider"),
    [
        ("expire_time", "2027-01-01T00:00:00+00:00", "2026-12-31T23:00:00-01:00", "2027-01-01T00:00:01+00:00"),
        ("ip_allow_list", ["192.0.2.0/24", "2001:db8::/32"], ["192.0.2.7/32", "2001:db8:1::/48"], ["192.0.2.0/23"]),
        ("ip_allow_list", ["192.0.2.0/24"], ["192.0.2.0/25"], ["2001:db8::/32"]),
        ("model_whitelist", ["openai/*"], ["openai/gpt-4o"], ["openai/gpt-4o", "anthropic/*"]),
        ("model_whitelist", [], [], ["gpt-4o"]),
        ("budget", [5, "DAILY"], [4, "DAILY"], [6, "DAILY"]),
        ("budget", [5, "DAILY"], [5, "DAILY"], [4, "MONTHLY"]),
        (
            "rate_limits",
            [["", "HOUR", 5, None]],
            [["", "HOUR", 4, None], ["a", "DAY", 1, None]],
            [["", "DAY", 1, None]],
        ),
        ("rate_limits", [["a", "MINUTE", 5, 9]], [["a", "MINUTE", 5, 9]], [["a", "MINUTE", 5, None]]),
    ],
)
def test_each_kind_of_limit_is_compared(limit: str, bound: Any, within: Any, wider: Any) -> None:
    bounds = after({}, "super", bound, limit)
    assert after(bounds, "owner", within, limit) == bounds
    with pytest.raises(BoundError):
        after(bounds, "owner", wider, limit)


def test_shadow_mode_lifts_the_limits_of_a_guardrail() -> None:
    bounds: Bounds = {"requests_per_minute": {"europe": 10}, "expire_time": {"": "2027-01-01"}}
    with pytest.raises(BoundError):
        require_enforced(bounds, setter("owner"), ["requests_per_minute", "budget"])
    require_enforced(bounds, setter("l1"), ["requests_per_minute"])
    require_enforced(bounds, setter("owner"), ["budget"])
