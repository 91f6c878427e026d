"""The process that makes the file of one export. It goes on after the parts that an earlier process made.

It runs beside admin_service, so that writing rows does not take the time of calls. Its parent keeps the claim, and ends the process
when the export is canceled.
"""

import asyncio
import datetime as dt
import functools
import hashlib
import os
import resource
import sys
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from megarouter.admin.v1.usage_export_pb2 import ExportUsageRequest, UsageExportFormat
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Actor, Role
from admin_service.analytics.exports.pages import ExportPage, Form, SlowExportError, export_page
from admin_service.analytics.exports.reading import Selection
from admin_service.analytics.query import InvalidQueryError
from admin_service.analytics.reports.building import Wanted
from admin_service.analytics.reports.rendering import Renderer
from admin_service.analytics.signatures.keys import signing_files_of
from admin_service.api.errors import AdminError
from admin_service.resources.analytics.questions import narrowed, reach_of
from admin_service.resources.usage_exports import store
from admin_service.resources.usage_exports.reading import CallSource, open_source, replica_of
from admin_service.resources.usage_exports.store import Claim, ClaimLostError, ExportRow, Part
from admin_service.resources.usage_reports.making import LANGUAGES, PAPERS, build_visible, rendered
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.stores.postgres.organization_wall import acting_for

DATABASE_URL: Final = SERVICE_URLS["megarouter_admin"]
PART_BYTES: Final = 1_000_000
_MEMORY_BYTES: Final = 1024**3
_NICENESS: Final = 10
_PAGE_TIMEOUT_S: Final = 600.0
"""For finding the next calls. Where few match, that may read a large part of the ledger."""
_LONGEST_MS: Final = 600_000
_READ_PERCENT: Final = 40
_CONNECT_TIMEOUT_S: Final = 10
_FORMS: Final = {
    UsageExportFormat.USAGE_EXPORT_FORMAT_CSV: Form.CALLS,
    UsageExportFormat.USAGE_EXPORT_FORMAT_FOCUS: Form.FOCUS,
}
_BOUNDS: Final = """
SELECT (SELECT sequence FROM usage_records WHERE organization_id = $1 AND place_time >= $2 AND place_time < $3
         ORDER BY place_time LIMIT 1) AS first,
       (SELECT sequence FROM usage_records WHERE organization_id = $1 AND place_time >= $2 AND place_time < $3
         ORDER BY place_time DESC LIMIT 1) AS last
"""


def main() -> None:
    """Makes a file. The arguments are the organization, the export and the claim."""
    claim = Claim(*sys.argv[1:])
    os.nice(_NICENESS)
    # Only the soft limit: the process that renders a report sets one of its own.
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    asyncio.run(_run(os.environ[DATABASE_URL], claim))


async def _run(url: str, claim: Claim) -> None:
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=2, timeout=_CONNECT_TIMEOUT_S) as pool,
        open_source(pool, replica_of(os.environ, url)) as source,
    ):
        await make_file(pool, Renderer(signing=signing_files_of(os.environ)), claim, source)


async def make_file(pool: asyncpg.Pool, renderer: Renderer, claim: Claim, source: CallSource | None = None) -> None:
    """Makes the file of an export, or ends the export with the reason why there can be none.

    Args:
        pool: logged in as admin_service.
        renderer: makes the pages of reports.
        claim: on the export.
        source: has the calls; by default the pool.

    Raises:
        ClaimLostError: the export was canceled or deleted, or another process makes it.
    """
    async with acting_for(pool, claim.organization) as connection:
        row = await store.get_export(connection, claim.organization, claim.export)
    if row is None:
        raise ClaimLostError
    request = ExportUsageRequest.FromString(row.request)
    try:
        if request.format in _FORMS:
            await _make_calls(pool, source or CallSource(pool), claim, row, request)
        else:
            await _make_report(pool, renderer, claim, row, request)
    except AdminError as error:
        await _fail(pool, claim, ErrorReason.Name(error.reason), error.message)
    except InvalidQueryError as error:
        await _fail(pool, claim, "FIELD_INVALID", str(error))
    except SlowExportError:
        await _fail(pool, claim, "EXPORT_TOO_SLOW", "Few calls of a large ledger match. Choose a shorter period.")


