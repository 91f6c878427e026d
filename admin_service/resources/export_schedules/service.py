"""Serves `megarouter.admin.v1.ExportSchedules`."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from google.protobuf.empty_pb2 import Empty
from megarouter.admin.v1 import export_schedule_pb2
from megarouter.admin.v1.export_schedule_pb2 import (
    CreateExportScheduleRequest,
    DeleteExportScheduleRequest,
    ExportSchedule,
    GetExportScheduleRequest,
    ListExportSchedulesRequest,
    ListExportSchedulesResponse,
    UpdateExportScheduleRequest,
)
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Target
from admin_service.analytics.query import InvalidQueryError, UsageQuery
from admin_service.analytics.reading import require_valid
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.etags import check_etag
from admin_service.api.masks import apply_update
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.analytics.questions import filter_of
from admin_service.resources.export_schedules import store
from admin_service.resources.export_schedules.messages import plan_of, schedule_message, schedule_name, violations_of
from admin_service.resources.export_schedules.store import Due, Plan, ScheduleRow
from admin_service.resources.export_schedules.timing import exported_period, next_run
from admin_service.resources.usage_exports.owners import requester_of
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MOST_OWN: Final = 5
MOST: Final = 20
"""Schedules that exist at a time, of a creator and of an organization."""
REQUESTED: Final = "REQUESTED"
_READ: Final = Permission.USAGE_READ

_LISTING: Final = Listing(
    columns=store.COLUMNS,
    source="export_schedules s",
    make=store.make_row,
    permission=Permission.USAGE_EXPORTS_READ,
    orders={"create_time": SortColumn("s.create_time", "timestamptz")},
    unique=SortColumn("s.schedule_id", "text"),
    default_order="create_time desc",
    fields={},
)


class ExportSchedulesApi:
    """The schedules of each caller. No one sees those of anyone else, whatever their role."""

    service = export_schedule_pb2.DESCRIPTOR.services_by_name["ExportSchedules"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        make_id: Callable[[str], str],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self._now = now
        self.handlers: Mapping[str, Handle] = {"GetExportSchedule": self.get, "ListExportSchedules": self.list}
        self.changes: Mapping[str, MakeChange] = {
            "CreateExportSchedule": self.create,
            "UpdateExportSchedule": self.update,
            "DeleteExportSchedule": delete,
        }
        # An update is checked as a whole, with what it leaves as it was.
        self.rules: Mapping[str, Rule] = {"CreateExportSchedule": _check_creation}

    async def get(self, _request: GetExportScheduleRequest, caller: Caller) -> ExportSchedule:
        """GetExportSchedule returns a schedule of the caller."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return schedule_message(await _named(connection, caller))

    async def list(self, request: ListExportSchedulesRequest, caller: Caller) -> ListExportSchedulesResponse:
        """ListExportSchedules returns the schedules of the caller."""
        organization = caller.resource.organization
        query = _LISTING.query(
            request, self._page_tokens, organization,
            Condition("s.organization_id = {}", organization),
            Condition("s.requester = {}", requester_of(caller)),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return ListExportSchedulesResponse(
            export_schedules=map(schedule_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(self, request: CreateExportScheduleRequest, change: Change) -> ExportSchedule:
        """CreateExportSchedule adds a schedule."""
        caller: Caller = change.caller
        organization, wanted = caller.resource.organization, request.export_schedule
        caller.require(_READ, Target(organization), request.parent)
        await _require_room(change.connection, caller)
        plan, due = await self._checked(change.connection, organization, wanted)
        name = (organization, self._make_id("schedule"))
        owner = (requester_of(caller), caller.user, caller.actor.role.value)
        await store.add_schedule(change.connection, name, owner, plan, REQUESTED if wanted.paused else "", due)
        made = schedule_message(await _own(change.connection, caller, name[1]))
        change.record(made.name, None, made, group_path=change.own_group_path)
        return made

    async def update(self, request: UpdateExportScheduleRequest, change: Change) -> ExportSchedule:
        """UpdateExportSchedule changes, pauses or resumes a schedule."""
        caller: Caller = change.caller
        row = await _named(change.connection, caller)
        caller.require(_READ, Target(row.organization), caller.resource)
        check_etag(request.export_schedule.etag, row.etag)
        before = schedule_message(row)
        wanted = schedule_message(row)
        apply_update(request.update_mask, request.export_schedule, wanted)
        plan, fresh = await self._checked(change.connection, row.organization, wanted)
        resumes = bool(row.pause_reason) and not wanted.paused
        if resumes and row.pause_reason == "CREATOR_GONE":
            await _require_room(change.connection, caller)
        reason = (row.pause_reason or REQUESTED) if wanted.paused else ""
        keeps_time = not resumes and plan.rhythm == row.plan.rhythm
        due = Due(row.due_after, next_run(plan.rhythm, fresh.zone, row.due_after), fresh.zone) if keeps_time else fresh
        role = caller.actor.role.value
        if (plan, reason, role) == (row.plan, row.pause_reason, row.role):
            return before
        await store.change_schedule(change.connection, (row.organization, row.schedule), role, plan, reason, due)
        after = schedule_message(await _named(change.connection, caller))
        change.record(after.name, before, after, group_path=change.own_group_path)
        return after

    async def _checked(self, connection: Connection, organization: str, wanted: ExportSchedule) -> tuple[Plan, Due]:
        """Returns what to store, and the first time from now on.

        Raises:
            AdminError: INVALID_ARGUMENT.
        """
        if violations := list(violations_of(wanted)):
            raise invalid_fields(*violations)
        kept = filter_of(wanted.usage_filter, organization)
        plan = plan_of(wanted, f"organizations/{organization}")
        now, zone = self._now(), await store.zone_of(connection, organization)
        start, end = exported_period(plan.period, zone, now)
        try:
            require_valid(UsageQuery(organization, start, end, filter=kept))
        except InvalidQueryError as error:
            raise invalid_fields(FieldViolation("export_schedule.usage_filter", str(error))) from error
        return plan, Due(now, next_run(plan.rhythm, zone, now), zone)


async def delete(_request: DeleteExportScheduleRequest, change: Change) -> Empty:
    """DeleteExportSchedule deletes a schedule. Its exports stay."""
    row = await _named(change.connection, change.caller)
    await store.delete_schedule(change.connection, row.organization, row.schedule)
    message = schedule_message(row)
    change.record(message.name, message, None, group_path=change.own_group_path)
    return Empty()


def _check_creation(request: CreateExportScheduleRequest) -> Iterable[FieldViolation]:
    return violations_of(request.export_schedule)


async def _named(connection: Connection, caller: Caller) -> ScheduleRow:
    return await _own(connection, caller, str(caller.resource.resource_id))


async def _own(connection: Connection, caller: Caller, schedule: str) -> ScheduleRow:
    """Returns a schedule of the caller.

    Raises:
        AdminError: NOT_FOUND, the same for one of somebody else and one that does not exist.
    """
    organization = caller.resource.organization
    row = await store.get_schedule(connection, organization, schedule)
    if row is None or row.requester != requester_of(caller):
        message = f"You have no schedule {schedule_name(organization, schedule)}: it was never yours, or was deleted."
        raise AdminError(grpc.StatusCode.NOT_FOUND, ErrorReason.EXPORT_SCHEDULE_NOT_FOUND, message)
    return row


async def _require_room(connection: Connection, caller: Caller) -> None:
    of_all, own = await store.count_schedules(connection, caller.resource.organization, requester_of(caller))
    if own < MOST_OWN and of_all < MOST:
        return
    whose = "You have" if own >= MOST_OWN else "The organization has"
    message = (
        f"{whose} too many schedules of exports: at most {MOST_OWN} of a creator and {MOST} of an organization exist at a time."
        " Delete one that is no longer needed."
    )
    raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorReason.EXPORT_SCHEDULE_LIMIT_REACHED, message)
