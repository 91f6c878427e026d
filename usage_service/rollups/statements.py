"""The statements that add facts to rollups.

PostgreSQL adds up, not Python: the rows stay where they are, and the event loop only waits.
"""

from collections.abc import Iterable
from typing import Final

from gateway_core.model.usage_measures import (
    COUNT_COLUMNS,
    DAYS_OF_MONTH,
    INPUT_TOKEN_COLUMNS,
    LATENCY_COLUMNS,
    MONTHS_OF_YEAR,
    OUTPUT_TOKEN_COLUMNS,
    RUNNING_COLUMNS,
    RUNNING_MEASURES,
    YEAR_COLUMNS,
    running_column,
)
from gateway_core.stores.postgres.usage_sums import measures_of_facts, sums, with_latency_buckets

HOUR_KEY: Final = ("hour_start", "group_path", "member_id", "api_key_id", "model", "provider_id", "endpoint", "status")
TAGGED_HOUR_KEY: Final = (*HOUR_KEY, "tags")
DAY_KEY: Final = ("scope_kind", "scope_id", "day_start", "model", "status", "group_path", "member_id")
MONTH_KEY: Final = ("scope_kind", "scope_id", "month_start", "member_id")
RUNNING_KEY: Final = ("scope_kind", "month_start", "scope_id", "group_path", "member_id")
YEAR_KEY: Final = ("scope_kind", "year", "scope_id", "group_path", "member_id")
_MAY_BE_NULL: Final = frozenset({*LATENCY_COLUMNS, *RUNNING_COLUMNS})
"""The columns of years are among those of months."""


def _added(table: str, names: Iterable[str]) -> str:
    """Returns the assignments that add a row to the one that is there."""
    return ", ".join(
        f"{name} = coalesce({table}.{name} + excluded.{name}, {table}.{name}, excluded.{name})"
        if name in _MAY_BE_NULL
        else f"{name} = {table}.{name} + excluded.{name}"
        for name in names
    )


def _add(table: str, key: tuple[str, ...], names: tuple[str, ...], rows: str, owner: str = "$1, $2") -> str:
    return f"""
        INSERT INTO {table} (organization_id, generation, {", ".join((*key, *names))})
        SELECT {owner}, {", ".join((*key, *names))} FROM ({rows}) AS added
        ON CONFLICT (organization_id, generation, {", ".join(key)}) DO UPDATE SET {_added(table, names)}"""  # noqa: S608


_ALL: Final = (*COUNT_COLUMNS, *LATENCY_COLUMNS)
_LISTED: Final = ", ".join(_ALL)

_QUARTER: Final = "date_bin('15 minutes', place_time, 'epoch')"
# The hour of a quarter is the hour of everything in it, and there are fewer quarters than facts. Not a mere subquery:
# PostgreSQL would compute the hour of each fact.
_FACTS: Final = with_latency_buckets(
    f"SELECT f.*, q.hour_start FROM usage_facts f JOIN (WITH quarters AS MATERIALIZED (SELECT quarter,"  # noqa: S608
    f" local_hour(quarter, {{zone}}) AS hour_start FROM (SELECT DISTINCT {_QUARTER} AS quarter FROM usage_facts"
    f" WHERE {{condition}}) AS known) SELECT * FROM quarters) AS q ON q.quarter = {_QUARTER} WHERE {{condition}}"
)


def _hours_of_facts(key: tuple[str, ...]) -> str:
    return f"""
    SELECT {", ".join(key)}, {measures_of_facts(_ALL)} FROM ({_FACTS}) AS facts GROUP BY {", ".join(key)}"""  # noqa: S608


