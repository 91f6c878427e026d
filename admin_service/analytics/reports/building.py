"""Reads a report from the ledger, in one snapshot of the database."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.analytics.answer import Measures, UsageAnswer, UsageGroup
from admin_service.analytics.exports.reading import EVERYTHING, NO_FILTER
from admin_service.analytics.language import Language
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.names import UsageName, names_of
from admin_service.analytics.query import MAX_LIMIT, Dimension, Filter, Granularity, Reach, UsageQuery
from admin_service.analytics.reading import PastState, answer_in
from admin_service.analytics.reports.budgets import read_balance, read_budgets
from admin_service.analytics.reports.editions import present_edition
from admin_service.analytics.reports.report import (
    Interval,
    Paper,
    Point,
    Report,
    Row,
    Scope,
    Usage,
)
from gateway_core.stores.postgres.connections import Connection

MODELS: Final = 100
LARGEST_PERIOD: Final = dt.timedelta(days=400)
_HOURS_UP_TO: Final = dt.timedelta(days=2)
_LEVELS: Final = (
    Dimension.GROUP_LEVEL_1, Dimension.GROUP_LEVEL_2, Dimension.GROUP_LEVEL_3, Dimension.GROUP_LEVEL_4
)  # fmt: skip
_ORGANIZATION_NAME: Final = "SELECT display_name FROM organizations WHERE organization_id = $1"
_GROUP_PATH: Final = "SELECT path FROM groups WHERE organization_id = $1 AND group_id = $2"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report to make."""

    organization: str
    start: dt.datetime
    end: dt.datetime
    filter: Filter = NO_FILTER
    reach: Reach = EVERYTHING
    language: Language = Language.ENGLISH
    paper: Paper = Paper.A4


async def build_report(connection: Connection, wanted: Wanted, former: Report | None = None) -> Report:
    """Reads a report.

    Args:
        connection: in a repeatable read transaction that acts for the organization.
        wanted: which report.
        former: a report that is read again as of its own position. What the ledger does not have is taken from it.

    Raises:
        InvalidQueryError: the period is out of its bounds.
        UnknownOrganizationError: there is no such organization.
    """
    past = None if former is None else PastState(former.ledger_position, ZoneInfo(former.time_zone))
    base = UsageQuery(
        wanted.organization,
        wanted.start,
        wanted.end,
        filter=wanted.filter,
        reach=wanted.reach,
        compare_with_previous=True,
    )
    interval = Interval.HOUR if wanted.end - wanted.start <= _HOURS_UP_TO else Interval.DAY
    granularity = Granularity.HOUR if interval is Interval.HOUR else Granularity.DAY
    by_model = replace(base, group_by=(Dimension.MODEL,), granularity=granularity, limit=MODELS)
    models = await answer_in(connection, by_model, past)
    before = models.previous_range
    if before is None or models.previous is None:
        raise AssertionError("a report compares")
    by_member = replace(base, group_by=(Dimension.MEMBER,), limit=MAX_LIMIT)
    level = former.group_level if former else await _upper_level(connection, wanted)
    by_group = replace(base, group_by=_LEVELS[level - 1 : level + 1], limit=MAX_LIMIT)
    members, groups = await answer_in(connection, by_member, past), await answer_in(connection, by_group, past)
    active = await member_counts(connection, by_model, wanted.start, wanted.end, past)
    active_before = await member_counts(connection, base, before.start, before.end, past)
    read_time = models.as_of.time if former is None else former.read_time
    names = _Names(connection, wanted.organization, min(wanted.end, read_time))
    zone = ZoneInfo(models.time_zone)
    return Report(
        organization=wanted.organization,
        organization_name=former.organization_name if former else (await _organization_name(connection, wanted)),
        scope=await _scope(wanted, names),
        start=wanted.start.astimezone(dt.UTC),
        end=wanted.end.astimezone(dt.UTC),
        previous_start=before.start.astimezone(dt.UTC),
        time_zone=models.time_zone,
        interval=interval,
        ledger_position=models.as_of.sequence,
        read_time=read_time,
        complete=former.complete if former else models.complete,
        total=_usage(models.total),
        before=_usage(models.previous),
        active_members=active.total,
        active_members_before=active_before.total,
        bucket_starts=tuple(bucket.start.astimezone(zone) for bucket in models.buckets),
        points=_points(models.groups),
        models=tuple(_row(group, group.values or (), "", ()) for group in models.groups),
        model_count=models.group_count,
        members=await _members(members.groups, names),
        member_count=members.group_count,
        group_level=level,
        groups=await _groups(groups, names),
        budgets=former.budgets if former else await read_budgets(connection, wanted.organization, wanted.reach),
        balance=former.balance if former else await read_balance(connection, wanted.organization, wanted.reach),
        unusual=former.unusual if former else (),
        language=wanted.language,
        paper=wanted.paper,
        edition=former.edition if former else present_edition(),
    )


class _Names:
    def __init__(self, connection: Connection, organization: str, at: dt.datetime) -> None:
        self._connection, self._organization, self._at = connection, organization, at

    async def of(self, dimension: Dimension, ids: Sequence[str] | set[str]) -> Mapping[str, UsageName]:
        return await names_of(self._connection, self._organization, dimension, sorted(set(ids)), self._at)


