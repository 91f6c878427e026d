"""Which alerts a rule would have caused in a past period."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from admin_service.resources.notification_rules.simulation_store import Span, StoredBudget
from gateway_core.model.alerts.event_types import THRESHOLD_REACHED
from gateway_core.model.alerts.rules import Rule
from gateway_core.model.limits.cycles import Cycle, period_at, period_before
from gateway_core.stores.postgres.connections import Connection

REPLAYABLE: Final = frozenset({THRESHOLD_REACHED})
MAX_BUDGETS: Final = 2_000
MAX_PERIOD: Final = dt.timedelta(days=92)
MOST_LISTED: Final = 1_000
_DAY: Final = dt.timedelta(days=1)
_HOUR: Final = dt.timedelta(hours=1)
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


@dataclass
class _Track:
    """A budget with what was spent of it, ever more closely."""

    budget: ReplayedBudget
    steps: Sequence[Step]
    alerts: Sequence[Alert] = ()
    crossed: Mapping[dt.datetime, int] = field(default_factory=dict)


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

    async def run(self, stored: Sequence[StoredBudget]) -> tuple[list[Alert], bool]:
        """Returns the alerts in the order of time, and whether some are known only to the hour."""
        first = min(self._first_day(one.budget.cycle) for one in stored)
        tracks, hours_from = await self._tracks(stored, first)
        # The day, or the hour, in which the period begins may begin before it.
        crossing = await self._replayed(tracks, self._start - _DAY)
        await self._refine_days(crossing, hours_from)
        crossing = await self._replayed(crossing, self._start - _HOUR)
        is_exact = await self._refine_hours(crossing)
        for track in crossing:
            track.steps = [step for step in track.steps if step.time < self._end]
        crossing = await self._replayed(crossing, self._start)
        alerts = [alert for track in crossing for alert in track.alerts]
        return sorted(alerts, key=lambda one: (one.time, one.crossing.budget.counter.encode())), not is_exact

    async def _tracks(
        self, stored: Sequence[StoredBudget], first: dt.datetime
    ) -> tuple[Sequence["_Track"], dt.datetime]:
        """Returns the budgets with what was spent of them, and from when on steps of days are hours."""
        budgets = await simulation_store.with_history(self._connection, self._organization, stored, first)
        days, hours_from = await simulation_store.days_of(
            self._connection,
            self._organization,
            {one.place.scope for one in budgets if not one.models},
            first,
            self._end,
        )
        hours = await simulation_store.model_hours_of(
            self._connection, self._organization, [one for one in budgets if one.models], first, self._end
        )
        endless = {one.place.scope for one in budgets if one.cycle is Cycle.NEVER and not one.models}
        before = await simulation_store.spent_before(self._connection, self._organization, endless, first)
        tracks = []
        for one, budget in zip(stored, budgets, strict=True):
            scope = budget.place.scope
            steps = hours[scope, budget.models] if budget.models else days.get(scope, ())
            spent = before.get(scope, 0)
            if budget.models:
                spent = max(0, one.spent_nano_credits - sum(step.charge_nano_credits for step in steps))
            tracks.append(
                _Track(
                    replace(budget, spent_before_nano_credits=spent if budget.cycle is Cycle.NEVER else 0),
                    [step for step in steps if step.time >= self._first_day(budget.cycle)],
                )
            )
        return tracks, hours_from

    async def _replayed(self, tracks: Sequence["_Track"], since: dt.datetime) -> Sequence["_Track"]:
        """Replays budgets. Returns those of which a threshold was crossed."""
        for track in tracks:
            track.alerts, track.crossed = replay(track.budget, self._rule, self._zone, track.steps, since)
            # A limit that changed within a step, or a reset, is known only once the step is refined.
            for time in track.budget.changes():
                inside = [step.time for step in track.steps if step.time <= time]
                if inside and time >= since:
                    track.crossed = {inside[-1]: 1, **track.crossed}
            # Other callers have their turn after each budget.
            await asyncio.sleep(0)
        return [track for track in tracks if track.crossed or track.alerts]

    async def _refine_days(self, tracks: Sequence["_Track"], hours_from: dt.datetime) -> None:
        """Replaces the days in which thresholds were crossed by their hours."""
        spans = {
            Span(track.budget.place.scope, time, self._end_of_day(time))
            for track in tracks
            if not track.budget.models
            for time in track.crossed
            if time < hours_from
        }
        hours = await simulation_store.hours_of(self._connection, self._organization, sorted(spans, key=_of_span))
        for track in tracks:
            if track.budget.models:
                continue
            scope = track.budget.place.scope
            inside = {time: hours.get(Span(scope, time, self._end_of_day(time)), ()) for time in track.crossed}
            track.steps = refined(track.steps, inside)

    async def _refine_hours(self, tracks: Sequence["_Track"]) -> bool:
        """Replaces such hours by their calls, first those in which several were crossed. Returns whether all were."""
        wanted = [(track, time) for track in tracks for time in track.crossed]
        wanted.sort(key=lambda one: (-one[0].crossed[one[1]], one[1]))
        calls: dict[int, dict[dt.datetime, Sequence[Step]]] = {}
        for track, time in wanted[:_MOST_HOURS]:
            found = await simulation_store.calls_of(
                self._connection, self._organization, track.budget, time, _MOST_CALLS
            )
            calls.setdefault(id(track), {})[time] = found
        is_exact = True
        for track in tracks:
            inside = calls.get(id(track), {})
            is_exact = is_exact and all(inside.get(time) for time in track.crossed)
            track.steps = refined(track.steps, inside)
        return is_exact

    def _end_of_day(self, day: dt.datetime) -> dt.datetime:
        end = period_at(Cycle.DAILY, self._zone, day.timestamp()).end_epoch_s
        return day + _DAY if end is None else dt.datetime.fromtimestamp(end, dt.UTC)

    def _first_day(self, cycle: Cycle) -> dt.datetime:
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
        models=budget.counter.models,
    )


def _of_span(span: Span) -> tuple[dt.datetime, str, str]:
    return span.start, span.scope.kind, span.scope.scope_id
