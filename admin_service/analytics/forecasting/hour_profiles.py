"""Remembers how the spend of the last week is spread over the hours: reading a week by hour costs more than the rest."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence

Profile = Sequence[int]
"""The spend of each hour on the clocks, in nano-credits."""


class HourProfiles:
    """The profiles that were asked for last."""

    def __init__(self, capacity: int = 1_000) -> None:
        self._capacity = capacity
        self._known: OrderedDict[Hashable, Profile] = OrderedDict()

    async def get(self, key: Hashable, read: Callable[[], Awaitable[Profile]]) -> Profile:
        """Returns the profile of a key. Reads it if it is not known.

        Args:
            key: everything that a profile depends on: whose week it is, in which zone, and what each of its days spent.
            read: reads the profile.
        """
        profile = self._known.get(key)
        if profile is None:
            profile = await read()
            self._known[key] = profile
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return profile
