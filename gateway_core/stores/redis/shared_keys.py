"""The Redis keys that the calls of one script share, so that each is sent once, and the calls' positions in them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from gateway_core.model.limits.counters import budget_of
from gateway_core.model.limits.throttles import ThrottleKind, open_calls_of
from gateway_core.model.record_decorator import record
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key, throttle_key

_TOKENS: Final = f"{ThrottleKind.TOKENS}:"


@record(frozen=True, slots=True)
class KeyPlaces:
    """The positions of the keys that several calls share, starting at 1."""

    counters: dict[str, int]
    throttles: dict[str, int]

    @property
    def counter_count(self) -> int:
        """The number of distinct counters."""
        return len(self.counters)

    def of_counters(self, names: Iterable[str]) -> list[int]:
        """Returns the positions of the counters."""
        return [self.counters[name] for name in names]

    def of_throttles(self, names: Iterable[str]) -> list[int]:
        """Returns the positions of the throttles that count tokens."""
        return [self.throttles[name] for name in names if _counts_tokens(name)]

    def of_path(self, counters: Sequence[str], throttles: Iterable[str]) -> Sequence[int]:
        """Returns the positions of a call's counters and throttles, with their numbers before them."""
        counted = self.of_throttles(throttles)
        return (len(counters), len(counted), *_signed(counters, self.counters), *counted)


def shared_keys(
    organization: str, calls: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
) -> tuple[KeyPlaces, list[str]]:
    """Returns the keys that `apply.lua` and `finish.lua` take for the counters and throttles of calls, and their positions."""
    places = KeyPlaces(
        counters=places_of(name for counters, _ in calls for name in counters),
        throttles=places_of(name for _, throttles in calls for name in throttles if _counts_tokens(name)),
    )
    keys = [pool_key(organization), holds_key(organization)]
    for name in places.counters:
        keys += (counter_key(organization, name), throttle_key(organization, open_calls_of(name)))
    keys += (throttle_key(organization, name) for name in places.throttles)
    return places, keys


_Name = TypeVar("_Name", bound=Hashable)


def places_of(names: Iterable[_Name]) -> dict[_Name, int]:
    """Returns the distinct names with their positions, starting at 1."""
    return {name: place for place, name in enumerate(dict.fromkeys(names), start=1)}


def _counts_tokens(throttle: str) -> bool:
    return throttle.startswith(_TOKENS)


def _signed(names: Sequence[str], places: Mapping[str, int]) -> Iterable[int]:
    """Returns the position of each counter; negative if its budget has an earlier one, so that it carries only the charge."""
    if len({budget_of(name) for name in names}) == len(names):
        return (places[name] for name in names)
    return _signed_one_by_one(names, places)


def _signed_one_by_one(names: Iterable[str], places: Mapping[str, int]) -> Iterable[int]:
    seen: set[str] = set()
    for name in names:
        budget = budget_of(name)
        yield -places[name] if budget in seen else places[name]
        seen.add(budget)
