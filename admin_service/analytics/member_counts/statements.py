"""Builds the statements that count members."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from admin_service.analytics.query import Dimension, Tree, UsageQuery
from admin_service.analytics.rollup_choice import only_group
from admin_service.analytics.statements import Selection, added_up
from admin_service.analytics.time_ranges import Piece
from admin_service.listing.sql_parameters import Parameters

COUNTED: Final = ("call_count",)
"""The measures that decide who is counted."""


def can_use_sets(query: UsageQuery) -> bool:
    """Returns whether the sets of members by model can answer a query by model: of the organization, or of one group.

    They tell nothing else apart. Those of a group are the members of the organization's sets who had all of their calls in it.
    """
    kept, reach = query.filter, query.reach
    others = (kept.members, kept.api_keys, kept.providers, kept.endpoints, kept.statuses, kept.tags)
    has_groups = bool(kept.groups) or reach.group is not None
    in_one_group = query.tree is Tree.AS_IT_WAS and only_group(query) is not None
    return (
        query.group_by[:1] == (Dimension.MODEL,)
        and reach.member is None
        and not any(others)
        and (in_one_group or not has_groups)
    )


def insiders_statement(
    query: UsageQuery, group: str, generation: int | None, months: Sequence[dt.datetime], parameters: Parameters
) -> str:
    """Returns the statement for the members with counted calls in a group in some months.

    Its columns: the member, and whether all of their counted calls in these months were in the group.
    """
    add = parameters.add
    in_months = (
        f"organization_id = {add(query.organization)} AND generation = {add(generation)}"
        f" AND month_start = ANY ({add(list(months))}::timestamptz[])"
    )
    return f"""
    SELECT member_id, bigint_sum(inside) = bigint_sum(everywhere) AS is_insider
      FROM (SELECT member_id, call_count AS inside, 0::bigint AS everywhere FROM usage_months
             WHERE {in_months} AND scope_kind = 'group' AND scope_id = {add(group)}
             UNION ALL
            SELECT member_id, 0, call_count FROM usage_months
             WHERE {in_months} AND scope_kind = 'organization' AND scope_id = {add(query.organization)}) AS months
     GROUP BY member_id HAVING bigint_sum(inside) > 0"""  # noqa: S608 - our own names, and values as parameters


def counting_statement(selection: Selection, parameters: Parameters) -> str:
    """Returns the statement that counts members with counted calls: by the dimension before theirs, and (NULL) in all."""
    *others, last = (f"value_{number}" for number in range(1, len(selection.query.group_by) + 1))
    by_value = "".join(f"SELECT {other}, count(*) FROM used GROUP BY {other} UNION ALL " for other in others)  # noqa: S608
    in_all = f"(SELECT DISTINCT {last} FROM used) AS counted" if others else "used"  # noqa: S608
    return f"""
    WITH used AS (SELECT {", ".join((*others, last))}
                    FROM ({added_up(selection, selection.query.group_by, COUNTED, parameters)}) AS grouped
                   WHERE call_count > 0)
    {by_value}SELECT NULL, count(*) FROM {in_all}"""  # noqa: S608 - our own names


def counting_sets_statement(
    selection: Selection,
    days: Sequence[Piece],
    parameters: Parameters,
    insiders: Sequence[str] | None = None,
    others: Sequence[str] = (),
) -> str:
    """Returns the same for members by model, from the sets of whole days and the calls of the rest of the range.

    Args:
        selection: the rest of the range, which may be nothing.
        days: the pieces that are read from sets.
        parameters: receives the values.
        insiders: the members that count in the sets; None stands for all.
        others: members whose days are read besides.
    """
    query, add = selection.query, parameters.add
    of_generation = (
        f"s.organization_id = {add(query.organization)} AND s.generation = {add(selection.position.generation)}"
    )
    in_days = " OR ".join(f"s.day_start >= {add(day.start)} AND s.day_start < {add(day.end)}" for day in days)
    of_models = f" AND s.model = ANY ({add(sorted(query.filter.models))}::text[])" if query.filter.models else ""
    grouped = added_up(selection, query.group_by, COUNTED, parameters)
    if others:
        of_others = replace(query, filter=replace(query.filter, members=frozenset(others)))
        days_of_others = replace(selection, query=of_others, pieces=days, position=replace(selection.position, head=0))
        grouped = (
            f"SELECT value_1, value_2, bigint_sum(call_count) AS call_count FROM ({grouped} UNION ALL"  # noqa: S608
            f" {added_up(days_of_others, query.group_by, COUNTED, parameters)}) AS both_parts GROUP BY 1, 2"
        )
    members = "member_union(s.members)"
    mask = ""
    if insiders is not None:
        mask = f"""mask AS MATERIALIZED (
        SELECT coalesce(string_agg(repeat('0', number - before - 1) || '1', '' ORDER BY number), '')::bit varying AS members
          FROM (SELECT s.number, lag(s.number, 1, 0) OVER (ORDER BY s.number) AS before FROM usage_member_numbers s
                 WHERE {of_generation} AND s.member_id = ANY ({add(list(insiders))}::text[])) AS gaps
    ), """  # noqa: S608 - our own names
        members = "member_intersection(member_union(s.members), (SELECT members FROM mask))"
    in_set = "coalesce(CASE WHEN r.number <= length({0}.members) THEN get_bit({0}.members, r.number - 1) END, 0) = 1"
    return f"""
    WITH {mask}sets AS MATERIALIZED (
        SELECT s.model, {members} AS members FROM usage_member_sets s
         WHERE {of_generation} AND ({in_days}){of_models} GROUP BY s.model
    ), whole AS MATERIALIZED (SELECT member_union(members) AS members FROM sets
    ), rest AS MATERIALIZED (
        SELECT g.value_1 AS model, g.value_2 AS member_id, s.number
          FROM ({grouped}) AS g
          LEFT JOIN usage_member_numbers s ON {of_generation} AND s.member_id = g.value_2
         WHERE g.call_count > 0
    )
    SELECT model, sum(members)::bigint AS members
      FROM (SELECT model, bit_count(members) AS members FROM sets
             UNION ALL
            SELECT r.model, count(*) FROM rest r LEFT JOIN sets ON sets.model = r.model
             WHERE NOT {in_set.format("sets")} GROUP BY 1) AS counted
     GROUP BY 1 HAVING sum(members) > 0
     UNION ALL
    SELECT NULL, (SELECT coalesce(bit_count(members), 0) FROM whole)
               + (SELECT count(DISTINCT r.member_id) FROM rest r CROSS JOIN whole WHERE NOT {in_set.format("whole")})
    """  # noqa: S608 - our own names, and values as parameters
