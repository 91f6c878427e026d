"""The files that a report has inside, besides its canonical form: CSV made from the report alone."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from admin_service.analytics.exports.cells import amount, escaped, flag
from admin_service.analytics.reports.report import Report, Row, Usage

DATA_FILE: Final = "report.json"
_BYTE_ORDER_MARK: Final = "\ufeff"
_USAGE: Final = (
    *("call_count", "failed_call_count", "input_tokens", "output_tokens", "charge_credits", "correction_credits"),
    *("previous_call_count", "previous_charge_credits"),
)


def csv_files(report: Report) -> Mapping[str, str]:
    """Returns the text of the files by their names."""
    return {
        "usage-by-time-and-model.csv": _table(
            ("start", "model", "is_other", "call_count", "input_tokens", "output_tokens", "charge_credits"),
            _points(report),
        ),
        "models.csv": _table(("model", "is_other", *_USAGE), (_cells(row, [_first(row)]) for row in report.models)),
        "members.csv": _table(
            ("member_id", "member_name", "group_path", "is_other", *_USAGE),
            (_cells(row, [_first(row), escaped(row.name), escaped(" / ".join(row.path))]) for row in report.members),
        ),
        "groups.csv": _table(
            ("group_id", "group_name", "level", "parent_group_id", "is_other", *_USAGE),
            (
                _cells(row, [row.ids[-1] if row.ids else "", escaped(row.name), _level(report, row), _parent(row)])
                for row in report.groups
            ),
        ),
    }


def _points(report: Report) -> Iterable[Sequence[str | int]]:
    for point in report.points:
        model = report.models[point.model]
        yield [
            report.bucket_starts[point.bucket].isoformat(),
            _first(model),
            flag(value=not model.ids),
            point.call_count,
            point.input_tokens,
            point.output_tokens,
            amount(point.charge),
        ]


def _cells(row: Row, values: Sequence[str]) -> list[str | int]:
    return [*values, flag(value=not row.ids), *_usage(row.usage), row.before.call_count, amount(row.before.charge)]


def _usage(usage: Usage) -> list[str | int]:
    return [
        usage.call_count,
        usage.failed_call_count,
        usage.input_tokens,
        usage.output_tokens,
        amount(usage.charge),
        amount(usage.correction),
    ]


def _first(row: Row) -> str:
    return row.ids[0] if row.ids else ""


def _level(report: Report, row: Row) -> str:
    return str(report.group_level + len(row.ids) - 1) if row.ids else ""


def _parent(row: Row) -> str:
    return row.ids[0] if len(row.ids) > 1 else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    text = io.StringIO(newline="")
    text.write(_BYTE_ORDER_MARK)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