HOURS_OF_FACTS: Final = _hours_of_facts(HOUR_KEY)
"""Facts by hour, with the columns of `HOUR_KEY` and all measures. `zone` and `condition` are SQL."""
TAGGED_HOURS_OF_FACTS: Final = _hours_of_facts(TAGGED_HOUR_KEY)
"""The same with the tags. `condition` must leave out facts without any."""

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
     WHERE s.scope_kind IN ('organization', 'group', 'api_key') AND {{condition}} GROUP BY 1, 2, 3, 4"""  # noqa: S608
"""Hours by month and member, once for each scope with members, and for each key: the columns of `MONTH_KEY` and all counts."""

_TOKENS: Final = f"bigint_sum({' + '.join((*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS))}) AS tokens"
_RUNNING: Final = ", ".join(_TOKENS if name == "tokens" else sums([name]) for name in RUNNING_MEASURES)
"""The select list that adds up rows of rollups to what running totals are of."""


def _until_each(column: str, numbers: Iterable[int]) -> str:
    """Returns the select list of the running totals by the numbers of days or months in a column."""
    return ", ".join(
        f"nullif(bigint_sum({measure}) FILTER (WHERE {column} <= {number}), 0) AS {running_column(measure, number)}"
        for number in numbers
        for measure in RUNNING_MEASURES
    )


_UNTIL_EACH_DAY: Final = _until_each("day", DAYS_OF_MONTH)
_UNTIL_EACH_MONTH: Final = _until_each("month", MONTHS_OF_YEAR)

RUNNING_TOTALS_OF_HOURS: Final = f"""
    SELECT scope_kind, month_start, scope_id, group_path, member_id, {_UNTIL_EACH_DAY}
      FROM (SELECT s.scope_kind, {{month_start}} AS month_start, s.scope_id, s.scope_path AS group_path, s.owner_id AS member_id,
                   {{day}} AS day, {_RUNNING}
              FROM {{hours}} {_SCOPES}
             WHERE s.scope_kind IN ('member', 'api_key') AND {{condition}} GROUP BY 1, 2, 3, 4, 5, 6) AS days
     GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608
"""Hours by month, once for the member and once for the key: the columns of `RUNNING_KEY` and the totals until each day."""

YEAR_TOTALS_OF_HOURS: Final = f"""
    SELECT scope_kind, year, scope_id, group_path, member_id, {_UNTIL_EACH_MONTH}
      FROM (SELECT s.scope_kind, {{year}} AS year, s.scope_id, s.scope_path AS group_path, s.owner_id AS member_id,
                   {{month}} AS month, {_RUNNING}
              FROM {{hours}} {_SCOPES}
             WHERE s.scope_kind IN ('member', 'api_key') AND {{condition}} GROUP BY 1, 2, 3, 4, 5, 6) AS months
     GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608
"""The same by year: the columns of `YEAR_KEY` and the totals until each month."""

_DAYS: Final = f"""
    SELECT 'api_key' AS scope_kind, api_key_id AS scope_id, day_start, model, status, group_path, member_id, {_LISTED} FROM key_days
    UNION ALL
    SELECT 'member', member_id, day_start, model, status, group_path, member_id, {_LISTED} FROM member_days
    UNION ALL
    SELECT 'leaf', coalesce(group_path[cardinality(group_path)], ''), day_start, model, status, group_path, '', {_LISTED}
      FROM leaf_days
    UNION ALL
    SELECT 'group', group_path[level], day_start, model, status, group_path[:level], '', {sums(_ALL)}
      FROM leaf_days, generate_subscripts(group_path, 1) AS level GROUP BY 2, 3, 4, 5, 6
    UNION ALL
    SELECT 'organization', $1, day_start, model, status, '{{}}'::text[], '', {sums(_ALL)} FROM leaf_days GROUP BY 3, 4, 5"""  # noqa: S608
_MONTHS: Final = f"""
    SELECT 'organization' AS scope_kind, $1 AS scope_id, month_start, member_id, {sums(COUNT_COLUMNS)}
      FROM member_months GROUP BY 3, 4
    UNION ALL
    SELECT 'group', group_path[level], month_start, member_id, {sums(COUNT_COLUMNS)}
      FROM member_months, generate_subscripts(group_path, 1) AS level GROUP BY 2, 3, 4
    UNION ALL
    SELECT 'api_key', api_key_id, month_start, member_id, {sums(COUNT_COLUMNS)} FROM key_days GROUP BY 2, 3, 4"""  # noqa: S608


def _running_totals(period: str, number: str, totals: str) -> str:
    """Returns the running totals of callers. New rows are written in the order in which they are read, so that reading them touches
    few pages."""
    return f"""
    SELECT scope_kind, {period}, scope_id, group_path, member_id, {totals}
      FROM (SELECT 'api_key' AS scope_kind, {period}, api_key_id AS scope_id, group_path, member_id, {number}, {_RUNNING}
              FROM key_days GROUP BY 2, 3, 4, 5, 6
             UNION ALL
            SELECT 'member', {period}, member_id, group_path, member_id, {number}, {_RUNNING}
              FROM member_days GROUP BY 2, 3, 4, 5, 6) AS parts
     GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""  # noqa: S608 - our own names


