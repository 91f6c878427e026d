"""The columns of the export `usage`: one row for each group and bucket of an answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.analytics.answer import NO_USAGE, Bucket, Measures, UsageAnswer
from admin_service.analytics.exports.cells import amount, flag, local_time, utc_time
from admin_service.analytics.exports.csv_stream import Cell, Column
from admin_service.analytics.names import UsageName
from admin_service.analytics.query import AnyDimension, Dimension, TagDimension
from gateway_core.model.usage_measures import INPUT_TOKEN_COLUMNS, OUTPUT_TOKEN_COLUMNS

Names = Mapping[str, UsageName]

DIMENSION_COLUMNS: Final[Mapping[Dimension, tuple[str, ...]]] = {
    Dimension.MODEL: ("model",),
    Dimension.PROVIDER: ("provider_id",),
    Dimension.ENDPOINT: ("endpoint",),
    Dimension.STATUS: ("status",),
    Dimension.MEMBER: ("member_id", "member_name"),
    Dimension.API_KEY: ("api_key_id", "api_key_name"),
    Dimension.GROUP: ("group_id", "group_name"),
    Dimension.GROUP_LEVEL_1: ("group_level_1_id", "group_level_1_name"),
    Dimension.GROUP_LEVEL_2: ("group_level_2_id", "group_level_2_name"),
    Dimension.GROUP_LEVEL_3: ("group_level_3_id", "group_level_3_name"),
    Dimension.GROUP_LEVEL_4: ("group_level_4_id", "group_level_4_name"),
}
"""The columns of a value, and of its name if it has one."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The sums of one group in one bucket."""

    values: tuple[str, ...] | None
    """None for all groups beyond the limit."""
    bucket: Bucket
    measures: Measures
    zone: ZoneInfo


def _count(name: str, meaning: str) -> Column[UsageRow]:
    return Column(name, meaning, lambda row: getattr(row.measures, name))


def _credits(name: str, meaning: str, field: str) -> Column[UsageRow]:
    return Column(name, meaning, lambda row: amount(getattr(row.measures, field)))


_TIMES: Final[tuple[Column[UsageRow], ...]] = (
    Column(
        "start",
        "first instant of the bucket, in the time zone of the answer",
        lambda row: local_time(row.bucket.start, row.zone),
    ),
    Column("start_utc", "the same moment in UTC", lambda row: utc_time(row.bucket.start)),
    Column("end_utc", "first instant after the bucket, in UTC", lambda row: utc_time(row.bucket.end)),
    Column(
        "is_other",
        "`true` in the rows of all groups beyond the limit together, which have no ids",
        lambda row: flag(value=row.values is None),
    ),
)
_MEASURES: Final[tuple[Column[UsageRow], ...]] = (
    _count("call_count", "settled and unconfirmed calls"),
    _count("voided_call_count", "calls that failed and cost nothing"),
    _count("unconfirmed_call_count", "calls without a report, which are in `call_count`"),
    *(_count(name, f"{name.removesuffix('_tokens').replace('_', ' ')} tokens") for name in INPUT_TOKEN_COLUMNS),
    *(_count(name, f"{name.removesuffix('_tokens').replace('_', ' ')} tokens") for name in OUTPUT_TOKEN_COLUMNS),
    Column("total_tokens", "the sum of all tokens", lambda row: row.measures.tokens),
    _credits("charge_credits", "what the calls cost, after corrections", "charge_nano_credits"),
    _credits("baseline_credits", "what they would have cost without routing", "baseline_nano_credits"),
    _credits("savings_credits", "the baseline less the charge", "savings_nano_credits"),
    _count("correction_count", "calls that were corrected"),
    _credits(
        "correction_credits",
        "by how much corrections changed the charge, which includes them",
        "correction_nano_credits",
    ),
)
FIXED_USAGE_COLUMNS: Final = (*_TIMES, *_MEASURES)
"""The columns of every answer. Those of its dimensions are between times and measures."""


def usage_columns(
    group_by: Iterable[AnyDimension], names: Mapping[AnyDimension, Names]
) -> tuple[Column[UsageRow], ...]:
    """Returns the columns of an answer, given the names of the values of its dimensions."""
    dimensions = [
        column
        for place, dimension in enumerate(group_by)
        for column in _of_dimension(place, dimension, names.get(dimension, {}))
    ]
    return (*_TIMES, *dimensions, *_MEASURES)


def usage_rows(answer: UsageAnswer) -> Iterable[UsageRow]:
    """Returns the rows of an answer: groups in its order, each by time. Groups have no rows for buckets without calls."""
    zone = ZoneInfo(answer.time_zone)
    for group in answer.groups:
        for bucket, measures in zip(answer.buckets, group.series, strict=True):
            if measures != NO_USAGE or group.values == ():
                yield UsageRow(group.values, bucket, measures, zone)


def _of_dimension(place: int, dimension: AnyDimension, names: Names) -> Iterable[Column[UsageRow]]:
    def value(row: UsageRow) -> str | None:
        return None if row.values is None else row.values[place]

    def name(row: UsageRow) -> Cell:
        known = names.get(value(row) or "")
        return None if known is None else known.display_name

    if isinstance(dimension, TagDimension):
        # Callers write the values, as others write names.
        yield Column(str(dimension), "", value, is_text=True)
        return
    yield Column(DIMENSION_COLUMNS[dimension][0], "", value)
    for column in DIMENSION_COLUMNS[dimension][1:]:
        yield Column(column, "", name, is_text=True)
