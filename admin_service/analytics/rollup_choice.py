"""Chooses the smallest rollups that can answer a query. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.query import Dimension, Granularity, Tree, UsageQuery
from admin_service.analytics.time_ranges import Source
from gateway_core.model.usage_measures import RUNNING_MEASURES

GROUP_LEVELS: Final = {
    Dimension.GROUP_LEVEL_1: 1,
    Dimension.GROUP_LEVEL_2: 2,
    Dimension.GROUP_LEVEL_3: 3,
    Dimension.GROUP_LEVEL_4: 4,
}
_GROUPS: Final = frozenset({Dimension.GROUP, *GROUP_LEVELS})
_RUNNING: Final = frozenset(RUNNING_MEASURES)


@dataclass(frozen=True, slots=True)
class Choice:
    """The rollups that can answer a query, and the rows of them that do."""

    sources: Sequence[Source]
    """The largest first. Hours can answer everything."""
    day_scope: tuple[str, str | None]
    """Kind and id of the scope whose days or running totals are read; None for every scope of the kind."""
    month_scope: tuple[str, str | None]
    """The same for months; there are months of members and of keys."""


def choose(query: UsageQuery, granularity: Granularity, measures: Collection[str] | None = None) -> Choice:
    """Returns the rollups to read for a query.

    Args:
        query: the question to answer.
        granularity: the size of the buckets.
        measures: the only ones that are needed; None stands for all that the query asks for.
    """
    uses_groups = bool(query.filter.groups or query.reach.group or _GROUPS & set(query.group_by))
    uses_tree_of_now = uses_groups and query.tree is Tree.AS_IT_IS
    uses_member = bool(
        query.filter.members or query.reach.member or Dimension.MEMBER in query.group_by or uses_tree_of_now
    )
    uses_key = bool(query.filter.api_keys) or Dimension.API_KEY in query.group_by
    uses_model = bool(query.filter.models or query.filter.statuses) or not {
        Dimension.MODEL,
        Dimension.STATUS,
    }.isdisjoint(query.group_by)
    only_hours = bool(query.filter.providers or query.filter.endpoints or query.filter.tags) or not {
        Dimension.PROVIDER,
        Dimension.ENDPOINT,
    }.isdisjoint(query.group_by)
    one_group = None if uses_tree_of_now else only_group(query)
    sources = [Source.HOURS]
    if not only_hours and granularity is not Granularity.HOUR:
        sources.insert(0, Source.DAYS)
        of_callers = (uses_key or uses_member) and not uses_model
        needs_path = uses_groups and not uses_tree_of_now and (uses_key or one_group is None)
        has_months = of_callers and not needs_path and not query.with_latencies
        if has_months and granularity in {Granularity.TOTAL, Granularity.MONTH}:
            sources.insert(0, Source.MONTHS)
        if measures is not None and of_callers and granularity is Granularity.TOTAL and set(measures) <= _RUNNING:
            # Months of a group are only those of its members. Other months are as many as the years of all callers.
            of_group = has_months and one_group is not None
            sources = [Source.MONTHS if of_group else Source.YEAR_TOTALS, Source.RUNNING_TOTALS, Source.HOURS]
    if uses_key:
        day_scope: tuple[str, str | None] = ("api_key", None)
    elif uses_member:
        day_scope = ("member", None)
    elif not uses_groups:
        day_scope = ("organization", query.organization)
    else:
        day_scope = ("group", one_group) if one_group is not None else ("leaf", None)
    month_scope: tuple[str, str | None] = ("organization", query.organization)
    if uses_key:
        month_scope = ("api_key", None)
    elif one_group is not None:
        month_scope = ("group", one_group)
    return Choice(sources, day_scope, month_scope)


def only_group(query: UsageQuery) -> str | None:
    """Returns the one group that confines a query that does not tell groups apart; None if there is no such."""
    confining = query.filter.groups | ({query.reach.group} if query.reach.group else set())
    if len(confining) != 1 or _GROUPS & set(query.group_by):
        return None
    return next(iter(confining))