_RUNNING_TOTALS: Final = _running_totals("month_start", "day", _UNTIL_EACH_DAY)
_YEAR_TOTALS: Final = _running_totals("year", "month", _UNTIL_EACH_MONTH)
_NUMBER_MEMBERS: Final = """
    INSERT INTO usage_member_numbers (organization_id, generation, member_id, number)
    SELECT $1, $2, member_id, row_number() OVER (ORDER BY member_id) + (
               SELECT coalesce(max(number), 0) FROM usage_member_numbers WHERE organization_id = $1 AND generation = $2)
      FROM (SELECT DISTINCT member_id FROM used) AS each
     WHERE NOT EXISTS (SELECT FROM usage_member_numbers n
                        WHERE n.organization_id = $1 AND n.generation = $2 AND n.member_id = each.member_id)
    RETURNING member_id, number"""


def member_sets(numbered: str) -> str:
    """Returns the query for the sets of members by day and model, from rows with their numbers."""
    return f"""
    SELECT day_start, model, string_agg(repeat('0', number - before - 1) || '1', '' ORDER BY number)::bit varying AS members
      FROM (SELECT day_start, model, number,
                   lag(number, 1, 0) OVER (PARTITION BY day_start, model ORDER BY number) AS before FROM {numbered}) AS gaps
     GROUP BY 1, 2"""  # noqa: S608 - our own names


_ADD_TO_DAYS: Final = f"""
calendar AS MATERIALIZED (
    SELECT hour_start, cycle_start_at('DAILY', $4, hour_start) AS day_start,
           cycle_start_at('MONTHLY', $4, hour_start) AS month_start, extract(day FROM hour_start AT TIME ZONE $4)::integer AS day,
           extract(year FROM hour_start AT TIME ZONE $4)::integer AS year,
           extract(month FROM hour_start AT TIME ZONE $4)::integer AS month
      FROM (SELECT DISTINCT hour_start FROM facts_by_hour WHERE hour_start < $6) AS hours
), key_days AS MATERIALIZED (
    SELECT c.day_start, c.month_start, c.year, c.month, c.day, h.group_path, h.member_id, h.api_key_id, h.model, h.status,
           {sums(_ALL)}
      FROM facts_by_hour h JOIN calendar c ON c.hour_start = h.hour_start GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
), member_days AS MATERIALIZED (
    SELECT day_start, month_start, year, month, day, group_path, member_id, model, status, {sums(_ALL)}
      FROM key_days GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
), leaf_days AS MATERIALIZED (
    SELECT day_start, group_path, model, status, {sums(_ALL)} FROM member_days GROUP BY 1, 2, 3, 4
), member_months AS MATERIALIZED (
    SELECT month_start, group_path, member_id, {sums(COUNT_COLUMNS)} FROM member_days GROUP BY 1, 2, 3
), added_days AS ({_add("usage_days", DAY_KEY, _ALL, _DAYS)}
), added_months AS ({_add("usage_months", MONTH_KEY, COUNT_COLUMNS, _MONTHS)}
), added_totals AS ({_add("usage_running_totals", RUNNING_KEY, RUNNING_COLUMNS, _RUNNING_TOTALS)}
), added_year_totals AS ({_add("usage_year_totals", YEAR_KEY, YEAR_COLUMNS, _YEAR_TOTALS)}
), used AS MATERIALIZED (
    SELECT day_start, model, member_id FROM member_days GROUP BY 1, 2, 3 HAVING bigint_sum(call_count) > 0
), new_numbers AS ({_NUMBER_MEMBERS}
), numbers AS (
    SELECT member_id, number FROM usage_member_numbers WHERE organization_id = $1 AND generation = $2
    UNION ALL SELECT member_id, number FROM new_numbers
), added_sets AS (
    INSERT INTO usage_member_sets (organization_id, generation, day_start, model, members)
    SELECT $1, $2, day_start, model, members FROM ({member_sets("used JOIN numbers USING (member_id)")}) AS added
    ON CONFLICT (organization_id, generation, day_start, model)
    DO UPDATE SET members = member_union(usage_member_sets.members, excluded.members)
)"""  # noqa: S608
"""Adds hours to days, months, running totals and sets of members. Each sum is made of smaller ones: hours by key, keys by member,
members by group.

The audit recomputes all of it by `DAYS_OF_HOURS` and the like, which add up the hours once for each scope.
"""

