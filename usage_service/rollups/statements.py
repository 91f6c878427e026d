"""The statements that add facts to rollups.

PostgreSQL adds up, not Python: the rows stay where they are, and the event loop only waits.
"""

from collections.abc import Iterable
from typing import Final

from gateway_core.model.usage_measures import COUNT_COLUMNS, LATENCY_COLUMNS
from gateway_core.stores.postgres.usage_sums import measures_of_facts, sums, with_latency_buckets

HOUR_KEY: Final = ("hour_start", "group_path", "member_id", "api_key_id", "model", "provider_id", "endpoint", "status")
DAY_KEY: Final = ("scope_kind", "scope_id", "day_start", "model", "status", "group_path", "member_id")
MONTH_KEY: Final = ("scope_kind", "scope_id", "month_start", "member_id")


def _added(table: str, names: Iterable[str]) -> str:
    """Returns the assignments that add a row to the one that is there."""
    return ", ".join(
        f"{name} = coalesce({table}.{name} + excluded.{name}, {table}.{name}, excluded.{name})"
        if name in LATENCY_COLUMNS
        else f"{name} = {table}.{name} + excluded.{name}"
        for name in names
    )


def _add(table: str, key: tuple[str, ...], names: tuple[str, ...], rows: str) -> str:
    return f"""
        INSERT INTO {table} (organization_id, generation, {", ".join((*key, *names))})
        SELECT $1, $2, {", ".join((*key, *names))} FROM ({rows}) AS added
        ON CONFLICT (organization_id, generation, {", ".join(key)}) DO UPDATE SET {_added(table, names)}"""  # noqa: S608


_ALL: Final = (*COUNT_COLUMNS, *LATENCY_COLUMNS)

_QUARTER: Final = "date_bin('15 minutes', place_time, 'epoch')"
# The hour of a quarter is the hour of everything in it, and there are fewer quarters than facts. Not a mere subquery:
# PostgreSQL would compute the hour of each fact.
_FACTS: Final = with_latency_buckets(
    f"SELECT f.*, q.hour_start FROM usage_facts f JOIN (WITH quarters AS MATERIALIZED (SELECT quarter,"  # noqa: S608
    f" local_hour(quarter, {{zone}}) AS hour_start FROM (SELECT DISTINCT {_QUARTER} AS quarter FROM usage_facts"
    f" WHERE {{condition}}) AS known) SELECT * FROM quarters) AS q ON q.quarter = {_QUARTER} WHERE {{condition}}"
)
HOURS_OF_FACTS: Final = f"""
    SELECT {", ".join(HOUR_KEY)}, {measures_of_facts(_ALL)} FROM ({_FACTS}) AS facts GROUP BY {", ".join(HOUR_KEY)}"""  # noqa: S608
"""Facts by hour, with the columns of `HOUR_KEY` and all measures. `zone` and `condition` are SQL."""

_SCOPES: Final = """
    CROSS JOIN LATERAL (
        VALUES ('organization', {organization}, '{{}}'::text[], ''),
               ('leaf', coalesce(h.group_path[cardinality(h.group_path)], ''), h.group_path, ''),
               ('member', h.member_id, h.group_path, h.member_id),
               ('api_key', h.api_key_id, h.group_path, h.member_id)
        UNION ALL
        SELECT 'group', h.group_path[level], h.group_path[:level], '' FROM generate_subscripts(h.group_path, 1) AS level
    ) AS s (scope_kind, scope_id, scope_path, owner_id)"""

DAYS_OF_HOURS: Final = f"""
    SELECT s.scope_kind, s.scope_id, {{day_start}} AS day_start, h.model, h.status, s.scope_path AS group_path,
           s.owner_id AS member_id, {sums(_ALL)}
      FROM {{hours}} {_SCOPES}
     WHERE {{condition}} GROUP BY 1, 2, 3, 4, 5, 6, 7"""  # noqa: S608
"""Hours by day, once for each scope: the columns of `DAY_KEY` and all measures. `hours` names them `h`; all is SQL."""

MONTHS_OF_HOURS: Final = f"""
    SELECT s.scope_kind, s.scope_id, {{month_start}} AS month_start, h.member_id, {sums(COUNT_COLUMNS)}
      FROM {{hours}} {_SCOPES}
     WHERE s.scope_kind IN ('organization', 'group') AND {{condition}} GROUP BY 1, 2, 3, 4"""  # noqa: S608
"""Hours by month and member, once for each scope with members: the columns of `MONTH_KEY` and all counts."""

_WITH_CALENDAR: Final = "facts_by_hour h JOIN calendar c ON c.hour_start = h.hour_start"
_ADD_TO_DAYS: Final = f"""
calendar AS MATERIALIZED (
    SELECT hour_start, cycle_start_at('DAILY', $4, hour_start) AS day_start,
           cycle_start_at('MONTHLY', $4, hour_start) AS month_start
      FROM (SELECT DISTINCT hour_start FROM facts_by_hour WHERE hour_start < $6) AS hours
), added_days AS ({
    _add(
        "usage_days",
        DAY_KEY,
        _ALL,
        DAYS_OF_HOURS.format(organization="$1", day_start="c.day_start", hours=_WITH_CALENDAR, condition="true"),
    )
}
), added_months AS ({
    _add(
        "usage_months",
        MONTH_KEY,
        COUNT_COLUMNS,
        MONTHS_OF_HOURS.format(organization="$1", month_start="c.month_start", hours=_WITH_CALENDAR, condition="true"),
    )
})"""  # noqa: S608

ROLL_UP: Final = f"""
WITH facts_by_hour AS MATERIALIZED (
    {HOURS_OF_FACTS.format(zone="$4", condition="organization_id = $1 AND sequence > $3 AND sequence <= $5")}
), added_hours AS ({_add("usage_hours", HOUR_KEY, _ALL, "SELECT * FROM facts_by_hour")}
), {_ADD_TO_DAYS}
UPDATE usage_rollups SET sequence = $5, update_time = now() WHERE organization_id = $1 AND generation = $2
"""  # noqa: S608 - our own names
"""Adds the facts after one position up to another, and stores it.

Parameters: organization, generation, position, time zone, new position, the instant before which hours are in days.
"""

CLOSE_HOURS: Final = f"""
WITH facts_by_hour AS MATERIALIZED (
    SELECT * FROM usage_hours WHERE organization_id = $1 AND generation = $2 AND hour_start >= $3 AND hour_start < $6
), {_ADD_TO_DAYS}
UPDATE usage_rollups SET days_until = $5, update_time = now() WHERE organization_id = $1 AND generation = $2
"""  # noqa: S608 - our own names
"""Adds the hours from one instant to another to their days and months.

Parameters: organization, generation, first instant, time zone, first instant after them, twice.
"""
