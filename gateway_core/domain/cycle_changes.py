"""Calls under way while a budget gets another cycle: they count in the cycle that is valid when they are settled, too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway_core.domain.cycles import Cycle, PeriodClock
from gateway_core.domain.scopes import Counter, Scope


@dataclass(frozen=True, slots=True)
class PresentCycle:
    """How a scope's budget is counted now."""

    cycle: Cycle
    revision: int
    zone: ZoneInfo


def later_counters(
    counters: Iterable[Counter], placed_epoch_s: float, present: Mapping[Scope, PresentCycle], clock: PeriodClock
) -> tuple[str, ...]:
    """The present counters, encoded, of scopes whose cycle or zone has changed since the hold was placed.

    The hold was not placed on them: what it costs is charged to them, and nothing of it was held there.

    Args:
        counters: of the hold.
        placed_epoch_s: when the hold was placed: in the period that has this instant it counts.
        present: the cycles of its scopes; one that is missing has not changed.
        clock: remembers periods.
    """
    found = []
    for counter in counters:
        now = present.get(counter.scope)
        if now is not None and now.revision > counter.revision:
            start = clock.period_at(now.cycle, now.zone, placed_epoch_s).start_epoch_s
            found.append(Counter(counter.kind, counter.scope_id, now.cycle, start, now.revision).encode())
    return tuple(found)
