"""Exports as messages. Pure."""

from typing import Final

from megarouter.admin.v1.usage_export_pb2 import ExportUsageRequest, UsageExport
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.names import EXPORT_SCHEDULES, USAGE_EXPORTS, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.usage_exports.store import ExportRow

_API: Final = "/v1"


def export_message(row: ExportRow) -> UsageExport:
    """Returns an export."""
    request = ExportUsageRequest.FromString(row.request)
    name = export_name(row)
    has_file = row.state == "SUCCEEDED"
    message = UsageExport(
        name=name,
        state=UsageExport.State.Value(f"STATE_{row.state}"),
        progress_percent=row.progress_percent,
        format=request.format,
        time_range=request.time_range,
        usage_filter=request.usage_filter if request.HasField("usage_filter") else None,
        row_count=row.row_count,
        size_bytes=row.size_bytes,
        part_count=row.part_count if has_file else 0,
        sha256=row.sha256,
        ledger_position=row.position or 0,
        complete=row.complete,
        download_path=f"{_API}/{name}:download" if has_file else "",
        error_reason=ErrorReason.Value(row.error_reason or "ERROR_REASON_UNSPECIFIED"),
        error_message=row.error_message,
        create_time=timestamp(row.create_time),
        expire_time=timestamp(row.expire_time),
    )
    if row.start_time is not None:
        message.start_time.CopyFrom(timestamp(row.start_time))
    if row.end_time is not None:
        message.end_time.CopyFrom(timestamp(row.end_time))
    if row.share_expire_time is not None:
        message.share_expire_time.CopyFrom(timestamp(row.share_expire_time))
    if row.schedule:
        message.export_schedule = str(ResourceName(row.organization, EXPORT_SCHEDULES, row.schedule))
    return message


def export_name(row: ExportRow) -> str:
    """Returns the resource name."""
    return str(ResourceName(row.organization, USAGE_EXPORTS, row.export))
