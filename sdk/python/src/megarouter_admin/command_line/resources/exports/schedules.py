"""Commands about schedules of exports."""

import enum
from typing import Annotated, Final

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    CreateExportScheduleRequest,
    DeleteExportScheduleRequest,
    ExportSchedule,
    GetExportScheduleRequest,
    ListExportSchedulesRequest,
    UpdateExportScheduleRequest,
    UsageExportFormat,
    UsageFilter,
)

from megarouter_admin.command_line.parsing.commands import LimitOption, Section, YesOption, command, confirm, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.resources.exports.background import FORMATS
from megarouter_admin.command_line.resources.exports.files import LANGUAGES, PAPERS, Format, Paper
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()

ScheduleArgument = Annotated[str, Argument(metavar="SCHEDULE", text="Its id or name.")]


class Weekday(enum.StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Of(enum.StrEnum):
    """The period that a run exports."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_PERIODS: Final = {
    Of.DAY: ExportSchedule.PERIOD_PREVIOUS_DAY,
    Of.WEEK: ExportSchedule.PERIOD_PREVIOUS_WEEK,
    Of.MONTH: ExportSchedule.PERIOD_PREVIOUS_MONTH,
}
_WEEKDAYS: Final = tuple(Weekday)
_REASONS: Final = {
    ExportSchedule.PAUSE_REASON_REQUESTED: "paused",
    ExportSchedule.PAUSE_REASON_CREATOR_GONE: "paused: its creator was removed, suspended, revoked or has expired",
    ExportSchedule.PAUSE_REASON_RIGHTS_LOST: "paused: its creator has fewer rights than when they set it",
    ExportSchedule.PAUSE_REASON_TOO_MANY_EXPORTS: "paused: too many exports of schedules are kept; delete some",
}


@command(application, "schedules", "exports schedules")
def schedules(session: Session, limit: LimitOption = 100) -> None:
    """List your schedules, the latest first: exports that the service starts at fixed times."""
    request = ListExportSchedulesRequest(parent=session.organization)
    found = session.listed(session.router.export_schedules.ListExportSchedules, request, "export_schedules", limit)
    columns = [
        Column[ExportSchedule]("schedule", lambda one: short_name(one.name)),
        Column[ExportSchedule]("name", lambda one: one.display_name),
        Column[ExportSchedule]("format", _format),
        Column[ExportSchedule]("of the previous", _period),
        Column[ExportSchedule]("runs", _times),
        Column[ExportSchedule]("next", _next),
        Column[ExportSchedule]("last export", _last),
    ]
    session.output.rows(columns, found, "no schedules")


@command(application, "show-schedule", "exports show-schedule schedule-01abc")
def show_schedule(session: Session, schedule: ScheduleArgument) -> None:
    """Show a schedule: when it runs next, the export it made last, and why it is paused."""
    name = session.name(Collection.EXPORT_SCHEDULES, schedule)
    _show(session, session.router.export_schedules.GetExportSchedule(GetExportScheduleRequest(name=name)))


@command(
    application,
    "add-schedule",
    'exports add-schedule "Calls of yesterday" --of day --hour 6',
    'exports add-schedule "Weekly report" --of week --on monday --hour 7 --format pdf --group Product/Apps',
    'exports add-schedule "Monthly costs" --of month --day 2 --hour 6 --format focus',
)
def add_schedule(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What you call it.")],
    of: Annotated[Of, Option("--of", text="The whole day, week or month before each run, which it exports.")],
    hour: Annotated[
        int, Option("--hour", metavar="HOUR", minimum=0, text="In the organization's time zone, 0 to 23.")
    ] = 6,
    on: Annotated[Weekday | None, Option("--on", text="Run every week on this day.")] = None,
    day: Annotated[int, Option("--day", metavar="DAY", minimum=0, text="Run every month on this day, 1 to 28.")] = 0,
    form: Annotated[
        Format, Option("--format", text="csv: a row for each call. focus: FOCUS 1.2. pdf: a report for people.")
    ] = Format.CSV,
    group: Annotated[str, Option("--group", metavar="GROUP", text="Only this group and everything below it.")] = "",
    language: Annotated[Language, Option("--language", text="Language of a report: en or zh.")] = Language.EN,
    paper: Annotated[Paper, Option("--paper", text="Paper of a report: a4 or letter.")] = Paper.A4,
    *,
    raw: Annotated[bool, Option("--raw", text="Do not protect text in CSV that looks like a formula.")] = False,
) -> None:
    """Add a schedule. It runs every day, or on the day that --on or --day names."""
    if on is not None and day:
        raise ValueError("--on and --day exclude each other")
    wanted = ExportSchedule(
        display_name=name,
        format=FORMATS[form],
        usage_filter=UsageFilter(groups=[session.existing_group(group)]) if group else None,
        raw=raw,
        language=LANGUAGES[language],
        paper=PAPERS[paper],
        period=_PERIODS[of],
        cadence=ExportSchedule.CADENCE_DAILY,
        hour=hour,
    )
    if on is not None:
        wanted.cadence, wanted.weekday = ExportSchedule.CADENCE_WEEKLY, _WEEKDAYS.index(on) + 1
    if day:
        wanted.cadence, wanted.day_of_month = ExportSchedule.CADENCE_MONTHLY, day
    request = CreateExportScheduleRequest(parent=session.organization, export_schedule=wanted)
    _show(session, session.router.export_schedules.CreateExportSchedule(request))


@command(application, "pause-schedule", "exports pause-schedule schedule-01abc")
def pause_schedule(session: Session, schedule: ScheduleArgument) -> None:
    """Pause a schedule."""
    _show(session, _set_paused(session, schedule, paused=True))


@command(application, "resume-schedule", "exports resume-schedule schedule-01abc")
def resume_schedule(session: Session, schedule: ScheduleArgument) -> None:
    """Resume a schedule with the rights that you have now. It runs at its next time."""
    _show(session, _set_paused(session, schedule, paused=False))


@command(application, "delete-schedule", "exports delete-schedule schedule-01abc")
def delete_schedule(session: Session, schedule: ScheduleArgument, *, yes: YesOption = False) -> None:
    """Delete a schedule. The exports that it made stay until they expire."""
    name = session.name(Collection.EXPORT_SCHEDULES, schedule)
    found = session.router.export_schedules.GetExportSchedule(GetExportScheduleRequest(name=name))
    confirm(f"Delete the schedule {found.display_name} ({_times(found)})?", yes=yes)
    session.router.export_schedules.DeleteExportSchedule(DeleteExportScheduleRequest(name=name))
    session.output.remark(f"deleted {short_name(name)}")


def _set_paused(session: Session, schedule: str, *, paused: bool) -> ExportSchedule:
    name = session.name(Collection.EXPORT_SCHEDULES, schedule)
    request = UpdateExportScheduleRequest(
        export_schedule=ExportSchedule(name=name, paused=paused), update_mask=FieldMask(paths=["paused"])
    )
    changed: ExportSchedule = session.router.export_schedules.UpdateExportSchedule(request)
    return changed


def _show(session: Session, one: ExportSchedule) -> None:
    session.output.one(
        one,
        [
            ("schedule", short_name(one.name)),
            ("name", one.display_name),
            ("format", _format(one)),
            ("of the previous", _period(one)),
            ("groups", ", ".join(map(short_name, one.usage_filter.groups))),
            ("runs", _times(one)),
            ("next", _next(one)),
            ("last run", one.last_run_time.ToJsonString() if one.HasField("last_run_time") else ""),
            ("last export", _last(one)),
        ],
    )


def _format(one: ExportSchedule) -> str:
    return label(UsageExportFormat.Name(one.format), "USAGE_EXPORT_FORMAT_")


def _period(one: ExportSchedule) -> str:
    return label(ExportSchedule.Period.Name(one.period), "PERIOD_PREVIOUS_")


def _times(one: ExportSchedule) -> str:
    at = f"at {one.hour:02}:00"
    if one.cadence == ExportSchedule.CADENCE_WEEKLY:
        return f"every {_WEEKDAYS[one.weekday - 1].capitalize()} {at}"
    if one.cadence == ExportSchedule.CADENCE_MONTHLY:
        return f"on day {one.day_of_month} of every month {at}"
    return f"every day {at}"


def _next(one: ExportSchedule) -> str:
    return _REASONS.get(one.pause_reason, "paused") if one.paused else one.next_run_time.ToJsonString()


def _last(one: ExportSchedule) -> str:
    return short_name(one.last_export) if one.last_export else ""
