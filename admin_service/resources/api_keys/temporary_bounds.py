"""A temporary limit of a key that was set from above its member binds the member until it ends. Pure.

The limits of a key are compared over time. From now on, in each span between the ends of temporary limits, the value in force must
not be above the bound in force of any place above the caller:

    budget    the key: 50 until noon, then 20    europe: 80 until 10:00, then 40

The key's 50 exceeds europe's 40 from 10:00 to noon, so a member may not set it, although 50 is below 80.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from admin_service.resources.api_keys.bounds import BoundError, Bounds, Limits, Setter
from gateway_core.model.limits.temporary_limits import REPLACED, TemporaryLimit, temporary_limit_of

TEMPORARY: Final = "temporary_limit"
"""The name of the bound of a temporary limit."""

_BOUND_OF: Final = {name: "budget" if name == "budget_nano_credits" else name for name in REPLACED}
"""For each limit that may be replaced, the name of its bound."""


@dataclass(frozen=True, slots=True)
class _Course:
    """The value of one limit over time: another one until an instant, or only its lasting one. None is no limit."""

    lasting: Any
    temporary: Any = None
    end_epoch_us: int = 0

    def at(self, instant_epoch_us: int) -> Any:  # noqa: ANN401 - a number, or nothing
        is_replaced = self.temporary is not None and instant_epoch_us < self.end_epoch_us
        return self.temporary if is_replaced else self.lasting


def with_temporary_bound(bounds: Bounds, setter: Setter, limits: Limits, temporary: TemporaryLimit | None) -> Bounds:
    """Returns the bounds after a change of the temporary limit.

    Args:
        bounds: those so far, without those that have ended.
        setter: who changes it.
        limits: the lasting limits after the change.
        temporary: the temporary limit after the change.

    Raises:
        BoundError: some limit would be wider, at some time, than one set above the setter.
    """
    known = bounds.get(TEMPORARY, {})
    above = {place: bound for place, bound in known.items() if not setter.is_at_or_above(place)}
    places = {place for places in bounds.values() for place in places if not setter.is_at_or_above(place)}
    for place in sorted(places):
        of_place = above.get(place)
        _require_within(place, bounds, limits, temporary, temporary_limit_of(of_place) if of_place else None)
    kept = {limit: dict(of_limit) for limit, of_limit in bounds.items() if limit != TEMPORARY}
    own = {} if setter.is_owner or temporary is None else {setter.place: temporary.stored()}
    return {**kept, TEMPORARY: above | own} if above or own else kept


def _require_within(
    place: str, bounds: Bounds, limits: Limits, temporary: TemporaryLimit | None, bound: TemporaryLimit | None
) -> None:
    for name in REPLACED:
        ours = _course(_amount(limits.get(_BOUND_OF[name])), temporary, name)
        theirs = _course(_amount(bounds.get(_BOUND_OF[name], {}).get(place)), bound, name)
        for instant in _instants(temporary, bound):
            most, value = theirs.at(instant), ours.at(instant)
            if most is not None and (value is None or value > most):
                raise BoundError(TEMPORARY, place)


def _course(lasting: Any, temporary: TemporaryLimit | None, name: str) -> _Course:  # noqa: ANN401 - a number, or nothing
    if temporary is None:
        return _Course(lasting)
    values: Mapping[str, int] = temporary.values
    return _Course(lasting, values.get(name), temporary.end_epoch_us)


def _amount(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Returns the number of a limit. A budget is an amount and its cycle."""
    return value[0] if isinstance(value, list) else value


def _instants(*limits: TemporaryLimit | None) -> Iterator[int]:
    """Yields an instant in each span: now, and from each end on."""
    yield 0
    for limit in limits:
        if limit is not None:
            yield limit.end_epoch_us
