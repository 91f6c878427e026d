"""A due schedule starts one export of the period before, with what its creator may see then, or pauses and says why."""

import asyncio
from typing import Any

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.audit_log_pb2 import ListAuditLogEntriesRequest
from megarouter.admin.v1.credential_pb2 import CreateCredentialRequest, Credential
from megarouter.admin.v1.export_schedule_pb2 import (
    DeleteExportScheduleRequest,
    ExportSchedule,
    UpdateExportScheduleRequest,
)
from megarouter.admin.v1.usage_export_pb2 import (
    ExportUsageRequest,
    GetUsageExportRequest,
    ListUsageExportsRequest,
    UsageExportFormat,
)
from megarouter.type.v1.permission_pb2 import Permission

from admin_service.analytics.reports.rendering import Renderer
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.making import make_file
from admin_service.resources.usage_exports.store import Claim
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.export_schedules.conftest import (
    ORGANIZATION,
    Clock,
    created,
    creation,
    present,
)

GONE, LOST = ExportSchedule.PAUSE_REASON_CREATOR_GONE, ExportSchedule.PAUSE_REASON_RIGHTS_LOST
DAY = "12-01T00:00 12-02T00:00"


async def resume(client: Client, one: ExportSchedule, member: str = "super") -> ExportSchedule:
    request = UpdateExportScheduleRequest(
        export_schedule=ExportSchedule(name=one.name), update_mask=FieldMask(paths=["paused"])
    )
    after: ExportSchedule = await client.call("UpdateExportSchedule", request, member)
    return after


async def test_a_run_starts_an_ordinary_export_of_the_day_before(client: Client, clock: Clock) -> None:
    made = await created(client, "l1", usage_filter={"models": ["models/gpt-5"]}, raw=True)
    await clock.start_at("2026-12-01T12:00")
    assert await clock.run_at("2026-12-02T05:59:59") == 0
    assert await clock.run_at("2026-12-02T06:00:00") == 1
    assert await clock.run_at("2026-12-02T06:00:01") == 0
    after = await present(client, made, "l1")
    assert (
        f"{after.last_run_time.ToDatetime():%d %H:%M} {after.next_run_time.ToDatetime():%d %H:%M}"
        == "02 06:00 03 06:00"
    )
    assert after.etag == made.etag
    export = await client.call("GetUsageExport", GetUsageExportRequest(name=after.last_export), "l1")
    assert (export.export_schedule, export.usage_filter, export.format) == (made.name, made.usage_filter, made.format)
    assert await clock.periods() == [DAY]
    (row,) = await clock.owner.fetch("SELECT * FROM usage_exports")
    assert (row["requester"], row["member_id"], row["role"], row["group_path"]) == (
        "users/l1",
        "l1",
        "L1_ADMIN",
        ["eng"],
    )
    asked = ExportUsageRequest.FromString(row["request"])
    assert (asked.parent, asked.raw) == (ORGANIZATION, True)
    entries = (
        await client.call("ListAuditLogEntries", ListAuditLogEntriesRequest(parent=ORGANIZATION))
    ).audit_log_entries
    assert (entries[0].method.rpartition("/")[2], entries[0].resource) == ("RunExportSchedule", export.name)
    # The schedule ends, and its export stays.
    await client.call("DeleteExportSchedule", DeleteExportScheduleRequest(name=made.name), "l1")
    assert await clock.run_at("2026-12-03T06:00:00") == 0
    assert (await client.call("ListUsageExports", ListUsageExportsRequest(parent=ORGANIZATION), "l1")).usage_exports


async def test_several_replicas_start_each_export_once(client: Client, clock: Clock) -> None:
    for member in ("super", "l1", "sub", "member"):
        for _ in range(3):
            await created(client, member)
    await clock.start_at("2026-12-01T12:00")
    for day in range(2, 6):
        results = await asyncio.gather(*(clock.run_at(f"2026-12-{day:02}T06:00:05") for _ in range(4)))
        assert sum(results) == 12
    assert len(await clock.periods()) == 4 * 12
    assert len(set(await clock.periods())) == 4


async def test_missed_runs_are_made_up_for_once_with_the_latest_period(client: Client, clock: Clock) -> None:
    made = await created(client, cadence="CADENCE_WEEKLY", weekday=1, period="PERIOD_PREVIOUS_WEEK")
    await clock.start_at("2026-11-01T12:00")
    # Down over four Mondays.
    assert await clock.run_at("2026-11-26T09:30:00") == 1
    assert await clock.run_at("2026-11-26T09:30:05") == 0
    assert await clock.periods() == ["11-16T00:00 11-23T00:00"]
    after = await present(client, made)
    assert (
        f"{after.last_run_time.ToDatetime():%d %H:%M} {after.next_run_time.ToDatetime():%d %H:%M}"
        == "23 06:00 30 06:00"
    )
    assert await clock.run_at("2026-11-30T06:00:00") == 1
    assert (await clock.periods())[1:] == ["11-23T00:00 11-30T00:00"]


