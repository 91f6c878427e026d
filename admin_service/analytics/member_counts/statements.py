"""Builds the statements that count members."""

from collections.abc import Sequence
from typing import Final

from admin_service.analytics.query import Dimension, UsageQuery
from admin_service.analytics.statements import Selection, added_up
from admin_service.analytics.time_ranges import Piece
from admin_service.listing.sql_parameters import Parameters

COUNTED: Final = ("call_count",)
"""The measures that decide who is counted."""


def can_use_sets(query: UsageQuery) -> bool:
    """Returns whether the sets of members by model can answer a query by model: they tell nothing else apart."""
    kept, reach = query.filter, query.reach
    others = (kept.groups, kept.members, kept.api_keys, kept.providers, kept.endpoints, kept.statuses, kept.tags)
    return query.group_by[:1] == (Dimension.MODEL,) and reach.group is None and reach.member is None and not any(others)


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


def counting_sets_statement(selection: Selection, days: Sequence[Piece], parameters: Parameters) -> str:
    """Returns the same for members by model, from the sets of whole days and the calls of the rest of the range.

    Args:
        selection: the rest of the range, which may be nothing.
        days: the pieces that are read from sets.
        parameters: receives the values.
    """
    query, add = selection.query, parameters.add
    of_generation = (
        f"s.organization_id = {add(query.organization)} AND s.generation = {add(selection.position.generation)}"
    )
    in_days = " OR ".join(f"s.day_start >= {add(day.start)} AND s.day_start < {add(day.end)}" for day in days)
    of_models = f" AND s.model = ANY ({add(sorted(query.filter.models))}::text[])" if query.filter.models else ""
    grouped = added_up(selection, query.group_by, COUNTED, parameters)
    in_set = "coalesce(CASE WHEN r.number <= length({0}.members) THEN get_bit({0}.members, r.number - 1) END, 0) = 1"
    return f"""
    WITH sets AS MATERIALIZED (
        SELECT s.model, member_union(s.members) AS members FROM usage_member_sets s
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
