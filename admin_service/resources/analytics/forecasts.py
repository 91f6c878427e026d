"""Forecasts of `megarouter.admin.v1.Analytics`: whose spend, in which cycle, and until when."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from megarouter.admin.v1 import analytics_pb2
from megarouter.admin.v1.analytics_pb2 import UsageAsOf, UsageForecast
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.access.authorization import Caller
from admin_service.access.directory import find_target
from admin_service.access.permissions import Permission, Target, TargetKind
from admin_service.analytics.forecasting.forecast import Forecast, forecast
from admin_service.analytics.forecasting.hour_profiles import HourProfiles
from admin_service.analytics.forecasting.reading import read_past, rests_until
from admin_service.analytics.query import Filter, Granularity, Reach, UsageQuery
from admin_service.analytics.reading import answer_in
from admin_service.analytics.time_ranges import period_of
from admin_service.api.errors import FieldViolation, invalid_fields, permission_denied
from admin_service.api.guardrail_names import scope_name, scope_of_name
from admin_service.api.names import ResourceName, parse_name
from admin_service.api.timestamps import timestamp
from admin_service.resources.analytics.questions import reach_of
from admin_service.resources.guardrails.store import GuardrailRow, get_guardrail
from gateway_core.model.limits.cycles import Cycle, Period, period_at
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

FORECAST: Final = "usageForecast"
_MAX_SHOWN: Final = 200


async def forecast_message(
    connection: Connection,
    request: analytics_pb2.GetUsageForecastRequest,
    caller: Caller,
    now: dt.datetime,
    profiles: HourProfiles,
) -> UsageForecast:
    """Returns the forecast that a request asks for. The transaction is as for `answer_in`.

    Raises:
        AdminError: INVALID_ARGUMENT, or PERMISSION_DENIED for a scope that the caller does not see.
    """
    organization = caller.actor.organization
    scope = await _asked_scope(connection, request.scope, caller)
    guardrail = await get_guardrail(connection, organization, scope)
    if guardrail is None:
        raise AssertionError("the scope exists")
    past = await read_past(connection, organization, _filter(scope), now, profiles)
    period = _period(guardrail, now)
    counts_in_cycle = guardrail.settings.cycle != Cycle.NEVER or guardrail.settings.budget_nano_credits is not None
    if counts_in_cycle:
        start, spent = max(_instant(period.start_epoch_s), guardrail.period_start_time), guardrail.spent_nano_credits
    else:
        start = _instant(period.start_epoch_s)
        spent = await _spent(connection, UsageQuery(organization, start, now, filter=_filter(scope)))
    end = _end(guardrail, period, now)
    budget = _budget(guardrail, end)
    found = forecast(past.history, spent, rests_until(end, now, past.zone, past.by_hour), budget)
    message = UsageForecast(
        name=str(ResourceName(organization, FORECAST)),
        scope=str(scope_name(organization, scope)),
        state=UsageForecast.State.Value(f"STATE_{found.state}"),
        time_range=TimeRange(start_time=timestamp(start), end_time=timestamp(end)),
        spent_nano_credits=spent,
        time_zone=guardrail.time_zone,
        as_of=UsageAsOf(ledger_position=past.as_of.sequence, read_time=timestamp(past.as_of.time)),
    )
    _add_figures(message, found, budget)
    return message


def _add_figures(message: UsageForecast, found: Forecast, budget: int | None) -> None:
    if budget is not None:
        message.budget_nano_credits = budget
    if found.expected is not None and found.low is not None and found.high is not None:
        message.expected_nano_credits = found.expected
        message.low_nano_credits, message.high_nano_credits = found.low, found.high
    if found.exhaust_time is not None:
        message.exhaust_time.CopyFrom(timestamp(found.exhaust_time))


async def _asked_scope(connection: Connection, text: str, caller: Caller) -> Scope:
    """Returns the scope that the caller names and sees; by default the widest one that they see."""
    reach, organization = reach_of(caller.actor), caller.actor.organization
    if not text:
        return _widest(reach, organization)
    name = parse_name(text)
    scope = scope_of_name(name) if name else None
    if name is None or scope is None:
        raise invalid_fields(
            FieldViolation("scope", "must name the organization, a group, a member, a service account or an API key")
        )
    target = await find_target(connection, name) if name.organization == organization else None
    if target is None or not _sees(reach, target):
        raise permission_denied(Permission.USAGE_READ, text[:_MAX_SHOWN])
    return scope


def _widest(reach: Reach, organization: str) -> Scope:
    if reach.member is not None:
        return Scope(ScopeKind.MEMBER, reach.member)
    if reach.group is not None:
        return Scope(ScopeKind.GROUP, reach.group)
    return Scope(ScopeKind.ORGANIZATION, organization)


def _sees(reach: Reach, target: Target) -> bool:
    """Whether all usage of the target is in the reach."""
    if reach.member is not None:
        return target.member == reach.member
    if reach.group is not None:
        return target.kind is not TargetKind.ORGANIZATION and reach.group in target.group_path
    return True


def _filter(scope: Scope) -> Filter:
    ids = frozenset({scope.scope_id})
    match scope.kind:
        case ScopeKind.GROUP:
            return Filter(groups=ids)
        case ScopeKind.MEMBER:
            return Filter(members=ids)
        case ScopeKind.API_KEY:
            return Filter(api_keys=ids)
        case _:
            return Filter()


def _period(guardrail: GuardrailRow, now: dt.datetime) -> Period:
    """Returns the running period of the budget; of a scope without a cycle, from the start of the budget or of the month."""
    cycle, zone = Cycle(guardrail.settings.cycle), ZoneInfo(guardrail.time_zone)
    if cycle is Cycle.NEVER and guardrail.settings.budget_nano_credits is None:
        cycle = Cycle.MONTHLY
    return period_at(cycle, zone, now.timestamp())


def _end(guardrail: GuardrailRow, period: Period, now: dt.datetime) -> dt.datetime:
    """Returns the end of the period. A budget that never resets is forecast to the end of the month."""
    if period.end_epoch_s is not None:
        return _instant(period.end_epoch_s)
    return period_of(Granularity.MONTH, ZoneInfo(guardrail.time_zone), now).end


def _budget(guardrail: GuardrailRow, end: dt.datetime) -> int | None:
    """Returns the budget in force at the end of the period, with what is carried into it."""
    settings = guardrail.settings
    budget, temporary = settings.budget_nano_credits, settings.temporary
    if temporary and temporary.end_epoch_us >= end.timestamp() * 1_000_000:
        budget = budget if temporary.budget_nano_credits is None else temporary.budget_nano_credits
    return None if budget is None else budget + guardrail.carried_nano_credits


async def _spent(connection: Connection, query: UsageQuery) -> int:
    return (await answer_in(connection, query)).total.charge_nano_credits


def _instant(epoch_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
