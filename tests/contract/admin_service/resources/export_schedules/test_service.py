"""A schedule belongs to its creator alone, and is checked as a whole."""

from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.audit_log_pb2 import ListAuditLogEntriesRequest
from megarouter.admin.v1.export_schedule_pb2 import (
    DeleteExportScheduleRequest,
    ExportSchedule,
    GetExportScheduleRequest,
    ListExportSchedulesRequest,
    UpdateExportScheduleRequest,
)

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.export_schedules.conftest import (
    ORGANIZATION,
    created,
    creation,
    present,
    schedule,
)

NOT_FOUND, DENIED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED


def change(one: ExportSchedule, *paths: str, etag: str = "", **fields: Any) -> UpdateExportScheduleRequest:
    wanted = ExportSchedule(name=one.name, etag=etag, **fields)
    return UpdateExportScheduleRequest(export_schedule=wanted, update_mask=FieldMask(paths=paths))


async def changed(client: Client, one: ExportSchedule, *paths: str, **fields: Any) -> ExportSchedule:
    after: ExportSchedule = await client.call("UpdateExportSchedule", change(one, *paths, **fields))
    return after


@pytest.mark.parametrize("member", ["super", "l1", "sub", "member", "sales"])
async def test_every_role_schedules_and_no_one_sees_it_but_its_creator(client: Client, member: str) -> None:
    made = await created(client, member, format="USAGE_EXPORT_FORMAT_PDF", language="REPORT_LANGUAGE_CHINESE")
    assert await present(client, made, member) == made
    assert (made.paused, made.HasField("next_run_time"), made.last_export) == (False, True, "")
    listed = ListExportSchedulesRequest(parent=ORGANIZATION)
    assert list((await client.call("ListExportSchedules", listed, member)).export_schedules) == [made]
    other = "l1-peer" if member == "super" else "super"
    assert not (await client.call("ListExportSchedules", listed, other)).export_schedules
    for method, asked in (
        ("GetExportSchedule", GetExportScheduleRequest(name=made.name)),
        ("UpdateExportSchedule", change(made, "paused", paused=True)),
        ("DeleteExportSchedule", DeleteExportScheduleRequest(name=made.name)),
    ):
        failure = await client.failure(method, asked, other)
        assert (failure.code, failure.reason) == (NOT_FOUND, "EXPORT_SCHEDULE_NOT_FOUND")
        assert await client.code(method, asked, "stranger") == DENIED
    await client.call("DeleteExportSchedule", DeleteExportScheduleRequest(name=made.name), member)
    assert await client.code("GetExportSchedule", GetExportScheduleRequest(name=made.name), member) == NOT_FOUND


async def test_changes_keep_the_rest_and_the_etag_guards_them(client: Client) -> None:
    made = await created(client, usage_filter={"models": ["models/gpt-5"]})
    paused = await changed(client, made, "paused", paused=True)
    assert (paused.paused, paused.pause_reason) == (True, ExportSchedule.PAUSE_REASON_REQUESTED)
    assert (paused.HasField("next_run_time"), paused.usage_filter) == (False, made.usage_filter)
    stale = await client.failure("UpdateExportSchedule", change(made, "paused", etag=made.etag))
    assert stale.reason == "ETAG_MISMATCH"
    back = await changed(client, made, "paused", etag=paused.etag)
    assert (back.paused, back.next_run_time, back.etag) == (False, made.next_run_time, made.etag)
    weekly = await changed(client, made, "cadence", "weekday", cadence="CADENCE_WEEKLY", weekday=3)
    assert weekly.next_run_time.ToDatetime().isoweekday() == 3
    assert (weekly.next_run_time.ToDatetime().hour, weekly.display_name) == (6, made.display_name)
    # A change of nothing is no change.
    assert await changed(client, made, "hour", hour=6) == weekly


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": 0}, "export_schedule.format"),
        ({"period": 0}, "export_schedule.period"),
        ({"cadence": 0}, "export_schedule.cadence"),
        ({"hour": 24}, "export_schedule.hour"),
        ({"cadence": "CADENCE_WEEKLY"}, "export_schedule.weekday"),
        ({"weekday": 1}, "export_schedule.weekday"),
        ({"cadence": "CADENCE_WEEKLY", "weekday": 8}, "export_schedule.weekday"),
        ({"cadence": "CADENCE_MONTHLY"}, "export_schedule.day_of_month"),
        ({"cadence": "CADENCE_MONTHLY", "day_of_month": 29}, "export_schedule.day_of_month"),
        ({"display_name": ""}, "export_schedule.display_name"),
        ({"usage_filter": {"groups": ["organizations/other/groups/eng"]}}, "usage_filter.groups[0]"),
    ],
)
async def test_a_schedule_that_cannot_run_is_refused(client: Client, fields: dict[str, Any], field: str) -> None:
    assert field in (await client.failure("CreateExportSchedule", creation(**fields))).fields
    made = await created(client)
    update = UpdateExportScheduleRequest(
        export_schedule=schedule(name=made.name, **fields), update_mask=FieldMask(paths=["*"])
    )
    failure = await client.failure("UpdateExportSchedule", update)
    assert field.removeprefix("export_schedule.") in {one.removeprefix("export_schedule.") for one in failure.fields}
    assert await present(client, made) == made


async def test_schedules_have_a_largest_number_that_leavers_do_not_use_up(
    client: Client, owner: asyncpg.Connection
) -> None:
    for member in ("l1", "sub", "member", "sales"):
        for _ in range(5):
            await created(client, member)
    full = await client.failure("CreateExportSchedule", creation())
    assert full.reason == "EXPORT_SCHEDULE_LIMIT_REACHED"
    assert "The organization has too many" in full.message
    assert "You have too many" in (await client.failure("CreateExportSchedule", creation(), "l1")).message
    await owner.execute("UPDATE export_schedules SET pause_reason = 'CREATOR_GONE' WHERE user_id = 'sales'")
    for _ in range(5):
        made = await created(client)
    assert made.name
    # Who comes back resumes one when there is room again.
    own = (
        await client.call("ListExportSchedules", ListExportSchedulesRequest(parent=ORGANIZATION), "sales")
    ).export_schedules
    resumed = await client.failure("UpdateExportSchedule", change(own[0], "paused"), "sales")
    assert resumed.reason == "EXPORT_SCHEDULE_LIMIT_REACHED"
    await client.call("DeleteExportSchedule", DeleteExportScheduleRequest(name=made.name))
    assert not (await client.call("UpdateExportSchedule", change(own[0], "paused"), "sales")).paused


async def test_the_audit_log_has_every_change(client: Client) -> None:
    made = await created(client, "l1")
    await client.call("UpdateExportSchedule", change(made, "paused", paused=True), "l1")
    await client.call("DeleteExportSchedule", DeleteExportScheduleRequest(name=made.name), "l1")
    entries = (
        await client.call("ListAuditLogEntries", ListAuditLogEntriesRequest(parent=ORGANIZATION))
    ).audit_log_entries
    acts = [(entry.method.rpartition("/")[2], entry.resource) for entry in entries if "Schedule" in entry.method]
    methods = ("DeleteExportSchedule", "UpdateExportSchedule", "CreateExportSchedule")
    assert acts == [(method, made.name) for method in methods]