async def _make_calls(
    pool: asyncpg.Pool, source: CallSource, claim: Claim, row: ExportRow, request: ExportUsageRequest
) -> None:
    start, end, kept = _asked(row, request)
    digest, size = await _hash_of_parts(pool, row), row.size_bytes
    position, after = row.position, row.last_sequence
    bounds = await source.read(lambda reading: _bounds(reading, row.organization, start, end))
    while True:
        selection = Selection(row.organization, start, end, kept, reach_of(actor_of(row)), position, after)
        page = await source.read(functools.partial(_page, selection=selection, request=request))
        content = page.text.encode()
        digest.update(content)
        size += len(content)
        if size > store.MAX_FILE_BYTES:
            await _fail(pool, claim, "REPORT_TOO_LARGE", _too_large())
            return
        position, after = page.position, page.last_sequence
        async with acting_for(pool, claim.organization) as connection:
            if content:
                part = Part(content, page.row_count, after, position, page.complete, share(bounds, after))
                await store.add_part(connection, claim, part)
            if page.is_last:
                await store.finish_export(connection, claim, digest.hexdigest())
                return


async def _page(pool: asyncpg.Pool, selection: Selection, request: ExportUsageRequest) -> ExportPage:
    return await export_page(pool, selection, _FORMS[request.format], raw=request.raw, timeout_s=_PAGE_TIMEOUT_S)


async def _bounds(pool: asyncpg.Pool, organization: str, start: dt.datetime, end: dt.datetime) -> Sequence[int | None]:
    async with acting_for(pool, organization) as connection:
        return tuple(await connection.fetchrow(_BOUNDS, organization, start, end) or ())


async def _make_report(
    pool: asyncpg.Pool, renderer: Renderer, claim: Claim, row: ExportRow, request: ExportUsageRequest
) -> None:
    start, end, kept = _asked(row, request)
    actor = actor_of(row)
    wanted = Wanted(
        row.organization, start, end, kept, reach_of(actor),
        language=LANGUAGES[request.language], paper=PAPERS[request.paper],
    )  # fmt: skip
    report = await build_visible(pool, actor, wanted, _LONGEST_MS)
    async with acting_for(pool, claim.organization) as connection:
        await store.show_progress(connection, claim, _READ_PERCENT)
    pdf = (await rendered(renderer, report)).file
    async with acting_for(pool, claim.organization) as connection:
        for begin in range(0, len(pdf), PART_BYTES):
            content = pdf[begin : begin + PART_BYTES]
            await store.add_part(connection, claim, Part(content, 0, 0, report.ledger_position, report.complete, 99))
        await store.finish_export(connection, claim, hashlib.sha256(pdf).hexdigest())


def _asked(row: ExportRow, request: ExportUsageRequest) -> tuple[dt.datetime, dt.datetime, Any]:
    return narrowed(request.time_range, request.usage_filter, row.organization, row.create_time)


def actor_of(row: ExportRow) -> Actor:
    """Returns the requester as they were when they asked."""
    is_credential = row.requester.startswith("credentials/")
    return Actor(row.organization, row.member, Role(row.role), tuple(row.group_path), is_credential=is_credential)


def share(bounds: Sequence[int | None], done: int) -> int:
    """Returns how much is done of the records from the first to the last of `bounds`, in percent, at most 99."""
    if len(bounds) == 0 or bounds[0] is None or bounds[-1] is None or bounds[-1] <= bounds[0]:
        return 99
    first, last = bounds[0], bounds[-1]
    return max(0, min(99, 100 * (done - first) // (last - first)))


async def _hash_of_parts(pool: asyncpg.Pool, row: ExportRow) -> Any:  # noqa: ANN401 - hashlib's type is private
    digest = hashlib.sha256()
    for number in range(row.part_count):
        async with acting_for(pool, row.organization) as connection:
            content = await store.read_part(connection, row.organization, row.export, number)
        if content is None:
            raise ClaimLostError
        digest.update(content)
    return digest


async def _fail(pool: asyncpg.Pool, claim: Claim, reason: str, message: str) -> None:
    async with acting_for(pool, claim.organization) as connection:
        await store.renew_claim(connection, claim)
        await store.end_export(connection, claim.organization, claim.export, "FAILED", reason, message)


def _too_large() -> str:
    megabytes = store.MAX_FILE_BYTES // 1024**2
    return f"The file has more than {megabytes} MiB. Choose a shorter period or a narrower filter."


if __name__ == "__main__":
    try:
        main()
    except ClaimLostError:
        sys.exit("the claim was lost")