@pytest.mark.parametrize(
    ("start", "instants", "runs", "periods"),
    [
        # 02:00 does not exist on March 29, 2026, in Berlin: it runs at 03:00, which is 01:00 in UTC.
        (
            "2026-03-28T12:00",
            ["2026-03-29T00:59:59", "2026-03-29T01:00:00", "2026-03-29T02:00:00", "2026-03-30T00:00:00"],
            [0, 1, 0, 1],
            ["03-27T23:00 03-28T23:00", "03-28T23:00 03-29T22:00"],
        ),
        # 02:00 comes twice on October 25, 2026.
        (
            "2026-10-24T12:00",
            ["2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T02:00:00", "2026-10-26T01:00:00"],
            [1, 0, 0, 1],
            ["10-23T22:00 10-24T22:00", "10-24T22:00 10-25T23:00"],
        ),
    ],
)
async def test_an_hour_that_is_skipped_or_comes_twice_runs_once(
    client: Client, clock: Clock, start: str, instants: list[str], runs: list[int], periods: list[str]
) -> None:
    await clock.owner.execute("UPDATE organizations SET time_zone = 'Europe/Berlin' WHERE organization_id = 'acme'")
    await created(client, hour=2)
    await clock.start_at(start)
    assert [await clock.run_at(instant) for instant in instants] == runs
    assert await clock.periods() == periods


async def test_a_schedule_moves_with_the_time_zone_and_skips_no_day(client: Client, clock: Clock) -> None:
    made = await created(client)
    await clock.start_at("2026-12-01T06:00")
    await clock.owner.execute("UPDATE organizations SET time_zone = 'Asia/Shanghai' WHERE organization_id = 'acme'")
    # 06:00 in Shanghai is 22:00 of the day before in UTC.
    assert await clock.run_at("2026-12-01T12:00") == 0
    assert f"{(await present(client, made)).next_run_time.ToDatetime():%d %H:%M}" == "01 22:00"
    assert await clock.run_at("2026-12-01T22:00") == 1
    assert await clock.periods() == ["11-30T16:00 12-01T16:00"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'l1'", GONE),
        ("UPDATE members SET state = 'REMOVED' WHERE member_id = 'l1'", GONE),
        ("UPDATE members SET role = 'MEMBER' WHERE member_id = 'l1'", LOST),
        ("UPDATE members SET role = 'SUB_ADMIN', group_id = 'platform' WHERE member_id = 'l1'", LOST),
    ],
)
async def test_a_creator_who_lost_rights_pauses_the_schedule_with_the_reason(
    client: Client, clock: Clock, statement: str, reason: int
) -> None:
    made = await created(client, "l1")
    await clock.start_at("2026-12-01T12:00")
    await clock.owner.execute(statement)
    assert await clock.run_at("2026-12-02T06:00") == 0
    assert await clock.periods() == []
    entries = (
        await client.call("ListAuditLogEntries", ListAuditLogEntriesRequest(parent=ORGANIZATION))
    ).audit_log_entries
    assert (entries[0].method.rpartition("/")[2], entries[0].resource) == ("PauseExportSchedule", made.name)
    await clock.owner.execute("UPDATE members SET state = 'ACTIVE' WHERE member_id = 'l1'")
    paused = await present(client, made, "l1")
    assert (paused.paused, paused.pause_reason, paused.HasField("next_run_time")) == (True, reason, False)
    assert paused.etag != made.etag
    # It stays paused until its creator, who has the rights that they have now, resumes it. Then it makes up for nothing.
    assert await clock.run_at("2026-12-02T06:01") == 0
    await resume(client, made, "l1")
    await clock.start_at("2026-12-02T07:00")
    assert await clock.run_at("2026-12-03T06:00") == 1
    present_place = await clock.owner.fetch("SELECT role, group_path FROM members WHERE member_id = 'l1'")
    assert await clock.owner.fetch("SELECT role, group_path FROM usage_exports") == present_place


async def test_a_creator_who_moves_gets_what_they_may_see_then(client: Client, clock: Clock) -> None:
    await created(client, "l1")
    await clock.start_at("2026-12-01T12:00")
    await clock.owner.execute("UPDATE members SET group_id = 'sales' WHERE member_id = 'l1'")
    assert await clock.run_at("2026-12-02T06:00") == 1
    assert await clock.owner.fetchval("SELECT group_path FROM usage_exports") == ["sales"]


