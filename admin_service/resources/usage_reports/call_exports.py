"""ExportCalls: pages of calls as CSV."""

import datetime as dt
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1.usage_reports_pb2 import CallExportFormat, ExportCallsRequest, ExportCallsResponse
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.analytics.exports.pages import Form, SlowExportError, export_page
from admin_service.analytics.exports.reading import Selection
from admin_service.analytics.query import InvalidQueryError
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.listing.page_tokens import PageTokenError, PageTokens
from admin_service.resources.analytics.questions import narrowed, reach_of

_FORMS: Final = {
    CallExportFormat.CALL_EXPORT_FORMAT_UNSPECIFIED: Form.CALLS,
    CallExportFormat.CALL_EXPORT_FORMAT_CALLS: Form.CALLS,
    CallExportFormat.CALL_EXPORT_FORMAT_FOCUS: Form.FOCUS,
}
_CONTENT_TYPE: Final = "text/csv; charset=utf-8"


async def export_calls_of(
    pool: asyncpg.Pool, page_tokens: PageTokens, request: ExportCallsRequest, caller: Caller, now: dt.datetime
) -> ExportCallsResponse:
    """Returns the next page of calls that the caller may see.

    Raises:
        AdminError: the request is out of its bounds, or the page was not found in time.
    """
    organization = caller.actor.organization
    start, end, kept = narrowed(request.time_range, request.usage_filter, organization, now)
    arguments = _arguments(request, organization)
    position, after = None, 0
    if request.page_token:
        position, after, end = _continued(page_tokens, request.page_token, arguments)
    selection = Selection(organization, start, end, kept, reach_of(caller.actor), position, after)
    try:
        page = await export_page(pool, selection, _FORMS[request.format], raw=request.raw)
    except InvalidQueryError as error:
        raise invalid_fields(FieldViolation("usage_filter", str(error))) from error
    except SlowExportError as error:
        message = "Few calls of a large ledger match, so the next ones were not found in time. Choose a shorter period."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.EXPORT_TOO_SLOW, message) from error
    key = f"{page.position} {page.last_sequence} {end.isoformat()}"
    return ExportCallsResponse(
        content=page.text,
        content_type=_CONTENT_TYPE,
        next_page_token="" if page.is_last else page_tokens.encode(key, arguments),
        row_count=page.row_count,
        last_sequence=page.last_sequence,
        ledger_position=page.position,
        complete=page.complete,
    )


def _arguments(request: ExportCallsRequest, organization: str) -> str:
    """Returns what must be the same for every page. What the caller may see is decided again for each."""
    same = ExportCallsRequest()
    same.CopyFrom(request)
    same.page_token = ""
    return f"export-calls {organization} {same.SerializeToString(deterministic=True).hex()}"


def _continued(page_tokens: PageTokens, token: str, arguments: str) -> tuple[int, int, dt.datetime]:
    """Returns the position of the export, the last record of the page before, and the end of the period."""
    try:
        position, after, end = page_tokens.decode(token, arguments).split(" ")
    except PageTokenError as error:
        code = grpc.StatusCode.INVALID_ARGUMENT
        raise AdminError(code, ErrorReason.PAGE_TOKEN_INVALID, f"Start again without page_token: {error}.") from error
    return int(position), int(after), dt.datetime.fromisoformat(end)
