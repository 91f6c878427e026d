"""Which alerts a rule would have caused in a past period."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from megarouter.admin.v1 import notification_rule_pb2
from megarouter.admin.v1.notification_pb2 import Notification
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.guardrail_names import scope_name
from admin_service.api.timestamps import timestamp
from admin_service.resources.analytics.questions import period_of
from admin_service.resources.notification_rules import simulation_store
from admin_service.resources.notification_rules.replay import Alert, ReplayedBudget, Step, refined, replay
from gateway_core.model.alerts.event_types import THRESHOLD_REACHED
from gateway_core.model.alerts.rules import Rule
from gateway_core.model.limits.cycles import Cycle, period_at, period_before
from gateway_core.model.organization.scopes import Scope
from gateway_core.stores.postgres.connections import Connection

REPLAYABLE: Final = frozenset({THRESHOLD_REACHED})
MAX_BUDGETS: Final = 2_000
MAX_PERIOD: Final = dt.timedelta(days=92)
MOST_LISTED: Final = 1_000
_MOST_HOURS: Final = 200
"""That are read call by call."""
_MOST_CALLS: Final = 10_000
"""Of an hour."""


def period(time_range: TimeRange | None, now: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Returns the period to replay: what is asked for, or the last calendar month.

    Raises:
        AdminError: INVALID_ARGUMENT.
    """
    if time_range is None:
        this_month = period_at(Cycle.MONTHLY, zone, now.timestamp()).start_epoch_s
        last_month = period_before(Cycle.MONTHLY, zone, this_month).start_epoch_s
        return dt.datetime.fromtimestamp(last_month, dt.UTC), dt.datetime.fromtimestamp(this_month, dt.UTC)
    start, end = period_of(time_range, now)
    if end - start > MAX_PERIOD:
        raise invalid_fields(FieldViolation("time_range", f"must have at most {MAX_PERIOD.days} days"))
    return start, end


async def simulate(
    connection: Connection, organization: str, rule: Rule, zone: ZoneInfo, start: dt.datetime, end: dt.datetime
) -> notification_rule_pb2.SimulateNotificationRuleResponse:
    """Replays what was spent, and returns what the rule would have reported.

    Raises:
        AdminError: INVALID_ARGUMENT, the rule speaks of too many budgets.
    """
    budgets = await simulation_store.budgets_of(connection, organization, rule, MAX_BUDGETS + 1)
    if len(budgets) > MAX_BUDGETS:
        problem = f"must have at most {MAX_BUDGETS:,} budgets inside: choose a narrower scope"
        raise invalid_fields(FieldViolation("notification_rule.scope", problem))
    replayed = rule.event_types & REPLAYABLE
    alerts: list[Alert] = []
    is_approximate = False
    if replayed and budgets:
        simulation = _Simulation(connection, organization, replace(rule, event_types=replayed), zone, start, end)
        alerts, is_approximate = await simulation.run(budgets)
    return notification_rule_pb2.SimulateNotificationRuleResponse(
        alert_count=len(alerts),
        alerts=[_message(organization, one) for one in alerts[:MOST_LISTED]],
        time_range=TimeRange(start_time=timestamp(start), end_time=timestamp(end)),
        replayed_count=len(budgets),
        unsupported_event_types=sorted(rule.event_types - REPLAYABLE),
        approximate=is_approximate,
    )


class _Simulation:
    """One replay."""

    def __init__(
        self,
        connection: Connection,
        organization: str,
        rule: Rule,
        zone: ZoneInfo,
        start: dt.datetime,
        end: dt.datetime,
    ) -> None:
        self._connection = connection
        self._organization = organization
        self._rule = rule
        self._zone = zone
        self._start = start
        self._end = end
        self._hours_left = _MOST_HOURS

    async def run(self, budgets: Sequence[ReplayedBudget]) -> tuple[list[Alert], bool]:
        """Returns the alerts in the order of time, and whether some are known only to the hour."""
        first = min(self._first_hour(budget.cycle) for budget in budgets)
        hours = await simulation_store.hours_of(
            self._connection, self._organization, {one.place.scope for one in budgets}, first, self._end
        )
        endless = {one.place.scope for one in budgets if one.cycle is Cycle.NEVER}
        before = await simulation_store.spent_before(self._connection, self._organization, endless, first)
        alerts: list[Alert] = []
        is_approximate = False
        for budget in budgets:
            found, is_exact = await self._alerts_of(budget, hours, before)
            alerts.extend(found)
            is_approximate = is_approximate or not is_exact
        return sorted(alerts, key=lambda one: (one.time, one.crossing.budget.counter.encode())), is_approximate

    async def _alerts_of(
        self, budget: ReplayedBudget, hours: Mapping[Scope, Sequence[Step]], before: Mapping[Scope, int]
    ) -> tuple[Sequence[Alert], bool]:
        scope = budget.place.scope
        if budget.cycle is Cycle.NEVER:
            budget = replace(budget, spent_before_nano_credits=before.get(scope, 0))
        steps = [one for one in hours.get(scope, ()) if one.time >= self._first_hour(budget.cycle)]
        # The hour in which the period begins may begin before it.
        since = self._start - dt.timedelta(minutes=59)
        alerts, crossed = replay(budget, self._rule, self._zone, steps, since)
        calls: dict[dt.datetime, Sequence[Step]] = {}
        for hour in sorted(crossed)[: self._hours_left]:
            calls[hour] = await simulation_store.calls_of(
                self._connection, self._organization, scope, hour, _MOST_CALLS
            )
        self._hours_left -= len(calls)
        if crossed:
            alerts, _ = replay(budget, self._rule, self._zone, refined(steps, calls), self._start)
        return alerts, all(calls.get(hour) for hour in crossed)

    def _first_hour(self, cycle: Cycle) -> dt.datetime:
        """Returns where the period of a budget begins that contains the start. What never resets begins with the day."""
        day = period_at(Cycle.DAILY if cycle is Cycle.NEVER else cycle, self._zone, self._start.timestamp())
        return dt.datetime.fromtimestamp(day.start_epoch_s, dt.UTC)


def _message(organization: str, alert: Alert) -> notification_rule_pb2.SimulatedAlert:
    crossing, budget = alert.crossing, alert.crossing.budget
    return notification_rule_pb2.SimulatedAlert(
        occur_time=timestamp(alert.time),
        event_type=crossing.event_type,
        severity=Notification.Severity.Value(f"SEVERITY_{crossing.severity}"),
        scope=str(scope_name(organization, budget.place.scope)),
        scope_display_name=budget.place.display_name,
        threshold_percent=crossing.threshold.percent or 0,
        threshold_nano_credits=crossing.amount_nano_credits,
        limit_nano_credits=budget.limit_nano_credits,
    )
