"""Which alerts a rule would have caused, decided by the same functions as real ones. Pure.

Spend is replayed in steps: hours first, and then call by call the hours in which a threshold was crossed.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway_core.model.alerts.crossings import Budget, Crossing, Key, State, decide
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, PeriodClock


@dataclass(frozen=True, slots=True)
class ReplayedBudget:
    """A budget as it is today."""

    place: Place
    limit_nano_credits: int
    cycle: Cycle
    spent_before_nano_credits: int = 0
    """Before the first step. For a budget that never resets."""


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


def replay(
    budget: ReplayedBudget, rule: Rule, zone: ZoneInfo, steps: Iterable[Step], since: dt.datetime
) -> tuple[Sequence[Alert], frozenset[dt.datetime]]:
    """Returns the alerts from `since` on, and the times of the steps that crossed a threshold.

    Args:
        budget: a budget of which the rule speaks.
        rule: the rule.
        zone: of the organization.
        steps: in the order of time, from the beginning of the period of the budget that contains `since`.
        since: what was crossed earlier had been reported before.
    """
    clock = PeriodClock()
    known: dict[Key, State] = {}
    spent: dict[Counter, int] = {}
    alerts: list[Alert] = []
    times: set[dt.datetime] = set()
    scope = budget.place.scope
    for step in steps:
        period = clock.period_at(budget.cycle, zone, step.time.timestamp())
        counter = Counter(scope.kind, scope.scope_id, budget.cycle, period.start_epoch_s)
        spent[counter] = spent.get(counter, budget.spent_before_nano_credits) + step.charge_nano_credits
        decision = decide([Budget(counter, budget.place, budget.limit_nano_credits, spent[counter])], [rule], known)
        known.update(decision.states)
        if decision.states and step.time >= since:
            times.add(step.time)
            alerts.extend(Alert(step.time, crossing) for crossing in decision.crossings)
    return alerts, frozenset(times)


def refined(hours: Sequence[Step], calls: Mapping[dt.datetime, Sequence[Step]]) -> Sequence[Step]:
    """Returns the steps with the calls of some hours in their place. What the calls do not explain was corrected later."""
    steps: list[Step] = []
    for hour in hours:
        inside = calls.get(hour.time)
        if not inside:
            steps.append(hour)
            continue
        steps.extend(inside)
        corrected = hour.charge_nano_credits - sum(one.charge_nano_credits for one in inside)
        if corrected:
            steps.append(Step(inside[-1].time, corrected))
    return steps