async def test_a_suspended_organization_runs_nothing_until_it_is_resumed(client: Client, clock: Clock) -> None:
    made = await created(client)
    await clock.start_at("2026-12-01T12:00")
    await clock.owner.execute("UPDATE organizations SET state = 'SUSPENDED' WHERE organization_id = 'acme'")
    assert await clock.run_at("2026-12-02T06:00") == 0
    await clock.owner.execute("UPDATE organizations SET state = 'ACTIVE' WHERE organization_id = 'acme'")
    assert not (await present(client, made)).paused
    assert await clock.run_at("2026-12-05T12:00") == 1
    assert await clock.periods() == ["12-04T00:00 12-05T00:00"]


async def test_a_credential_schedules_as_long_as_it_may_export(client: Client, clock: Clock) -> None:
    permissions = [Permission.PERMISSION_USAGE_EXPORTS_READ, Permission.PERMISSION_USAGE_EXPORTS_WRITE]
    wanted = Credential(
        display_name="Nightly",
        kind=Credential.KIND_AUTOMATION,
        permissions=[*permissions, Permission.PERMISSION_USAGE_READ],
    )
    program = await client.call("CreateCredential", CreateCredentialRequest(parent=ORGANIZATION, credential=wanted))
    using: dict[str, Any] = {"metadata": [("authorization", f"Bearer {program.secret}")]}
    await client.call("CreateExportSchedule", creation(), **using)
    await clock.start_at("2026-12-01T12:00")
    assert await clock.run_at("2026-12-02T06:00") == 1
    (row,) = await clock.owner.fetch("SELECT requester, role FROM usage_exports")
    assert (row["requester"].partition("/")[0], row["role"]) == ("credentials", "SUPER_ADMIN")
    exports = await client.call("ListUsageExports", ListUsageExportsRequest(parent=ORGANIZATION), **using)
    assert len(exports.usage_exports) == 1
    reasons = []
    for statement, day in (
        ("UPDATE credentials SET permissions = '{usage_exports:write}'", 3),
        ("UPDATE credentials SET revoke_time = now()", 4),
    ):
        await clock.owner.execute("UPDATE export_schedules SET pause_reason = ''")
        await clock.owner.execute(statement)
        assert await clock.run_at(f"2026-12-{day:02}T06:00") == 0
        reasons.append(await clock.owner.fetchval("SELECT pause_reason FROM export_schedules"))
    assert reasons == ["RIGHTS_LOST", "CREATOR_GONE"]


async def test_exports_of_schedules_have_a_bound_of_their_own(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin_service.resources.export_schedules.running.MOST_KEPT_OWN", 2)
    made = await created(client)
    await clock.start_at("2026-12-01T12:00")
    assert [await clock.run_at(f"2026-12-{day:02}T06:00") for day in (2, 3, 4)] == [1, 1, 0]
    reason = (await present(client, made)).pause_reason
    assert reason == ExportSchedule.PAUSE_REASON_TOO_MANY_EXPORTS
    # They leave the room for exports that people start as it was.
    asked = ExportUsageRequest(parent=ORGANIZATION, format=UsageExportFormat.USAGE_EXPORT_FORMAT_CSV)
    asked.time_range.start_time.FromJsonString("2026-11-01T00:00:00Z")
    for _ in range(5):
        await client.call("ExportUsage", asked)
    assert (await client.failure("ExportUsage", asked)).reason == "TOO_MANY_EXPORTS"


@pytest.mark.parametrize(("cadence", "life_h"), [("CADENCE_DAILY", 24), ("CADENCE_MONTHLY", 7 * 24)])
async def test_files_of_rare_schedules_are_kept_for_a_week(
    client: Client, clock: Clock, owner: asyncpg.Connection, cadence: str, life_h: int
) -> None:
    await created(client, cadence=cadence, day_of_month=2 if cadence == "CADENCE_MONTHLY" else 0)
    await clock.start_at("2026-12-01T12:00")
    assert await clock.run_at("2026-12-02T06:00") == 1
    claim = Claim("acme", await owner.fetchval("SELECT export_id FROM usage_exports"), "only")
    async with acting_for(clock.pool, "acme") as connection:
        assert await store.claim_export(connection, claim) == 1
    await make_file(clock.pool, Renderer(), claim)
    ((state, kept),) = await owner.fetch("SELECT state, expire_time - end_time FROM usage_exports")
    assert (state, kept.total_seconds()) == ("SUCCEEDED", life_h * 3_600)
