"""Links with which anyone opens a report of an export until they expire."""

import datetime as dt
from collections.abc import Callable
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1.usage_export_pb2 import (
    DownloadSharedExportRequest,
    DownloadSharedExportResponse,
    ShareUsageExportRequest,
    ShareUsageExportResponse,
    UsageExport,
    UsageExportFormat,
)
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller, UserCaller
from admin_service.access.directory import find_actor
from admin_service.access.permissions import Permission, Target, may
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, unauthenticated
from admin_service.api.timestamps import timestamp
from admin_service.resources.invites.messages import invite_link
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.messages import export_message
from admin_service.resources.usage_exports.owners import downloadable, named_export, still_sees
from admin_service.resources.usage_exports.store import ExportRow
from admin_service.resources.usage_reports.making import too_large
from admin_service.serving.change_transaction import Change
from gateway_core.model.organization.bearer_secrets import REPORT_LINK, SECRET_BYTES, hash_secret
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MOST_BYTES: Final = 3_500_000
"""Of a report that is shared: it fits into one answer."""
LIFE: Final = dt.timedelta(days=7)
LONGEST: Final = dt.timedelta(days=30)
_NAMES: Final = """
SELECT o.display_name, coalesce(nullif(u.display_name, ''), u.email, '')
  FROM organizations o, users u WHERE o.organization_id = $1 AND u.user_id = $2
"""


class ReportSharing:
    """Makes links to reports, and opens reports by them."""

    def __init__(
        self, pool: asyncpg.Pool, pepper: bytes, random_bytes: Callable[[int], bytes], page_url: str | None
    ) -> None:
        """Prepares it.

        Args:
            pool: logged in as admin_service.
            pepper: hashes secrets.
            random_bytes: returns this many random bytes.
            page_url: the page that links lead to; None for no links.
        """
        self._pool = pool
        self._pepper = pepper
        self._random_bytes = random_bytes
        self._page_url = page_url

    async def share(self, request: ShareUsageExportRequest, change: Change) -> ShareUsageExportResponse:
        """ShareUsageExport gives a report a link."""
        caller: Caller = change.caller
        life = _life(request)
        before = await downloadable(change.connection, caller)
        message = export_message(before)
        _require_sharable(caller, message)
        secret = REPORT_LINK.make(self._random_bytes(SECRET_BYTES))
        await store.share_export(
            change.connection, before.organization, before.export, hash_secret(secret, self._pepper), life
        )
        after = export_message(await named_export(change.connection, caller))
        change.record(after.name, message, after, group_path=change.own_group_path)
        change.repeat_answer = ShareUsageExportResponse(usage_export=after, secret_already_issued=True)
        return ShareUsageExportResponse(usage_export=after, secret=secret, link=invite_link(self._page_url, secret))

    async def open(self, _request: DownloadSharedExportRequest, caller: UserCaller) -> DownloadSharedExportResponse:
        """DownloadSharedExport returns the report of the link."""
        organization, export = caller.grant.organization, caller.grant.shared_export
        if organization is None or export is None:
            raise unauthenticated()
        async with acting_for(self._pool, organization) as connection:
            row = await store.get_export(connection, organization, export)
            if row is None or row.share_expire_time is None or not await _is_backed(connection, row, caller.user):
                raise unauthenticated()
            parts = [await store.read_part(connection, organization, export, part) for part in range(row.part_count)]
            names = await connection.fetchrow(_NAMES, organization, caller.user)
        if names is None or None in parts:
            raise unauthenticated()
        return DownloadSharedExportResponse(
            organization_display_name=names[0],
            sharer_display_name=names[1],
            time_range=export_message(row).time_range,
            expire_time=timestamp(row.share_expire_time),
            pdf=b"".join(part for part in parts if part),
            sha256=row.sha256,
        )


def _life(request: ShareUsageExportRequest) -> dt.timedelta:
    if not request.HasField("ttl"):
        return LIFE
    if not 0 < request.ttl.seconds + request.ttl.nanos / 1e9 <= LONGEST.total_seconds():
        raise invalid_fields(FieldViolation("ttl", f"must be more than 0 and at most {LONGEST.days} days"))
    return request.ttl.ToTimedelta()


def _require_sharable(caller: Caller, export: UsageExport) -> None:
    if caller.actor.is_credential:
        raise _unsuitable("Only a person can share a report, because it is shared in their name.")
    if export.format != UsageExportFormat.USAGE_EXPORT_FORMAT_PDF:
        raise _unsuitable("Only a report can be shared. Make an export with the format PDF.")
    if export.size_bytes > MOST_BYTES:
        raise too_large(f"the file has more than {MOST_BYTES:,} bytes")


def _unsuitable(message: str) -> AdminError:
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message)


async def _is_backed(connection: Connection, row: ExportRow, user: str) -> bool:
    """Whether who shares the report still sees what is in it."""
    actor = await find_actor(connection, user, row.organization, Permission.USAGE_READ)
    return actor is not None and may(actor, Permission.USAGE_READ, Target(row.organization)) and still_sees(actor, row)
