"""Which alerts a rule would have caused, decided by the same functions as real ones. Pure.

Spend is replayed in steps: days first, then by the hour the days in which a threshold was crossed, and call by call such hours.
"""

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.alerts.crossings import Budget, Crossing, Key, State, decide
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, Period, PeriodClock
from gateway_core.model.limits.rollovers import Carry, Rollover

_MOST_EMPTY_PERIODS: Final = 400
"""Longer without a step, a budget has carried all that it can."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """A limit that was in force for a while in place of the budget's own."""

    start: dt.datetime
    end: dt.datetime
    limit_nano_credits: int

    def is_in_force(self, time: dt.datetime) -> bool:
        """Returns whether it was in force at a time."""
        return self.start <= time < self.end


@dataclass(frozen=True, slots=True)
class ReplayedBudget:
    """A budget as it is today, with what was in force for a while."""

    place: Place
    limit_nano_credits: int
    cycle: Cycle
    models: str = ""
    """A whitelist entry; empty for all models."""
    rollover: Rollover | None = None
    spent_before_nano_credits: int = 0
    """Before the first step. For a budget that never resets."""
    temporaries: tuple[Temporary, ...] = ()
    """In the order of time. They do not overlap."""
    carries: Mapping[int, int] = field(default_factory=dict)
    """What was carried into periods, by their start in epoch seconds, as far as it is on record."""
    resets: tuple[dt.datetime, ...] = ()
    """When admins began a new period, in the order of time."""

    def changes(self) -> Sequence[dt.datetime]:
        """Returns when the limit changed or the budget was reset."""
        return [*(time for one in self.temporaries for time in (one.start, one.end)), *self.resets]

    def own_limit(self, time: dt.datetime) -> int:
        """Returns the limit at a time, without what was carried into the period."""
        found = (one.limit_nano_credits for one in self.temporaries if one.is_in_force(time))
        return next(found, self.limit_nano_credits)


@dataclass(frozen=True, slots=True)
class Step:
    """What was spent at a time."""

    time: dt.datetime
    charge_nano_credits: int


@dataclass(frozen=True, slots=True)
class Alert:
    """What a rule would have reported, and when."""

    time: dt.datetime
    crossing: Crossing


class _Ledger:
    """What a budget has spent, and what its periods have carried."""

    def __init__(self, budget: ReplayedBudget, zone: ZoneInfo) -> None:
        self._budget = budget
        self._zone = zone
        self._clock = PeriodClock()
        self._period: Period | None = None
        self._carried = 0
        self._resets = 0
        self._spent = budget.spent_before_nano_credits

    def after(self, step: Step) -> Budget:
        """Returns the budget after a step."""
        budget, scope = self._budget, self._budget.place.scope
        period = self._clock.period_at(budget.cycle, self._zone, step.time.timestamp())
        if self._period is None or period.start_epoch_s != self._period.start_epoch_s:
            self._begin(period)
        while self._resets < len(budget.resets) and budget.resets[self._resets] <= step.time:
            self._resets += 1
            self._spent = self._carried = 0
        self._spent += step.charge_nano_credits
        counter = Counter(scope.kind, scope.scope_id, budget.cycle, period.start_epoch_s, self._resets, budget.models)
        limit = budget.own_limit(step.time) + self._carried
        return Budget(counter, budget.place, limit, self._spent)

    def _begin(self, period: Period) -> None:
        before, self._period = self._period, period
        if self._budget.rollover is not None:
            known = self._budget.carries.get(period.start_epoch_s)
            self._carried = known if known is not None else self._carried_from(before, period)
        if before is not None:
            self._spent = 0

    def _carried_from(self, before: Period | None, period: Period) -> int:
        if before is None or before.end_epoch_s is None or self._budget.rollover is None:
            return 0
        carried, used, end_epoch_s = self._carried, self._spent, before.end_epoch_s
        for _ in range(_MOST_EMPTY_PERIODS):
            # A limit that was in force for a while and smaller when the period ended is what the period had.
            own = min(self._budget.limit_nano_credits, self._budget.own_limit(_instant(end_epoch_s)))
            cap = self._budget.rollover.most(self._budget.limit_nano_credits)
            carried, used = Carry(own + carried, cap).carried(used), 0
            following = self._clock.period_at(self._budget.cycle, self._zone, end_epoch_s)
            if end_epoch_s >= period.start_epoch_s or following.end_epoch_s is None:
                break
            end_epoch_s = following.end_epoch_s
        return carried


def replay(
    budget: ReplayedBudget, rule: Rule, zone: ZoneInfo, steps: Iterable[Step], since: dt.datetime
) -> tuple[Sequence[Alert], Mapping[dt.datetime, int]]:
    """Returns the alerts from `since` on, and how many thresholds were crossed in the steps that crossed any.

    Args:
        budget: a budget of which the rule speaks.
        rule: the rule.
        zone: of the organization.
        steps: in the order of time, from the beginning of the period of the budget that contains `since`.
        since: what was crossed earlier had been reported before.
    """
    ledger = _Ledger(budget, zone)
    known: dict[Key, State] = {}
    alerts: list[Alert] = []
    crossed: dict[dt.datetime, int] = {}
    for step, is_change in _with_changes(budget, steps):
        decision = decide([ledger.after(step)], [rule], known)
        known.update(decision.states)
        if decision.states and step.time >= since:
            if not is_change:
                crossed[step.time] = crossed.get(step.time, 0) + len(decision.states)
            alerts.extend(Alert(step.time, crossing) for crossing in decision.crossings)
    return alerts, crossed


def _with_changes(budget: ReplayedBudget, steps: Iterable[Step]) -> Iterator[tuple[Step, bool]]:
    """Yields the steps, and one without a charge whenever a temporary limit was set: a changed limit is looked at as well.

    So is a budget that was reset.
    """
    times = sorted([*(one.start for one in budget.temporaries), *budget.resets])
    changes = ((Step(time, 0), True) for time in times)
    return heapq.merge(((step, False) for step in steps), changes, key=lambda one: one[0].time)


def refined(steps: Sequence[Step], finer: Mapping[dt.datetime, Sequence[Step]]) -> Sequence[Step]:
    """Returns steps with finer ones in the place of some. What the finer ones do not explain was corrected later."""
    found: list[Step] = []
    for step in steps:
        inside = finer.get(step.time)
        if not inside:
            found.append(step)
            continue
        found.extend(inside)
        corrected = step.charge_nano_credits - sum(one.charge_nano_credits for one in inside)
        if corrected:
            found.append(Step(inside[-1].time, corrected))
    return found


def _instant(epoch_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