_FACTS_BY_HOUR: Final = f"""
WITH facts_by_hour AS MATERIALIZED (
    {HOURS_OF_FACTS.format(zone="$4", condition="organization_id = $1 AND sequence > $3 AND sequence <= $5")}
), added_hours AS ({_add("usage_hours", HOUR_KEY, _ALL, "SELECT * FROM facts_by_hour")}
)"""  # noqa: S608
ROLL_UP_LATE: Final = f"""{_FACTS_BY_HOUR}, {_ADD_TO_DAYS}
UPDATE usage_rollups SET sequence = $5, update_time = now() WHERE organization_id = $1 AND generation = $2"""  # noqa: S608
"""Adds the facts after one position up to another to their hours and days, and stores it.

Parameters: organization, generation, position, time zone, new position, instant before which hours are in days.
"""

_OWNER: Final = "organization_id, generation"
_STEPS: Final = """
steps AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[])
        AS s (organization_id, generation, before, zone, upto)
)"""


def _of_steps(hours_of_facts: str, also: str = "") -> str:
    """Returns the query for the hours of the facts of each step. One after another: a join would read the facts of everyone."""
    condition = "organization_id = s.organization_id AND sequence > s.before AND sequence <= s.upto"
    hours = hours_of_facts.format(zone="s.zone", condition=condition + also)
    return f"SELECT s.organization_id, s.generation, h.* FROM steps s CROSS JOIN LATERAL ({hours}) AS h"  # noqa: S608


ROLL_UP: Final = f"""
WITH {_STEPS}, added_hours AS ({_add("usage_hours", HOUR_KEY, _ALL, _of_steps(HOURS_OF_FACTS), _OWNER)}
)
UPDATE usage_rollups r SET sequence = s.upto, update_time = now() FROM steps s
 WHERE r.organization_id = s.organization_id AND r.generation = s.generation"""  # noqa: S608 - our own names
"""Adds facts of several generations to their hours, and stores the positions. No fact may be of an hour that is in its day.

Parameters, an array with an entry for each generation: organizations, generations, positions, time zones, new positions.
"""

SETS_AGAIN: Final = f"""
WITH changed AS MATERIALIZED (
    SELECT DISTINCT cycle_start_at('DAILY', $4, u.place_time) AS day_start, u.requested_model AS model
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
     WHERE c.organization_id = $1 AND c.sequence > $3 AND c.sequence <= $5 AND c.outcome = 'VOIDED' AND c.place_time < $6
), used AS (
    SELECT d.day_start, d.model, n.number
      FROM changed JOIN usage_days d ON d.organization_id = $1 AND d.generation = $2 AND d.scope_kind = 'member'
                                    AND d.day_start = changed.day_start AND d.model = changed.model
      JOIN usage_member_numbers n ON n.organization_id = $1 AND n.generation = $2 AND n.member_id = d.scope_id
     GROUP BY 1, 2, 3 HAVING bigint_sum(d.call_count) > 0
)
UPDATE usage_member_sets s SET members = coalesce(again.members, '')
  FROM changed LEFT JOIN ({member_sets("used")}) AS again USING (day_start, model)
 WHERE s.organization_id = $1 AND s.generation = $2 AND s.day_start = changed.day_start AND s.model = changed.model
"""  # noqa: S608 - our own names
"""Finds the members of days and models again that corrections took calls from, after `ROLL_UP_LATE` and with its parameters.

Only a call that turns out to have failed no longer counts.
"""

