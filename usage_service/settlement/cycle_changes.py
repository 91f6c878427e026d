"""Calls that are under way while a budget changes its cycle. They also count in the cycle that is current at settlement.

A reset is not such a change: a call counts only in the period in which it was placed, as when a period ends by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, PeriodClock
from gateway_core.model.organization.scopes import Scope


@dataclass(frozen=True, slots=True)
class PresentCycle:
    """How a scope's budget is counted now."""

    cycle: Cycle
    revision: int
    zone: ZoneInfo
    carry_revision: int
    """The revision of the last change of the cycle or the zone. Resets since then have made later revisions."""
    reset_epoch_s: float | None = None
    """When the budget was last reset. What was placed before does not count on it."""


ChangedCounter = tuple[Counter, PresentCycle]
"""A counter, and how its scope's budget is counted now instead."""


def changed_counters(counters: Iterable[Counter], present: Mapping[Scope, PresentCycle]) -> tuple[ChangedCounter, ...]:
    """Returns the counters whose scope has changed its cycle or zone since. A scope missing from `present` has not changed.

    A budget for some models begins at 0 when the cycle changes, so its counter is not carried over.
    """
    return tuple(
        (counter, now)
        for counter in counters
        if not counter.models
        and (now := present.get(counter.scope)) is not None
        and now.carry_revision > counter.revision
    )


def later_counters(changed: Iterable[ChangedCounter], placed_epoch_s: float, clock: PeriodClock) -> tuple[str, ...]:
    """Returns the encoded current counters that a hold was not placed on. They are charged, although they never held
    it.

    Args:
        changed: the changed counters of the hold.
        placed_epoch_s: when the hold was placed, in epoch seconds. It counts in the period of that instant.
        clock: caches periods.
    """
    found = []
    for counter, now in changed:
        if now.reset_epoch_s is not None and placed_epoch_s < now.reset_epoch_s:
            continue
        start = clock.period_at(now.cycle, now.zone, placed_epoch_s).start_epoch_s
        found.append(Counter(counter.kind, counter.scope_id, now.cycle, start, now.revision).encode())
    return tuple(found)
