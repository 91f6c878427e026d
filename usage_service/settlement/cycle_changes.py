"""Calls under way while a budget gets another cycle: they count in the cycle that is valid when they are settled, too."""

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


ChangedCounter = tuple[Counter, PresentCycle]
"""A counter, and how its scope's budget is counted instead by now."""


def changed_counters(counters: Iterable[Counter], present: Mapping[Scope, PresentCycle]) -> tuple[ChangedCounter, ...]:
    """Those whose scopes' cycle or zone has changed since; a scope that is missing in `present` has not."""
    return tuple(
        (counter, now)
        for counter in counters
        if (now := present.get(counter.scope)) is not None and now.revision > counter.revision
    )


def later_counters(changed: Iterable[ChangedCounter], placed_epoch_s: float, clock: PeriodClock) -> tuple[str, ...]:
    """The present counters, encoded, that a hold was not placed on: what it costs is charged to them, and nothing of it was
    held there.

    Args:
        changed: of the hold's counters.
        placed_epoch_s: when the hold was placed: in the period that has this instant it counts.
        clock: remembers periods.
    """
    found = []
    for counter, now in changed:
        start = clock.period_at(now.cycle, now.zone, placed_epoch_s).start_epoch_s
        found.append(Counter(counter.kind, counter.scope_id, now.cycle, start, now.revision).encode())
    return tuple(found)
