"""Compares answers about usage with the slow reference."""

import bisect
import dataclasses
import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.answer import Latencies, Measures, UsageAnswer, UsageGroup
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.query import UsageQuery
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.support.usage.reference import Call, figures_of, is_wanted, label_of, order_of, values_of


def in_range(calls: Sequence[Call], start: dt.datetime, end: dt.datetime) -> list[Call]:
    return [call for call in calls if start <= call.moment < end]


def assert_same(measures: Measures, calls: Sequence[Call], query: UsageQuery, what: object) -> None:
    expected = figures_of(calls)
    for name in Measures._fields:
        if name in {"durations", "first_bytes"}:
            found = getattr(measures, name)
            assert query.with_latencies or found is None
            assert (found or Latencies()).counts == (expected[name] if query.with_latencies else (0,) * 16), (
                what,
                name,
                query,
            )
        else:
            assert getattr(measures, name) == expected.get(name, 0), (what, name, query)


async def assert_members_are_counted(calls: Sequence[Call], reading: asyncpg.Pool, query: UsageQuery) -> None:
    """Compares how many members have counted calls, as summaries say it, with the records."""
    first = dataclasses.replace(query, group_by=query.group_by[:1])
    async with acting_for(reading, query.organization, isolation="repeatable_read") as connection:
        counts = await member_counts(connection, first, query.start, query.end)
        in_all = await member_counts(connection, dataclasses.replace(query, group_by=()), query.start, query.end)
    everything = [call for call in calls if is_wanted(call, query)]
    counted = [call for call in in_range(everything, query.start, query.end) if call.status != "VOIDED"]
    members: dict[str, set[str]] = {}
    for call in counted:
        members.setdefault(values_of(call, first)[0], set()).add(call.record["member_id"])
    assert counts.by_value == {value: len(ids) for value, ids in members.items()}, query
    assert counts.total == in_all.total == len({call.record["member_id"] for call in counted}), query


def assert_exact(calls: Sequence[Call], answer: UsageAnswer, query: UsageQuery) -> None:
    """Compares an answer with the calls at its position."""
    zone = ZoneInfo(answer.time_zone)
    everything = [call for call in calls if is_wanted(call, query)]
    calls = in_range(everything, query.start, query.end)
    assert_buckets_are_local(answer, query, zone, calls)
    assert_same(answer.total, calls, query, "total")
    groups: dict[tuple[str, ...], list[Call]] = {} if query.group_by else {(): []}
    for call in calls:
        groups.setdefault(values_of(call, query), []).append(call)
    assert answer.group_count == len(groups)
    figures = {values: figures_of(members) for values, members in groups.items()}
    order = sorted(groups, key=lambda values: (-order_of(figures[values], query.order_by), values))
    shown = order[: query.limit]
    assert [group.values for group in answer.groups if not group.is_other] == shown, query
    before = answer.previous_range
    earlier = [] if before is None else in_range(everything, before.start, before.end)
    starts = [bucket.start for bucket in answer.buckets]
    for group in answer.groups:
        mine = of_group(calls, group, shown, query)
        assert_same(group.total, mine, query, group.values)
        by_bucket: dict[int, list[Call]] = {}
        for call in mine:
            by_bucket.setdefault(bisect.bisect(starts, call.moment) - 1, []).append(call)
        for index, measures in enumerate(group.series):
            if index in by_bucket:
                assert_same(measures, by_bucket[index], query, (group.values, starts[index]))
            else:
                assert measures == Measures(), (group.values, starts[index], query)
        if group.previous is not None:
            assert_same(group.previous, of_group(earlier, group, shown, query), query, ("previous", group.values))
    if answer.previous is not None:
        assert before is not None
        assert before.end == query.start
        assert_same(answer.previous, earlier, query, "previous")
    assert (answer.previous is not None) == query.compare_with_previous
    assert_groups_are_complete(answer)


def of_group(
    calls: Sequence[Call], group: UsageGroup, shown: Sequence[tuple[str, ...]], query: UsageQuery
) -> list[Call]:
    if group.values is None:
        return [call for call in calls if values_of(call, query) not in shown]
    return [call for call in calls if values_of(call, query) == group.values]


def assert_groups_are_complete(answer: UsageAnswer) -> None:
    assert sum((group.total for group in answer.groups), Measures()) == answer.total
    if answer.previous is not None:
        assert sum((group.previous or Measures() for group in answer.groups), Measures()) == answer.previous


def assert_buckets_are_local(answer: UsageAnswer, query: UsageQuery, zone: ZoneInfo, calls: Sequence[Call]) -> None:
    assert answer.buckets[0].start == query.start
    assert answer.buckets[-1].end == query.end
    assert all(one.end == other.start for one, other in zip(answer.buckets, answer.buckets[1:], strict=False))
    starts = [bucket.start for bucket in answer.buckets]
    labels: dict[int, set[object]] = {}
    for call in calls:
        label = label_of(query.granularity, zone, call.moment)
        labels.setdefault(bisect.bisect(starts, call.moment) - 1, set()).add(label)
    assert all(len(one) == 1 for one in labels.values())
    assert len({label for one in labels.values() for label in one}) == len(labels)
