"""A newcomer begins with the limit of the nearest place upward that names it."""

from admin_service.resources.default_limits.merging import DefaultLimit, LimitValues, nearest, upward


def test_the_nearest_place_wins_for_each_limit() -> None:
    places: dict[str, LimitValues] = {
        "": {"budget": [9, "NEVER"], "key_limit": 5, "concurrency_limit": 3},
        "eng": {"budget": [4, "DAILY"], "concurrency_limit": 0},
        "platform": {"requests_per_minute": 1},
    }
    found = nearest((place, places[place]) for place in upward(["eng", "platform"]))
    assert found == {
        "budget": DefaultLimit("eng", [4, "DAILY"]),
        "key_limit": DefaultLimit("", 5),
        "concurrency_limit": DefaultLimit("eng", 0),
        "requests_per_minute": DefaultLimit("platform", 1),
    }


def test_a_member_without_a_group_has_only_the_organization_above() -> None:
    assert upward([]) == ("",)
