"""Chooses the limits that a newcomer begins with: each comes from the nearest place upward that names it. Pure.

A place is the organization (`ORGANIZATION`) or the id of a group. Limits are JSON values by name, as bounds have them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway_core.model.limits.rollovers import Rollover

ORGANIZATION: Final = ""

LimitValues = Mapping[str, Any]
"""Limits by name. An absent limit, or None, limits nothing."""


@dataclass(frozen=True, slots=True)
class DefaultLimit:
    """A limit to begin with, and the place that names it."""

    place: str
    value: Any


def nearest(places: Iterable[tuple[str, LimitValues]]) -> dict[str, DefaultLimit]:
    """Returns the limits of places in the order from the nearest to the organization."""
    found: dict[str, DefaultLimit] = {}
    for place, limits in places:
        for limit, value in limits.items():
            found.setdefault(limit, DefaultLimit(place, value))
    return found


def rollover_in(budget: Sequence[Any]) -> Rollover | None:
    """Returns how a limit `budget` carries over: `[nano-credits, cycle]`, or with the most that is carried as a third value."""
    amount, _, *most = budget
    if not most:
        return None
    return Rollover() if most == [amount] else Rollover(most[0])


def upward(path: Iterable[str]) -> tuple[str, ...]:
    """Returns the places above a newcomer in a group, nearest first."""
    return (*reversed(tuple(path)), ORGANIZATION)
