"""The rows of schedules."""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.api.etags import etag_of
from admin_service.resources.export_schedules.timing import Rhythm
from gateway_core.model.limits.cycles import Cycle
from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = (
    "s.organization_id, s.schedule_id, s.requester, s.user_id, s.role, s.display_name, s.request, s.period, s.cadence, s.weekday,"
    " s.day_of_month, s.hour, s.pause_reason, s.due_after, s.next_run_time, s.time_zone, s.last_run_time, s.last_export_id,"
    " s.create_time, s.update_time"
)
_GET: Final = f"SELECT {COLUMNS} FROM export_schedules s WHERE s.organization_id = $1 AND s.schedule_id = $2"  # noqa: S608
# No one sees the schedules of people who have left, so they do not count.
_COUNTS: Final = """
SELECT count(*) AS all, count(*) FILTER (WHERE requester = $2) AS own FROM export_schedules
 WHERE organization_id = $1 AND pause_reason <> 'CREATOR_GONE'
"""
_ADD: Final = """
INSERT INTO export_schedules (organization_id, schedule_id, requester, user_id, role, display_name, request, period, cadence,
                              weekday, day_of_month, hour, pause_reason, due_after, next_run_time, time_zone)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_CHANGE: Final = """
UPDATE export_schedules
   SET role = $3, display_name = $4, request = $5, period = $6, cadence = $7, weekday = $8, day_of_month = $9, hour = $10,
       pause_reason = $11, due_after = $12, next_run_time = $13, time_zone = $14, update_time = clock_timestamp()
 WHERE organization_id = $1 AND schedule_id = $2
"""
_PAUSE: Final = """
UPDATE export_schedules SET pause_reason = $3, update_time = clock_timestamp() WHERE organization_id = $1 AND schedule_id = $2
"""
_RUN: Final = """
UPDATE export_schedules SET last_run_time = $3, last_export_id = $4 WHERE organization_id = $1 AND schedule_id = $2
"""
_POSTPONE: Final = """
UPDATE export_schedules SET due_after = $3, next_run_time = $4, time_zone = $5 WHERE organization_id = $1 AND schedule_id = $2
"""
_DELETE: Final = "DELETE FROM export_schedules WHERE organization_id = $1 AND schedule_id = $2"
_ZONE: Final = "SELECT time_zone FROM organizations WHERE organization_id = $1"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the creator sets."""

    display_name: str
    request: bytes
    """`ExportUsageRequest` without a period."""
    period: Cycle
    rhythm: Rhythm


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A stored schedule."""

    organization: str
    schedule: str
    requester: str
    """`users/ID` or `credentials/ID`."""
    user: str
    role: str
    plan: Plan
    pause_reason: str
    """Empty if it runs."""
    due_after: dt.datetime
    next_run_time: dt.datetime
    time_zone: str
    """In which `next_run_time` was computed."""
    last_run_time: dt.datetime | None
    last_export: str
    create_time: dt.datetime
    update_time: dt.datetime

    @property
    def etag(self) -> str:
        """Changes with what the creator sets, and with a pause; not with a run."""
        return etag_of(self.plan, self.pause_reason)


@dataclass(frozen=True, slots=True)
class Due:
    """When a schedule runs next."""

    after: dt.datetime
    time: dt.datetime
    zone: ZoneInfo


def make_row(
    organization: str,
    schedule: str,
    requester: str,
    user: str,
    role: str,
    display_name: str,
    request: bytes,
    period: str,
    cadence: str,
    weekday: int,
    day_of_month: int,
    hour: int,
    pause_reason: str,
    due_after: dt.datetime,
    next_run_time: dt.datetime,
    time_zone: str,
    last_run_time: dt.datetime | None,
    last_export: str,
    create_time: dt.datetime,
    update_time: dt.datetime,
) -> ScheduleRow:
    """Makes a row from `COLUMNS`."""
    plan = Plan(display_name, request, Cycle(period), Rhythm(Cycle(cadence), weekday, day_of_month, hour))
    return ScheduleRow(
        organization, schedule, requester, user, role, plan, pause_reason, due_after, next_run_time, time_zone, last_run_time,
        last_export, create_time, update_time,
    )  # fmt: skip


async def get_schedule(connection: Connection, organization: str, schedule: str) -> ScheduleRow | None:
    """Returns a schedule, or None."""
    row = await connection.fetchrow(_GET, organization, schedule)
    return make_row(*row) if row else None


async def count_schedules(connection: Connection, organization: str, requester: str) -> tuple[int, int]:
    """Returns how many schedules there are, of the organization and of the requester."""
    row = await connection.fetchrow(_COUNTS, organization, requester)
    return (row["all"], row["own"]) if row else (0, 0)


async def zone_of(connection: Connection, organization: str) -> ZoneInfo:
    """Returns the organization's time zone."""
    return ZoneInfo(await connection.fetchval(_ZONE, organization))


async def add_schedule(
    connection: Connection, name: tuple[str, str], owner: tuple[str, str, str], plan: Plan, pause_reason: str, due: Due
) -> None:
    """Adds a schedule.

    Args:
        connection: acts for the organization.
        name: ids of the organization and of the schedule.
        owner: the requester, their user and their role.
        plan: what they set.
        pause_reason: empty if it runs.
        due: when it runs next.
    """
    await connection.execute(_ADD, *name, *owner, *_values(plan, pause_reason, due))


async def change_schedule(
    connection: Connection, name: tuple[str, str], role: str, plan: Plan, pause_reason: str, due: Due
) -> None:
    """Changes a schedule. The arguments are those of `add_schedule`."""
    await connection.execute(_CHANGE, *name, role, *_values(plan, pause_reason, due))


async def pause_schedule(connection: Connection, organization: str, schedule: str, reason: str) -> None:
    """Pauses a schedule."""
    await connection.execute(_PAUSE, organization, schedule, reason)


async def note_run(connection: Connection, organization: str, schedule: str, run: dt.datetime, export: str) -> None:
    """Notes which export the latest run made."""
    await connection.execute(_RUN, organization, schedule, run, export)


async def postpone(connection: Connection, organization: str, schedule: str, due: Due) -> None:
    """Notes when a schedule runs next."""
    await connection.execute(_POSTPONE, organization, schedule, due.after, due.time, due.zone.key)


async def delete_schedule(connection: Connection, organization: str, schedule: str) -> None:
    """Deletes a schedule."""
    await connection.execute(_DELETE, organization, schedule)


def _values(plan: Plan, pause_reason: str, due: Due) -> tuple[object, ...]:
    rhythm = plan.rhythm
    return (
        plan.display_name, plan.request, plan.period.value, rhythm.cadence.value, rhythm.weekday, rhythm.day_of_month, rhythm.hour,
        pause_reason, due.after, due.time, due.zone.key,
    )  # fmt: skip
