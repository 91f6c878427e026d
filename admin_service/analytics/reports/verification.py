"""Compares a report with the ledger: is it what the ledger had at its position, and what has changed since?"""

import enum
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from admin_service.analytics.call_records import record_conditions
from admin_service.analytics.exports.reading import Selection
from admin_service.analytics.query import Filter, Reach, UsageQuery
from admin_service.analytics.reading import answer_in
from admin_service.analytics.reports.building import Wanted, build_report
from admin_service.analytics.reports.editions import present_edition
from admin_service.analytics.reports.rendering import Rendered
from admin_service.analytics.reports.report import Report
from admin_service.listing.sql_parameters import Parameters
from gateway_core.stores.postgres.connections import Connection

MOST_DIFFERENCES: Final = 20
_LONGEST_VALUE: Final = 200


class Pages(enum.StrEnum):
    """Whether a file is what its data makes."""

    SAME = "SAME"
    """The file has the very bytes that its data makes."""
    DIFFERENT = "DIFFERENT"
    NOT_COMPARED = "NOT_COMPARED"
    """Another edition made the file, only the data was given, or the data is not that of the ledger."""


class Signature(enum.StrEnum):
    """Whose signature a file has, if its pages are what the data makes."""

    VALID = "VALID"
    """That of this deployment's present key."""
    OTHER = "OTHER"
    """Another one, perhaps by an earlier key, or a damaged one."""
    NONE = "NONE"
    NOT_COMPARED = "NOT_COMPARED"
    """The pages were not compared, or are not what the data makes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a report that is not what the ledger says."""

    field: str
    """Such as `members[3].usage.charge`."""
    reported: str
    recorded: str
    """What the ledger had at the position of the report."""


@dataclass(frozen=True, slots=True)
class ChangesSince:
    """What the ledger has about the period of a report after the report's position. Amounts are nano-credits."""

    position: int
    """The last event of the ledger."""
    late_call_count: int
    """Calls of the period that were recorded later, also those that failed."""
    correction_count: int
    """Calls in the report that were corrected later."""
    charge: int
    """The charge of the period now."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result."""

    differences: tuple[Difference, ...]
    """The first of them. None: the report has what the ledger had."""
    difference_count: int
    pages: Pages
    signature: Signature
    since: ChangesSince

    @property
    def is_altered(self) -> bool:
        """Whether the data is not what the ledger had, or the pages are not what the data makes."""
        return self.difference_count > 0 or self.pages is Pages.DIFFERENT


def reach_of_report(report: Report) -> Reach:
    """Returns what the reader of a report could see."""
    return Reach(group=report.scope.group, member=report.scope.member)


async def compare_with_ledger(
    connection: Connection, report: Report
) -> tuple[tuple[Difference, ...], int, ChangesSince]:
    """Reads the report again, as of its position and now.

    The state of budgets and credit, anomalies, the organization's name and whether the period was complete are taken from the
    report, because the ledger does not have them.

    Returns:
        The first differences, their number, and what has changed since.

    Raises:
        InvalidQueryError: the ledger never had the position, or the period is out of its bounds.
        UnknownOrganizationError: there is no such organization.
    """
    kept = Filter(**{field.name: frozenset(getattr(report.scope, field.name)) for field in fields(Filter)})
    reach = reach_of_report(report)
    wanted = Wanted(
        report.organization, report.start, report.end, kept, reach, language=report.language, paper=report.paper
    )
    recorded = await build_report(connection, wanted, report)
    differing = list(_differences("", asdict(report), asdict(recorded)))
    query = UsageQuery(report.organization, report.start, report.end, filter=kept, reach=reach)
    now = await answer_in(connection, query)
    selection = Selection(report.organization, report.start, report.end, kept, reach)
    late, corrected = await _changes(connection, selection, report.ledger_position)
    since = ChangesSince(now.as_of.sequence, late, corrected, now.total.charge_nano_credits)
    return tuple(differing[:MOST_DIFFERENCES]), len(differing), since


def compare_pages(report: Report, made: Rendered, file_sha256: str, pages_sha256: str) -> tuple[Pages, Signature]:
    """Compares a file with the one that its data makes now.

    Args:
        report: the data.
        made: what it makes.
        file_sha256: hash of the file, in hexadecimal digits.
        pages_sha256: hash of the file without its signature. Empty if it has none.
    """
    if _is(made.file, file_sha256):
        return Pages.SAME, Signature.VALID if made.is_signed else Signature.NONE
    if _is(made.pages, file_sha256):
        return Pages.SAME, Signature.NONE
    if pages_sha256 and _is(made.pages, pages_sha256):
        return Pages.SAME, Signature.OTHER
    pages = Pages.DIFFERENT if report.edition == present_edition() else Pages.NOT_COMPARED
    return pages, Signature.NOT_COMPARED


def _is(content: bytes, sha256: str) -> bool:
    return hashlib.sha256(content).hexdigest() == sha256.lower()


async def _changes(connection: Connection, selection: Selection, position: int) -> tuple[int, int]:
    parameters = Parameters()
    after = parameters.add(position)
    conditions = [
        f"u.organization_id = {parameters.add(selection.organization)}",
        f"u.place_time >= {parameters.add(selection.start)} AND u.place_time < {parameters.add(selection.end)}",
        f"(u.sequence > {after} OR c.sequence > {after})",
        *record_conditions(selection.filter, selection.reach, parameters),
    ]
    row = await connection.fetchrow(
        f"SELECT count(*) FILTER (WHERE u.sequence > {after}), count(*) FILTER (WHERE u.sequence <= {after})"  # noqa: S608
        " FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id"
        f" WHERE {' AND '.join(conditions)}",
        *parameters.values,
    )
    return (row[0], row[1]) if row else (0, 0)


def _differences(path: str, reported: Any, recorded: Any) -> Iterator[Difference]:  # noqa: ANN401 - any part of a report
    if isinstance(reported, Mapping) and isinstance(recorded, Mapping):
        for name in sorted({*reported, *recorded}):
            yield from _differences(f"{path}.{name}" if path else name, reported.get(name), recorded.get(name))
    elif _is_list(reported) and _is_list(recorded):
        for index in range(max(len(reported), len(recorded))):
            one, other = (values[index] if index < len(values) else None for values in (reported, recorded))
            yield from _differences(f"{path}[{index}]", one, other)
    elif reported != recorded:
        yield Difference(path, _text(reported), _text(recorded))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST_VALUE]
