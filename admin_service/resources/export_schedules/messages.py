"""Schedules as messages. Pure."""

from collections.abc import Iterator
from typing import Final

from megarouter.admin.v1.export_schedule_pb2 import ExportSchedule
from megarouter.admin.v1.usage_export_pb2 import ExportUsageRequest

from admin_service.api.errors import FieldViolation
from admin_service.api.names import EXPORT_SCHEDULES, USAGE_EXPORTS, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.export_schedules.store import Plan, ScheduleRow
from admin_service.resources.export_schedules.timing import Rhythm
from gateway_core.model.limits.cycles import Cycle

_CADENCES: Final = {
    Cycle.DAILY: ExportSchedule.CADENCE_DAILY,
    Cycle.WEEKLY: ExportSchedule.CADENCE_WEEKLY,
    Cycle.MONTHLY: ExportSchedule.CADENCE_MONTHLY,
}
_PERIODS: Final = {
    Cycle.DAILY: ExportSchedule.PERIOD_PREVIOUS_DAY,
    Cycle.WEEKLY: ExportSchedule.PERIOD_PREVIOUS_WEEK,
    Cycle.MONTHLY: ExportSchedule.PERIOD_PREVIOUS_MONTH,
}
_CYCLE_OF_CADENCE: Final = {value: cycle for cycle, value in _CADENCES.items()}
_CYCLE_OF_PERIOD: Final = {value: cycle for cycle, value in _PERIODS.items()}


def schedule_name(organization: str, schedule: str) -> str:
    """Returns the resource name."""
    return str(ResourceName(organization, EXPORT_SCHEDULES, schedule))


def schedule_message(row: ScheduleRow) -> ExportSchedule:
    """Returns a schedule as its creator sees it."""
    request, rhythm = ExportUsageRequest.FromString(row.plan.request), row.plan.rhythm
    message = ExportSchedule(
        name=schedule_name(row.organization, row.schedule),
        display_name=row.plan.display_name,
        format=request.format,
        usage_filter=request.usage_filter if request.HasField("usage_filter") else None,
        raw=request.raw,
        language=request.language,
        paper=request.paper,
        period=_PERIODS[row.plan.period],
        cadence=_CADENCES[rhythm.cadence],
        weekday=rhythm.weekday,
        day_of_month=rhythm.day_of_month,
        hour=rhythm.hour,
        paused=bool(row.pause_reason),
        pause_reason=ExportSchedule.PauseReason.Value(f"PAUSE_REASON_{row.pause_reason or 'UNSPECIFIED'}"),
        next_run_time=None if row.pause_reason else timestamp(row.next_run_time),
        last_run_time=timestamp(row.last_run_time) if row.last_run_time else None,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
    )
    if row.last_export:
        message.last_export = str(ResourceName(row.organization, USAGE_EXPORTS, row.last_export))
    return message


def violations_of(wanted: ExportSchedule) -> Iterator[FieldViolation]:
    """Yields what is wrong in a schedule, beyond what the rules of its fields say."""
    if not wanted.format:
        yield FieldViolation("export_schedule.format", "must be CSV, FOCUS or PDF")
    if not wanted.period:
        yield FieldViolation("export_schedule.period", "must be the previous day, week or month")
    if not wanted.cadence:
        yield FieldViolation("export_schedule.cadence", "must be daily, weekly or monthly")
        return
    if (wanted.cadence == ExportSchedule.CADENCE_WEEKLY) != bool(wanted.weekday):
        yield FieldViolation("export_schedule.weekday", "must be from 1 to 7 if it runs weekly, and 0 otherwise")
    if (wanted.cadence == ExportSchedule.CADENCE_MONTHLY) != bool(wanted.day_of_month):
        yield FieldViolation("export_schedule.day_of_month", "must be from 1 to 28 if it runs monthly, and 0 otherwise")


def plan_of(wanted: ExportSchedule, parent: str) -> Plan:
    """Returns what to store. The schedule must be without violations."""
    request = ExportUsageRequest(
        parent=parent,
        usage_filter=wanted.usage_filter if wanted.HasField("usage_filter") else None,
        format=wanted.format,
        raw=wanted.raw,
        language=wanted.language,
        paper=wanted.paper,
    )
    rhythm = Rhythm(_CYCLE_OF_CADENCE[wanted.cadence], wanted.weekday, wanted.day_of_month, wanted.hour)
    return Plan(
        wanted.display_name, request.SerializeToString(deterministic=True), _CYCLE_OF_PERIOD[wanted.period], rhythm
    )