# The position is claimed with the lock on its row. Whoever does not get it leaves the work to the one who has it. The head is of
# the statement's snapshot, as are the facts up to it, so it tells what they are.
CLAIM_EVENTS: Final = """
WITH claimed AS MATERIALIZED (
    SELECT r.organization_id, r.generation, r.sequence, r.time_zone, h.sequence AS head, r.days_until,
           least(r.sequence + $3::bigint, h.sequence) AS upto
      FROM unnest($1::text[], $2::integer[]) AS wanted (organization_id, generation)
      JOIN usage_rollups r ON r.organization_id = wanted.organization_id AND r.generation = wanted.generation
      JOIN ledger_heads h ON h.organization_id = r.organization_id
     WHERE r.state <> 'RETIRED' FOR UPDATE OF r SKIP LOCKED)
SELECT n.*,
       EXISTS (SELECT FROM usage_records
                WHERE organization_id = n.organization_id AND sequence > n.sequence AND sequence <= n.upto AND tags IS NOT NULL)
       OR EXISTS (SELECT FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
                   WHERE c.organization_id = n.organization_id AND c.sequence > n.sequence AND c.sequence <= n.upto
                     AND u.tags IS NOT NULL),
       EXISTS (SELECT FROM usage_records
                WHERE organization_id = n.organization_id AND sequence > n.sequence AND sequence <= n.upto
                  AND place_time < n.days_until)
       OR EXISTS (SELECT FROM usage_corrections
                   WHERE organization_id = n.organization_id AND sequence > n.sequence AND sequence <= n.upto
                     AND place_time < n.days_until)
  FROM claimed n
"""
"""Locks the positions of generations, unless another transaction has, and looks at the next facts.

Columns: organization, generation, position, time zone, head of the ledger, instant before which hours are in days, position after
the next facts, whether some of these have tags, and whether some are before that instant. Parameters: organizations, generations,
how many events of each at most.
"""

ROLL_UP_TAGGED: Final = f"""
WITH {_STEPS}, facts_by_hour AS MATERIALIZED ({_of_steps(TAGGED_HOURS_OF_FACTS, " AND tags IS NOT NULL")}
), added AS ({_add("usage_tagged_hours", TAGGED_HOUR_KEY, _ALL, "SELECT * FROM facts_by_hour", _OWNER)}
), tagged AS MATERIALIZED (SELECT DISTINCT organization_id, generation, hour_start, tags FROM facts_by_hour
), calendar AS MATERIALIZED (
    SELECT organization_id, generation, hour_start, cycle_start_at('DAILY', s.zone, hour_start) AS day_start
      FROM (SELECT DISTINCT organization_id, generation, hour_start FROM tagged) AS hours
      JOIN steps s USING (organization_id, generation)
)
INSERT INTO usage_tag_days (organization_id, generation, name, value, day_start)
SELECT DISTINCT organization_id, generation, tag.key, tag.value, day_start
  FROM tagged JOIN calendar USING (organization_id, generation, hour_start) CROSS JOIN LATERAL jsonb_each_text(tags) AS tag
ON CONFLICT DO NOTHING"""  # noqa: S608 - our own names
"""Adds the facts with tags of several generations, in the transaction of `ROLL_UP`, and with its parameters."""

CLOSE_HOURS: Final = f"""
WITH facts_by_hour AS MATERIALIZED (
    SELECT * FROM usage_hours WHERE organization_id = $1 AND generation = $2 AND hour_start >= $3 AND hour_start < $6
), {_ADD_TO_DAYS}
UPDATE usage_rollups SET days_until = $5, update_time = now() WHERE organization_id = $1 AND generation = $2
"""  # noqa: S608 - our own names
"""Adds the hours from one instant to another to their days and months.

Parameters: organization, generation, first instant, time zone, first instant after them, twice.
"""
