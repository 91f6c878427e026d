"""Starts the exports of schedules at their times."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Final

import asyncpg
from megarouter.admin.v1.usage_export_pb2 import ExportUsageRequest

from admin_service.access.authorization import Origin
from admin_service.access.permissions import Actor
from admin_service.api.timestamps import timestamp
from admin_service.resources.export_schedules import store
from admin_service.resources.export_schedules.creators import present_creator
from admin_service.resources.export_schedules.messages import schedule_message, schedule_name
from admin_service.resources.export_schedules.store import Due, ScheduleRow
from admin_service.resources.export_schedules.timing import exported_period, latest_run, next_run
from admin_service.resources.usage_exports import store as exports
from admin_service.resources.usage_exports.messages import export_message
from admin_service.serving.audit_entries import Author, json_of
from admin_service.serving.change_transaction import lock_organization
from gateway_core.model.limits.cycles import Cycle
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
MOST_KEPT_OWN: Final = 15
MOST_KEPT: Final = 60
"""Exports of schedules that are kept at a time, of a creator and of an organization: three for each schedule that may exist."""
TOO_MANY_EXPORTS: Final = "TOO_MANY_EXPORTS"
RUN: Final = "megarouter.admin.v1.ExportSchedules/RunExportSchedule"
PAUSE: Final = "megarouter.admin.v1.ExportSchedules/PauseExportSchedule"
"""What the audit log calls the acts of the service."""
_WEEK_H: Final = 7 * 24
_BATCH: Final = 20
_DUE: Final = "SELECT organization_id, schedule_id FROM export_schedules_due($1, $2)"


class ScheduleRunner:
    """Starts what is due. Any number of replicas may do so at a time; each run is made once."""

    def __init__(self, pool: asyncpg.Pool, make_id: Callable[[str], str], now: Callable[[], dt.datetime]) -> None:
        """Prepares the work.

        Args:
            pool: logged in as admin_service.
            make_id: returns a new id with a prefix.
            now: the clock.
        """
        self._pool = pool
        self._make_id = make_id
        self._now = now

    async def keep_running(self, interval_s: float = INTERVAL_S) -> None:
        """Starts what is due until canceled."""
        while True:
            try:
                await self.run_due()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("cannot look for due schedules", extra={"error": type(error).__name__})
            await asyncio.sleep(interval_s)

    async def run_due(self) -> int:
        """Starts the exports of at most 20 schedules that are due. Returns how many were started."""
        now = self._now()
        async with self._pool.acquire() as connection:
            due = await connection.fetch(_DUE, now, _BATCH)
        started = 0
        for organization, schedule in due:
            async with acting_for(self._pool, organization) as connection:
                # So only one replica runs a schedule, and no right changes while it does.
                if await lock_organization(connection, organization) == "ACTIVE":
                    row = await store.get_schedule(connection, organization, schedule)
                    if row is not None and not row.pause_reason:
                        started += await self._run(connection, row, now)
        return started

    async def _run(self, connection: Connection, row: ScheduleRow, now: dt.datetime) -> bool:
        """Starts the export of the latest time that has come, if one has come. Returns whether it did."""
        zone, rhythm = await store.zone_of(connection, row.organization), row.plan.rhythm
        run = latest_run(rhythm, zone, now)
        if run <= row.due_after:
            after = row.due_after
            await store.postpone(
                connection, row.organization, row.schedule, Due(after, next_run(rhythm, zone, after), zone)
            )
            return False
        creator = await present_creator(connection, row)
        if isinstance(creator, Actor) and await _has_too_many(connection, row):
            creator = TOO_MANY_EXPORTS
        if isinstance(creator, str):
            await _pause(connection, row, creator)
            return False
        start, end = exported_period(row.plan.period, zone, run)
        export = await self._start(connection, row, creator, start, end)
        await store.note_run(connection, row.organization, row.schedule, run, export)
        await store.postpone(connection, row.organization, row.schedule, Due(run, next_run(rhythm, zone, run), zone))
        return True

    async def _start(
        self, connection: Connection, row: ScheduleRow, creator: Actor, start: dt.datetime, end: dt.datetime
    ) -> str:
        request = ExportUsageRequest.FromString(row.plan.request)
        request.time_range.start_time.CopyFrom(timestamp(start))
        request.time_range.end_time.CopyFrom(timestamp(end))
        export = self._make_id("export")
        place = (creator.member, creator.role.value, creator.group_path)
        life_h = exports.LIFE_H if row.plan.rhythm.cadence is Cycle.DAILY else _WEEK_H
        await exports.add_export(
            connection, row.organization, export, row.requester, place, request.SerializeToString(deterministic=True),
            schedule=row.schedule, life_h=life_h,
        )  # fmt: skip
        made = await exports.get_export(connection, row.organization, export)
        if made is None:
            raise AssertionError("an export that was just added is gone")
        message = export_message(made)
        await _author(row, RUN, creator).write(
            connection, row.organization, message.name, None, json_of(message), creator.group_path
        )
        return export


async def _has_too_many(connection: Connection, row: ScheduleRow) -> bool:
    of_all, own = await exports.kept_exports(connection, row.organization, row.requester, of_schedules=True)
    return own >= MOST_KEPT_OWN or of_all >= MOST_KEPT


async def _pause(connection: Connection, row: ScheduleRow, reason: str) -> None:
    await store.pause_schedule(connection, row.organization, row.schedule, reason)
    after = await store.get_schedule(connection, row.organization, row.schedule)
    if after is None:
        raise AssertionError("a schedule that was just paused is gone")
    before, now = schedule_message(row), schedule_message(after)
    name = schedule_name(row.organization, row.schedule)
    await _author(row, PAUSE).write(connection, row.organization, name, json_of(before), json_of(now))
    logger.info("paused a schedule of exports", extra={"schedule": row.schedule, "reason": reason})


def _author(row: ScheduleRow, method: str, creator: Actor | None = None) -> Author:
    """Returns in whose name the audit log has an act: that of the creator."""
    kind, _, ident = row.requester.partition("/")
    is_person = kind == "users"
    return Author(
        row.user,
        method,
        Origin(),
        member=creator.member if creator and is_person else None,
        role=creator.role.value if creator and is_person else None,
        credential=None if is_person else ident,
    )
