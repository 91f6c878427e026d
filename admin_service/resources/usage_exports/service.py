"""Serves `megarouter.admin.v1.UsageExports`."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import asyncpg
import grpc
from google.protobuf.empty_pb2 import Empty
from megarouter.admin.v1 import usage_export_pb2
from megarouter.admin.v1.usage_export_pb2 import (
    CancelUsageExportRequest,
    DeleteUsageExportRequest,
    DownloadUsageExportRequest,
    DownloadUsageExportResponse,
    ExportUsageRequest,
    GetUsageExportRequest,
    ListUsageExportsRequest,
    ListUsageExportsResponse,
    UsageExport,
)
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Target
from admin_service.analytics.query import InvalidQueryError, UsageQuery
from admin_service.analytics.reading import require_valid
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.timestamps import timestamp
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.analytics.questions import narrowed
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.messages import export_message
from admin_service.resources.usage_exports.owners import downloadable, named_export, own_export, requester_of
from admin_service.resources.usage_exports.sharing import ReportSharing
from admin_service.resources.usage_exports.store import ExportRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.organization_wall import acting_for

MOST_OWN: Final = 5
MOST: Final = 20
"""Exports that are kept at a time, of a requester and of an organization."""

_LISTING: Final = Listing(
    columns=store.COLUMNS,
    source="usage_exports e",
    make=ExportRow,
    permission=Permission.USAGE_EXPORTS_READ,
    orders={"create_time": SortColumn("e.create_time", "timestamptz")},
    unique=SortColumn("e.export_id", "text"),
    default_order="create_time desc",
    fields={},
)


class UsageExportsApi:
    """The exports of each caller. No one sees those of anyone else, whatever their role."""

    service = usage_export_pb2.DESCRIPTOR.services_by_name["UsageExports"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        make_id: Callable[[str], str],
        now: Callable[[], dt.datetime],
        sharing: ReportSharing,
    ) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self._now = now
        self.handlers: Mapping[str, Handle] = {
            "GetUsageExport": self.get,
            "ListUsageExports": self.list,
            "DownloadUsageExport": self.download,
            "DownloadSharedExport": sharing.open,
        }
        self.changes: Mapping[str, MakeChange] = {
            "ExportUsage": self.start,
            "CancelUsageExport": cancel,
            "DeleteUsageExport": delete,
            "ShareUsageExport": sharing.share,
        }
        self.rules: Mapping[str, Rule] = {"ExportUsage": _check_format}

    async def start(self, request: ExportUsageRequest, change: Change) -> UsageExport:
        """ExportUsage adds an export, which a process beside the service makes."""
        caller: Caller = change.caller
        organization = caller.resource.organization
        caller.require(Permission.USAGE_READ, Target(organization), request.parent)
        start, end, kept = narrowed(request.time_range, request.usage_filter, organization, self._now())
        try:
            require_valid(UsageQuery(organization, start, end, filter=kept))
        except InvalidQueryError as error:
            raise invalid_fields(FieldViolation("time_range", str(error))) from error
        requester = requester_of(caller)
        of_all, own = await store.kept_exports(change.connection, organization, requester)
        if own >= MOST_OWN or of_all >= MOST:
            raise _too_many(own)
        asked = ExportUsageRequest()
        asked.CopyFrom(request)
        asked.ClearField("request_id")
        asked.time_range.end_time.CopyFrom(timestamp(end))
        export = self._make_id("export")
        actor = caller.actor
        place = (actor.member, actor.role.value, actor.group_path)
        await store.add_export(
            change.connection, organization, export, requester, place, asked.SerializeToString(deterministic=True)
        )
        made = export_message(await own_export(change.connection, caller, organization, export))
        change.record(made.name, None, made, group_path=change.own_group_path)
        return made

    async def get(self, _request: GetUsageExportRequest, caller: Caller) -> UsageExport:
        """GetUsageExport returns an export of the caller."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return export_message(await named_export(connection, caller))

    async def list(self, request: ListUsageExportsRequest, caller: Caller) -> ListUsageExportsResponse:
        """ListUsageExports returns the exports of the caller."""
        organization = caller.resource.organization
        query = _LISTING.query(
            request, self._page_tokens, organization,
            Condition("e.organization_id = {}", organization),
            Condition("e.requester = {}", requester_of(caller)),
            Condition("e.expire_time > now()"),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return ListUsageExportsResponse(
            usage_exports=map(export_message, page.rows), next_page_token=page.next_page_token
        )

    async def download(self, request: DownloadUsageExportRequest, caller: Caller) -> DownloadUsageExportResponse:
        """DownloadUsageExport returns a part of the file."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            row = await downloadable(connection, caller)
            content = await store.read_part(connection, row.organization, row.export, request.part)
        if content is None:
            raise invalid_fields(FieldViolation("part", f"must be from 0 to {row.part_count - 1}"))
        return DownloadUsageExportResponse(content=content, part_count=row.part_count)


async def cancel(_request: CancelUsageExportRequest, change: Change) -> UsageExport:
    """CancelUsageExport ends an export that is under way."""
    caller: Caller = change.caller
    before = await named_export(change.connection, caller)
    canceled = await store.end_export(change.connection, before.organization, before.export, "CANCELED")
    after = export_message(await named_export(change.connection, caller))
    if canceled:
        change.record(after.name, export_message(before), after, group_path=change.own_group_path)
    return after


async def delete(_request: DeleteUsageExportRequest, change: Change) -> Empty:
    """DeleteUsageExport deletes an export and its file."""
    before = await named_export(change.connection, change.caller)
    await store.delete_export(change.connection, before.organization, before.export)
    message = export_message(before)
    change.record(message.name, message, None, group_path=change.own_group_path)
    return Empty()


def _check_format(request: ExportUsageRequest) -> Iterator[FieldViolation]:
    if not request.format:
        yield FieldViolation("format", "must be CSV, FOCUS or PDF")


def _too_many(own: int) -> AdminError:
    whose = "You have" if own >= MOST_OWN else "The organization has"
    message = (
        f"{whose} too many exports: at most {MOST_OWN} of a requester and {MOST} of an organization are kept at a time. Delete one,"
        " or wait until one expires."
    )
    return AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorReason.TOO_MANY_EXPORTS, message)
