"""The commands about schedules of exports."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    CreateExportScheduleRequest,
    DeleteExportScheduleRequest,
    ExportSchedule,
    GetExportScheduleRequest,
    ListExportSchedulesRequest,
    ListExportSchedulesResponse,
    UpdateExportScheduleRequest,
    UsageExportFormat,
)
from megarouter_admin.command_line.command_errors import DeclinedError
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.exports.files import Format
from megarouter_admin.command_line.resources.exports.schedules import (
    Of,
    Weekday,
    add_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    schedules,
    show_schedule,
)
from megarouter_admin.command_line.session import Session

from tests.unit.sdk.command_line.test_usage import NOW

NAME = "organizations/acme/exportSchedules/schedule-1"


class Service:
    """Keeps one schedule."""

    def __init__(self, **fields: Any) -> None:
        self.asked: list[Any] = []
        self.kept = ExportSchedule(
            name=NAME, display_name="Weekly", cadence=ExportSchedule.CADENCE_WEEKLY, weekday=7, hour=7, **fields
        )

    def CreateExportSchedule(self, request: CreateExportScheduleRequest) -> ExportSchedule:  # noqa: N802 - as the API
        self.asked.append(request)
        return request.export_schedule

    def UpdateExportSchedule(self, request: UpdateExportScheduleRequest) -> ExportSchedule:  # noqa: N802 - as the API
        self.asked.append(request)
        return self.kept

    def GetExportSchedule(self, request: GetExportScheduleRequest) -> ExportSchedule:  # noqa: N802 - as the API
        assert request.name == NAME
        return self.kept

    def ListExportSchedules(  # noqa: N802 - as the API
        self, request: ListExportSchedulesRequest
    ) -> ListExportSchedulesResponse:
        assert request.parent == "organizations/acme"
        return ListExportSchedulesResponse(export_schedules=[self.kept])

    def DeleteExportSchedule(self, request: DeleteExportScheduleRequest) -> None:  # noqa: N802 - as the API
        self.asked.append(request)


def opened(service: Service, *, as_json: bool = False) -> Session:
    router: Any = SimpleNamespace(export_schedules=service)
    return Session(router, "acme", Output(json=as_json), NOW)


def test_a_schedule_runs_daily_unless_a_day_is_named() -> None:
    service = Service()
    add_schedule(opened(service), "Daily", of=Of.DAY)
    add_schedule(opened(service), "Weekly", of=Of.WEEK, on=Weekday.SUNDAY, hour=7, form=Format.PDF)
    add_schedule(opened(service), "Monthly", of=Of.MONTH, day=28, form=Format.FOCUS)
    daily, weekly, monthly = (request.export_schedule for request in service.asked)
    assert (daily.cadence, daily.weekday, daily.day_of_month, daily.hour) == (ExportSchedule.CADENCE_DAILY, 0, 0, 6)
    assert (weekly.cadence, weekly.weekday, weekly.hour) == (ExportSchedule.CADENCE_WEEKLY, 7, 7)
    assert (weekly.format, weekly.period) == (
        UsageExportFormat.USAGE_EXPORT_FORMAT_PDF,
        ExportSchedule.PERIOD_PREVIOUS_WEEK,
    )
    assert (monthly.cadence, monthly.day_of_month) == (ExportSchedule.CADENCE_MONTHLY, 28)
    with pytest.raises(ValueError, match="exclude each other"):
        add_schedule(opened(service), "Both", of=Of.DAY, on=Weekday.MONDAY, day=1)


@pytest.mark.parametrize(("act", "paused"), [(pause_schedule, True), (resume_schedule, False)])
def test_pausing_changes_nothing_else(act: Any, paused: bool) -> None:  # noqa: FBT001 - one of two commands
    service = Service()
    act(opened(service), "schedule-1")
    (request,) = service.asked
    assert (list(request.update_mask.paths), request.export_schedule.paused) == (["paused"], paused)


def test_lists_say_when_a_schedule_runs_and_why_it_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(paused=True, pause_reason=ExportSchedule.PAUSE_REASON_RIGHTS_LOST)
    schedules(opened(service))
    shown = capsys.readouterr().out
    assert "every Sunday at 07:00" in shown
    assert "fewer rights" in shown
    show_schedule(opened(service, as_json=True), "schedule-1")
    assert json.loads(capsys.readouterr().out)["pauseReason"] == "PAUSE_REASON_RIGHTS_LOST"


def test_deleting_asks_with_the_name_first(monkeypatch: pytest.MonkeyPatch) -> None:
    service, questions = Service(), []

    def decline(question: str, *, yes: bool) -> None:
        questions.append(question)
        if not yes:
            raise DeclinedError

    monkeypatch.setattr("megarouter_admin.command_line.resources.exports.schedules.confirm", decline)
    with pytest.raises(DeclinedError):
        delete_schedule(opened(service), "schedule-1")
    assert (service.asked, questions) == ([], ["Delete the schedule Weekly (every Sunday at 07:00)?"])
    delete_schedule(opened(service), "schedule-1", yes=True)
    assert [request.name for request in service.asked] == [NAME]
