"""Rules as messages."""

from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from megarouter.admin.v1.notification_pb2 import Notification
from megarouter.admin.v1.notification_rule_pb2 import (
    NotificationConditions,
    NotificationRecipient,
    NotificationRule,
)
from megarouter.admin.v1.notification_rule_pb2 import QuietHours as QuietHoursMessage

from admin_service.api.guardrail_names import scope_name
from admin_service.api.names import MEMBERS, NOTIFICATION_CHANNELS, NOTIFICATION_RULES, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.notification_rules.store import RuleRow
from gateway_core.model.alerts import event_types
from gateway_core.model.alerts.rules import Rule, thresholds_of
from gateway_core.model.alerts.schedules import EVERY_DAY, Frequency, QuietHours, Schedule
from gateway_core.model.organization.scopes import Scope, ScopeKind

_AUDIENCE: Final = "AUDIENCE_"
_SEVERITY: Final = "SEVERITY_"
_FREQUENCY: Final = "FREQUENCY_"


def rule_name(row: RuleRow) -> ResourceName:
    """Returns the name of a rule."""
    return ResourceName(row.organization, NOTIFICATION_RULES, row.rule)


def rule_message(row: RuleRow) -> NotificationRule:
    """Returns a rule as callers see it."""
    settings = row.settings
    return NotificationRule(
        name=str(rule_name(row)),
        display_name=settings.display_name,
        scope=str(scope_name(row.organization, Scope(ScopeKind(settings.scope_kind), settings.scope_id))),
        only_scope=not settings.includes_descendants,
        event_types=settings.event_types,
        threshold_percents=settings.percents,
        threshold_nano_credits=settings.amounts_nano_credits,
        recipients=[_recipient(row.organization, **one) for one in settings.recipients],
        disabled=settings.is_disabled,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
        scope_display_name=row.scope_display_name,
        severity=Notification.Severity.Value(f"{_SEVERITY}{settings.severity or 'UNSPECIFIED'}"),
        frequency=NotificationRule.Frequency.Value(f"{_FREQUENCY}{settings.schedule.frequency}"),
        overrides=str(ResourceName(row.organization, NOTIFICATION_RULES, settings.overrides))
        if settings.overrides
        else "",
        overrides_forbidden=settings.forbids_overrides,
        quiet_hours=quiet_hours_message(settings.schedule.quiet_hours) if settings.schedule.quiet_hours else None,
        conditions=NotificationConditions(**settings.conditions) if settings.conditions else None,
    )


def stored_conditions(conditions: NotificationConditions) -> dict[str, int]:
    """Returns conditions as they are stored: those that are set."""
    return {field.name: value for field, value in conditions.ListFields()}


def inherited_message(row: RuleRow) -> NotificationRule:
    """Returns a rule as those see it who inherit it: without members and channels, who may be beyond their subtree."""
    message = rule_message(row)
    audiences = [one for one in message.recipients if one.WhichOneof("recipient") == "audience"]
    del message.recipients[:]
    message.recipients.extend(audiences)
    message.inherited_from = message.scope
    return message


def quiet_hours_message(quiet: QuietHours) -> QuietHoursMessage:
    """Returns quiet hours as callers see them. All days are none in particular."""
    return QuietHoursMessage(
        start=_time_text(quiet.start_minute),
        end=_time_text(quiet.end_minute),
        days=[QuietHoursMessage.Day.ValueType(day + 1) for day in sorted(quiet.days)]
        if quiet.days != EVERY_DAY
        else [],
        time_zone=quiet.zone.key,
        alerts_pass=quiet.alerts_pass,
    )


def stored_schedule(wanted: NotificationRule, zone: ZoneInfo) -> Schedule:
    """Returns what a rule says about when.

    Args:
        wanted: the rule, whose fields were checked.
        zone: of the organization, for quiet hours that name none.
    """
    frequency = Frequency.AT_ONCE
    if wanted.frequency != NotificationRule.FREQUENCY_UNSPECIFIED:
        frequency = Frequency(NotificationRule.Frequency.Name(wanted.frequency).removeprefix(_FREQUENCY))
    if not wanted.HasField("quiet_hours"):
        return Schedule(frequency)
    quiet = wanted.quiet_hours
    days = frozenset(int(day) - 1 for day in quiet.days) or EVERY_DAY
    start, end = _minute(quiet.start), _minute(quiet.end)
    return Schedule(
        frequency,
        QuietHours(start, end, days, ZoneInfo(quiet.time_zone) if quiet.time_zone else zone, quiet.alerts_pass),
    )


def decided_rule(wanted: NotificationRule, scope: Scope) -> Rule:
    """Returns a rule as alerts are decided by it, without recipients."""
    return Rule(
        "",
        frozenset(wanted.event_types or event_types.OF_BUDGETS),
        scope,
        not wanted.only_scope,
        thresholds_of(wanted.threshold_percents, wanted.threshold_nano_credits),
        recipients=(),
        severity=stored_severity(wanted),
    )


def stored_severity(wanted: NotificationRule) -> str:
    """Returns the severity as it is stored: empty if none is set."""
    if wanted.severity == Notification.SEVERITY_UNSPECIFIED:
        return ""
    return Notification.Severity.Name(wanted.severity).removeprefix(_SEVERITY)


def _time_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def stored_recipients(recipients: Iterable[NotificationRecipient], ids: Sequence[str]) -> list[dict[str, str]]:
    """Returns recipients as they are stored. `ids` are those of members and channels, in their order."""
    stored = []
    for recipient, resource_id in zip(recipients, ids, strict=True):
        if recipient.WhichOneof("recipient") == "audience":
            audience = NotificationRecipient.Audience.Name(recipient.audience).removeprefix(_AUDIENCE)
            stored.append({"kind": audience})
        else:
            stored.append({"kind": str(recipient.WhichOneof("recipient")).upper(), "id": resource_id})
    return stored


def _recipient(organization: str, kind: str, id: str = "") -> NotificationRecipient:  # noqa: A002 - as it is stored
    if kind == "MEMBER":
        return NotificationRecipient(member=str(ResourceName(organization, MEMBERS, id)))
    if kind == "CHANNEL":
        return NotificationRecipient(channel=str(ResourceName(organization, NOTIFICATION_CHANNELS, id)))
    return NotificationRecipient(audience=NotificationRecipient.Audience.Value(f"{_AUDIENCE}{kind}"))
