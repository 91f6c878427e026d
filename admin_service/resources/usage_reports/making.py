"""Makes the report of what someone may see, for an answer of the API and for a file that is kept."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
import grpc
from megarouter.admin.v1.usage_reports_pb2 import ReportLanguage, ReportPaper
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Actor
from admin_service.analytics.exports.reading import NO_FILTER
from admin_service.analytics.language import Language
from admin_service.analytics.query import InvalidQueryError
from admin_service.analytics.reports.building import Wanted, build_report
from admin_service.analytics.reports.rendering import OversizeError, Rendered, Renderer
from admin_service.analytics.reports.report import Paper, Report
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.resources.anomalies.service import visible_alarms
from admin_service.resources.usage_reports.alarms import unusual_spend
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

LONGEST_MS: Final = 60_000
"""For each statement. Adding up a former state reads the records themselves."""

LANGUAGES: Final[Mapping["ReportLanguage.ValueType", Language]] = {
    ReportLanguage.REPORT_LANGUAGE_UNSPECIFIED: Language.ENGLISH,
    ReportLanguage.REPORT_LANGUAGE_ENGLISH: Language.ENGLISH,
    ReportLanguage.REPORT_LANGUAGE_CHINESE: Language.CHINESE,
}
PAPERS: Final[Mapping["ReportPaper.ValueType", Paper]] = {
    ReportPaper.REPORT_PAPER_UNSPECIFIED: Paper.A4,
    ReportPaper.REPORT_PAPER_A4: Paper.A4,
    ReportPaper.REPORT_PAPER_LETTER: Paper.LETTER,
}


async def build_visible(pool: asyncpg.Pool, actor: Actor, wanted: Wanted, longest_ms: int = LONGEST_MS) -> Report:
    """Returns the report with the alarms that the actor sees.

    Args:
        pool: logged in as admin_service.
        actor: whose report it is.
        wanted: which report. Its reach is the actor's.
        longest_ms: for each statement.

    Raises:
        AdminError: the filter or the period is not valid, or adding up the ledger took too long.
    """
    async with reading_reports(pool, wanted.organization, "usage_filter", longest_ms) as connection:
        report = await build_report(connection, wanted)
        # A filter by model or tag leaves out what an alarm is about, so alarms are only in reports of everything.
        if wanted.filter != NO_FILTER:
            return report
        alarms = await visible_alarms(connection, actor, wanted.start, wanted.end)
        return replace(report, unusual=unusual_spend(alarms, ZoneInfo(report.time_zone)))


@asynccontextmanager
async def reading_reports(
    pool: asyncpg.Pool, organization: str, field: str, longest_ms: int = LONGEST_MS
) -> AsyncIterator[Connection]:
    """Opens a snapshot of the organization in which a report is read.

    Raises:
        AdminError: `field` asks for what is not valid, or adding up the ledger took too long.
    """
    try:
        async with acting_for(pool, organization, isolation="repeatable_read") as connection:
            await connection.execute(f"SET LOCAL statement_timeout = {longest_ms}")
            yield connection
    except InvalidQueryError as error:
        raise invalid_fields(FieldViolation(field, str(error))) from error
    except asyncpg.QueryCanceledError as error:
        raise too_large("adding up the ledger took too long") from error


async def rendered(renderer: Renderer, report: Report) -> Rendered:
    """Returns the report as PDF.

    Raises:
        AdminError: it is too large, or took too long or too much memory.
        RenderingError: its pages have a fault.
    """
    try:
        return await renderer.render(report)
    except OversizeError as error:
        raise too_large(str(error)) from error


def too_large(problem: str) -> AdminError:
    """The error for a report that cannot be made."""
    message = f"The report is too large: {problem}. Choose a shorter period or a narrower filter."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.REPORT_TOO_LARGE, message)
