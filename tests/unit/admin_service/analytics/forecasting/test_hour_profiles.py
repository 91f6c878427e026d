"""Profiles of hours are read once, and only so many are remembered."""

from admin_service.analytics.forecasting.hour_profiles import HourProfiles


class Reader:
    """Counts how often a profile is read."""

    def __init__(self) -> None:
        self.count = 0

    async def read(self) -> list[int]:
        self.count += 1
        return [self.count]


async def test_a_profile_is_read_once() -> None:
    profiles, reader = HourProfiles(), Reader()
    assert [await profiles.get("acme", reader.read) for _ in range(3)] == [[1], [1], [1]]


async def test_the_profile_that_was_asked_for_longest_ago_is_forgotten() -> None:
    profiles, reader = HourProfiles(capacity=2), Reader()
    for key in ("acme", "globex", "acme", "initech"):
        await profiles.get(key, reader.read)
    assert await profiles.get("acme", reader.read) == [1]
    assert await profiles.get("globex", reader.read) == [4]
