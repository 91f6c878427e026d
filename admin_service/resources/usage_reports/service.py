"""Serves `megarouter.admin.v1.UsageReports`."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import usage_reports_pb2
from megarouter.admin.v1.usage_reports_pb2 import (
    ExportCallsRequest,
    ExportCallsResponse,
    ExportUsageReportRequest,
    ExportUsageReportResponse,
    VerifyUsageReportRequest,
    VerifyUsageReportResponse,
)

from admin_service.access.authorization import Caller
from admin_service.analytics.query import Reach
from admin_service.analytics.reports.building import Wanted
from admin_service.analytics.reports.rendering import Renderer
from admin_service.analytics.reports.report import (
    MAX_BYTES,
    NotAReportError,
    Report,
    content_hash,
    parse_report,
)
from admin_service.analytics.reports.verification import (
    ChangesSince,
    Pages,
    Signature,
    Verification,
    compare_pages,
    compare_with_ledger,
    reach_of_report,
)
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.listing.page_tokens import PageTokens
from admin_service.resources.analytics.questions import narrowed, reach_of
from admin_service.resources.usage_reports.call_exports import export_calls_of
from admin_service.resources.usage_reports.making import (
    LANGUAGES,
    PAPERS,
    build_visible,
    reading_reports,
    rendered,
    too_large,
)
from admin_service.serving.change_transaction import MakeChange
from admin_service.serving.guard import Handle, Rule

_MOST_BYTES: Final = MAX_BYTES
"""Of a file: an answer of the API has at most four mebibytes."""


class UsageReportsApi:
    """Makes reports, and compares them with the ledger. Nothing here changes anything."""

    service = usage_reports_pb2.DESCRIPTOR.services_by_name["UsageReports"]

    def __init__(
        self, pool: asyncpg.Pool, page_tokens: PageTokens, renderer: Renderer, now: Callable[[], dt.datetime]
    ) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._renderer = renderer
        self._now = now
        self.handlers: Mapping[str, Handle] = {
            "ExportCalls": self.export_calls,
            "ExportUsageReport": self.export,
            "VerifyUsageReport": self.verify,
        }
        self.questions = frozenset(self.handlers)
        self.changes: Mapping[str, MakeChange] = {}
        self.rules: Mapping[str, Rule] = {}

    async def export_calls(self, request: ExportCallsRequest, caller: Caller) -> ExportCallsResponse:
        """ExportCalls returns a page of the calls that the caller may see."""
        return await export_calls_of(self._pool, self._page_tokens, request, caller, self._now())

    async def export(self, request: ExportUsageReportRequest, caller: Caller) -> ExportUsageReportResponse:
        """ExportUsageReport makes a report of what the caller may see."""
        organization = caller.actor.organization
        start, end, kept = narrowed(request.time_range, request.usage_filter, organization, self._now())
        wanted = Wanted(
            organization, start, end, kept, reach_of(caller.actor),
            language=LANGUAGES[request.language], paper=PAPERS[request.paper],
        )  # fmt: skip
        report = await build_visible(self._pool, caller.actor, wanted)
        pdf = (await rendered(self._renderer, report)).file
        if len(pdf) > _MOST_BYTES:
            raise too_large(f"the file has more than {_MOST_BYTES:,} bytes")
        return ExportUsageReportResponse(
            pdf=pdf,
            data_sha256=content_hash(report.canonical()),
            ledger_position=report.ledger_position,
            complete=report.complete,
        )

    async def verify(self, request: VerifyUsageReportRequest, caller: Caller) -> VerifyUsageReportResponse:
        """VerifyUsageReport compares a report with the ledger."""
        report = _report(request, caller)
        async with reading_reports(self._pool, report.organization, "report") as connection:
            differences, count, since = await compare_with_ledger(connection, report)
        # Pages of data that is not the ledger's are not made: what anyone may have written would cost time.
        pages, signature = Pages.NOT_COMPARED, Signature.NOT_COMPARED
        if count == 0 and request.file_sha256:
            made = await rendered(self._renderer, report)
            pages, signature = compare_pages(report, made, request.file_sha256, request.pages_sha256)
        return _message(report, Verification(differences, count, pages, signature, since))


def _report(request: VerifyUsageReportRequest, caller: Caller) -> Report:
    """Reads the report, and checks that the caller may see what it is about. Which calls those are, the report itself says: a
    caller who changes that only gets figures compared that they could ask for anyway."""
    try:
        report = parse_report(request.report)
    except NotAReportError as error:
        raise _invalid(str(error)) from error
    if report.organization != caller.actor.organization:
        raise _invalid("the report is of another organization")
    if reach_of(caller.actor) not in {Reach(), reach_of_report(report)}:
        raise _invalid("the report is about more than you may see")
    return report


def _invalid(problem: str) -> AdminError:
    return invalid_fields(FieldViolation("report", problem))


def _message(report: Report, found: Verification) -> VerifyUsageReportResponse:
    since: ChangesSince = found.since
    verdict = VerifyUsageReportResponse.VERDICT_UNCHANGED
    if since.late_call_count or since.correction_count:
        verdict = VerifyUsageReportResponse.VERDICT_CHANGED_SINCE
    if found.is_altered:
        verdict = VerifyUsageReportResponse.VERDICT_ALTERED
    return VerifyUsageReportResponse(
        verdict=verdict,
        pages=VerifyUsageReportResponse.Pages.Value(f"PAGES_{found.pages}"),
        signature=VerifyUsageReportResponse.Signature.Value(f"SIGNATURE_{found.signature}"),
        differences=[
            VerifyUsageReportResponse.Difference(field=one.field, reported=one.reported, recorded=one.recorded)
            for one in found.differences
        ],
        difference_count=found.difference_count,
        ledger_position=report.ledger_position,
        present_ledger_position=since.position,
        late_call_count=since.late_call_count,
        correction_count=since.correction_count,
        charge_nano_credits=report.total.charge,
        present_charge_nano_credits=since.charge,
    )