async def _organization_name(connection: Connection, wanted: Wanted) -> str:
    return str(await connection.fetchval(_ORGANIZATION_NAME, wanted.organization))


async def _upper_level(connection: Connection, wanted: Wanted) -> int:
    """Returns the level of the one group that confines the report, or else 1, so that there is another level below it."""
    confining = wanted.filter.groups | ({wanted.reach.group} if wanted.reach.group else set())
    path = None
    if len(confining) == 1:
        path = await connection.fetchval(_GROUP_PATH, wanted.organization, next(iter(confining)))
    return min(max(len(path or ()), 1), len(_LEVELS) - 1)


async def _scope(wanted: Wanted, names: _Names) -> Scope:
    kept, reach = wanted.filter, wanted.reach
    groups = {*kept.groups, *([reach.group] if reach.group else [])}
    members = {*kept.members, *([reach.member] if reach.member else [])}
    shown = [
        *[f"group:{name}" for name in await _shown(names, Dimension.GROUP, groups)],
        *[f"member:{name}" for name in await _shown(names, Dimension.MEMBER, members)],
        *[f"api_key:{name}" for name in await _shown(names, Dimension.API_KEY, set(kept.api_keys))],
        *[f"model:{name}" for name in sorted(kept.models)],
        *[f"provider:{name}" for name in sorted(kept.providers)],
        *[f"endpoint:{name}" for name in sorted(kept.endpoints)],
        *[f"status:{name}" for name in sorted(kept.statuses)],
        *[f"tag:{name}={value}" for name, value in sorted(kept.tags)],
    ]
    filtered = {field.name: tuple(sorted(getattr(kept, field.name))) for field in fields(Filter)}
    return Scope(group=reach.group, member=reach.member, names=tuple(shown), **filtered)


async def _shown(names: _Names, dimension: Dimension, ids: set[str]) -> list[str]:
    found = await names.of(dimension, ids)
    return [(found[one].display_name if one in found else "") or one for one in sorted(ids)]


async def _members(groups: Sequence[UsageGroup], names: _Names) -> tuple[Row, ...]:
    known = await names.of(Dimension.MEMBER, [group.values[0] for group in groups if group.values])
    paths = await names.of(Dimension.GROUP, {one for name in known.values() for one in name.group_path})
    rows = []
    for group in groups:
        name = known.get(group.values[0]) if group.values else None
        path = tuple(
            (paths[one].display_name if one in paths else "") or one for one in (name.group_path if name else ())
        )
        rows.append(
            _row(
                group,
                group.values or (),
                name.display_name if name else "",
                path,
                deleted=bool(name and name.is_deleted),
            )
        )
    return tuple(rows)


async def _groups(answer: UsageAnswer, names: _Names) -> tuple[Row, ...]:
    """Returns a row for each group of the upper level, with the largest first, each followed by the groups below it."""
    shown = [group for group in answer.groups if group.values]
    known = await names.of(Dimension.GROUP, {one for group in shown for one in group.values or () if one})
    uppers = []
    by_upper = sorted(shown, key=lambda group: (group.values or ("",))[0])
    for upper, below in groupby(by_upper, key=lambda group: (group.values or ("",))[0]):
        rows = sorted(below, key=lambda group: (-group.total.charge_nano_credits, group.values))
        total, before = Measures(), Measures()
        for row in rows:
            total, before = total + row.total, before + (row.previous or Measures())
        uppers.append((upper, total, before, rows))
    uppers.sort(key=lambda one: (-one[1].charge_nano_credits, one[0]))
    found = []
    for upper, total, before, rows in uppers:
        found.append(_named((upper,), known, total, before))
        if any(row.values and row.values[1] for row in rows):
            found.extend(_named(row.values or (), known, row.total, row.previous) for row in rows)
    rest = [_row(group, (), "", ()) for group in answer.groups if group.is_other]
    return (*found, *rest)


def _named(ids: tuple[str, ...], known: Mapping[str, UsageName], total: Measures, before: Measures | None) -> Row:
    name = known.get(ids[-1])
    shown, is_deleted = (name.display_name, name.is_deleted) if name else ("", False)
    return Row(ids, shown, (), _usage(total), _usage(before or Measures()), is_deleted)


def _points(groups: Sequence[UsageGroup]) -> tuple[Point, ...]:
    points = [
        Point(bucket, model, one.call_count, one.all_input_tokens, one.all_output_tokens, one.charge_nano_credits)
        for model, group in enumerate(groups)
        for bucket, one in enumerate(group.series)
        if one.call_count or one.tokens or one.charge_nano_credits
    ]
    return tuple(sorted(points, key=lambda point: (point.bucket, point.model)))


def _row(group: UsageGroup, ids: tuple[str, ...], name: str, path: tuple[str, ...], *, deleted: bool = False) -> Row:
    return Row(ids, name, path, _usage(group.total), _usage(group.previous or Measures()), deleted)


def _usage(measures: Measures) -> Usage:
    return Usage(
        measures.call_count,
        measures.voided_call_count,
        measures.all_input_tokens,
        measures.all_output_tokens,
        measures.charge_nano_credits,
        measures.correction_count,
        measures.correction_nano_credits,
    )
