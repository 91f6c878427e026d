"""Checks of the rollups: each total is what the records say at the position of its generation, in its time zone."""

from collections.abc import Sequence
from typing import Final

from gateway_core.model.usage_measures import COUNT_COLUMNS, LATENCY_COLUMNS, RUNNING_COLUMNS, YEAR_COLUMNS
from usage_service.audit.check import Check
from usage_service.rollups.statements import (
    DAY_KEY,
    DAYS_OF_HOURS,
    HOUR_KEY,
    HOURS_OF_FACTS,
    MONTH_KEY,
    MONTHS_OF_HOURS,
    RUNNING_KEY,
    RUNNING_TOTALS_OF_HOURS,
    TAGGED_HOUR_KEY,
    TAGGED_HOURS_OF_FACTS,
    YEAR_KEY,
    YEAR_TOTALS_OF_HOURS,
)

_ALL: Final = (*COUNT_COLUMNS, *LATENCY_COLUMNS)


def _differences(table: str, key: Sequence[str], measures: Sequence[str], recomputed: str, kept: str = "true") -> str:
    """Returns the query for every row of a table that is not what is recomputed for its generation `r`.

    `kept` is the condition of rows that are compared.
    """
    compared = ", ".join(
        f"CASE WHEN coalesce(s.{name}, 0) <> coalesce(f.{name}, 0)"
        f" THEN format('{name} is %s instead of %s', coalesce(s.{name}, 0), coalesce(f.{name}, 0)) END"
        for name in measures
    )
    place = ", ".join(f"coalesce(s.{name}::text, f.{name}::text)" for name in key)
    return f"""
    SELECT organization_id, '{table} ' || place, fault
      FROM (SELECT coalesce(s.organization_id, f.organization_id) AS organization_id, concat_ws(' ', {place}) AS place,
                   array_to_string(ARRAY[{compared}], ', ') AS fault
              FROM (SELECT t.* FROM {table} t JOIN usage_rollups r ON r.organization_id = t.organization_id
                       AND r.generation = t.generation WHERE r.state <> 'RETIRED' AND {kept}) s
              FULL JOIN (SELECT r.organization_id, r.generation, counted.*
                           FROM usage_rollups r CROSS JOIN LATERAL ({recomputed}) AS counted
                          WHERE r.state <> 'RETIRED' AND {kept}) f
                ON {" AND ".join(f"s.{name} = f.{name}" for name in ("organization_id", "generation", *key))}) compared
     WHERE fault <> ''
    """  # noqa: S608 - our own names


_KEPT_HOURS: Final = "hour_start >= r.hours_from"
_COLUMNS: Final = ", ".join((*HOUR_KEY, *_ALL))
_DROPPED: Final = HOURS_OF_FACTS.format(
    zone="r.time_zone",
    condition="organization_id = r.organization_id AND sequence <= r.sequence"
    " AND place_time < r.hours_from + interval '1 hour'",
)
# Where hours were dropped, the records say what they were.
_HOURS: Final = (
    f"(SELECT {_COLUMNS} FROM usage_hours WHERE organization_id = r.organization_id AND generation = r.generation"  # noqa: S608
    f" AND {_KEPT_HOURS} UNION ALL SELECT {_COLUMNS} FROM ({_DROPPED}) AS dropped WHERE NOT {_KEPT_HOURS}) AS h"
)
_OF_GENERATION: Final = "h.hour_start < r.days_until"

ROLLUPS_AT_A_POSITION: Final = Check(
    "rollups-at-a-position",
    "INV-31",
    "rollups are at a position that their ledger has reached, and no rows are without a generation",
    ("usage_rollups",),
    """
    SELECT r.organization_id, 'generation ' || r.generation, format('is at %s of %s events', r.sequence, h.sequence)
      FROM usage_rollups r JOIN ledger_heads h ON h.organization_id = r.organization_id WHERE r.sequence > h.sequence
    UNION ALL
    SELECT DISTINCT d.organization_id, 'generation ' || d.generation, 'has rows and no position'
      FROM usage_days d
     WHERE NOT EXISTS (SELECT FROM usage_rollups r WHERE r.organization_id = d.organization_id AND r.generation = d.generation)
    """,
)

HOURS_ARE_RECORDS: Final = Check(
    "rollup-hours-are-records",
    "INV-31",
    "every hour has the sums of the records and corrections up to its position, in the organization's time zone",
    ("usage_hours", "usage_records"),
    _differences(
        "usage_hours",
        HOUR_KEY,
        _ALL,
        HOURS_OF_FACTS.format(
            zone="r.time_zone", condition="organization_id = r.organization_id AND sequence <= r.sequence"
        ),
        _KEPT_HOURS,
    ),
)

TAGGED_HOURS_ARE_RECORDS: Final = Check(
    "rollup-tagged-hours-are-records",
    "INV-31",
    "every hour of tagged calls has the sums of their records and corrections up to its position",
    ("usage_tagged_hours", "usage_records"),
    _differences(
        "usage_tagged_hours",
        TAGGED_HOUR_KEY,
        _ALL,
        TAGGED_HOURS_OF_FACTS.format(
            zone="r.time_zone",
            condition="organization_id = r.organization_id AND sequence <= r.sequence AND tags IS NOT NULL",
        ),
        _KEPT_HOURS,
    ),
)

DAYS_ARE_HOURS: Final = Check(
    "rollup-days-are-hours",
    "INV-31",
    "every day of a scope has the sums of its hours that are over",
    ("usage_days",),
    _differences(
        "usage_days",
        DAY_KEY,
        _ALL,
        DAYS_OF_HOURS.format(
            organization="r.organization_id",
            day_start="cycle_start_at('DAILY', r.time_zone, h.hour_start)",
            hours=_HOURS,
            condition=_OF_GENERATION,
        ),
    ),
)

MONTHS_ARE_HOURS: Final = Check(
    "rollup-months-are-hours",
    "INV-31",
    "every month of a member or a key has the sums of its hours that are over",
    ("usage_months",),
    _differences(
        "usage_months",
        MONTH_KEY,
        COUNT_COLUMNS,
        MONTHS_OF_HOURS.format(
            organization="r.organization_id",
            month_start="cycle_start_at('MONTHLY', r.time_zone, h.hour_start)",
            hours=_HOURS,
            condition=_OF_GENERATION,
        ),
    ),
)

RUNNING_TOTALS_ARE_HOURS: Final = Check(
    "rollup-totals-are-hours",
    "INV-31",
    "every running total of a member or a key has the sums of its hours up to the end of each day",
    ("usage_running_totals",),
    _differences(
        "usage_running_totals",
        RUNNING_KEY,
        RUNNING_COLUMNS,
        RUNNING_TOTALS_OF_HOURS.format(
            organization="r.organization_id",
            month_start="cycle_start_at('MONTHLY', r.time_zone, h.hour_start)",
            day="extract(day FROM h.hour_start AT TIME ZONE r.time_zone)",
            hours=_HOURS,
            condition=_OF_GENERATION,
        ),
    ),
)

YEAR_TOTALS_ARE_HOURS: Final = Check(
    "rollup-year-totals-are-hours",
    "INV-31",
    "every running total of a member or a key has the sums of its hours up to the end of each month",
    ("usage_year_totals",),
    _differences(
        "usage_year_totals",
        YEAR_KEY,
        YEAR_COLUMNS,
        YEAR_TOTALS_OF_HOURS.format(
            organization="r.organization_id",
            year="extract(year FROM h.hour_start AT TIME ZONE r.time_zone)",
            month="extract(month FROM h.hour_start AT TIME ZONE r.time_zone)",
            hours=_HOURS,
            condition=_OF_GENERATION,
        ),
    ),
)

MEMBER_SETS_ARE_HOURS: Final = Check(
    "rollup-sets-are-hours",
    "INV-31",
    "every set of a day and a model has the members whose calls with it count in the day's hours that are over, and no others",
    ("usage_member_sets",),
    f"""
    SELECT coalesce(s.organization_id, f.organization_id),
           concat_ws(' ', 'usage_member_sets', coalesce(s.day_start, f.day_start)::text, coalesce(s.model, f.model),
                     coalesce(s.member_id, f.member_id)),
           CASE WHEN f.member_id IS NULL THEN 'has a member without calls that count' ELSE 'lacks a member' END
      FROM (SELECT r.organization_id, r.generation, t.day_start, t.model,
                   coalesce(n.member_id, 'number ' || bits.number) AS member_id
              FROM usage_rollups r
              JOIN usage_member_sets t ON t.organization_id = r.organization_id AND t.generation = r.generation
             CROSS JOIN LATERAL generate_series(1, length(t.members)) AS bits (number)
              LEFT JOIN usage_member_numbers n ON n.organization_id = r.organization_id AND n.generation = r.generation
                                              AND n.number = bits.number
             WHERE r.state <> 'RETIRED' AND get_bit(t.members, bits.number - 1) = 1) s
      FULL JOIN (SELECT r.organization_id, r.generation, counted.*
                   FROM usage_rollups r CROSS JOIN LATERAL (
                       SELECT cycle_start_at('DAILY', r.time_zone, h.hour_start) AS day_start, h.model, h.member_id
                         FROM {_HOURS} WHERE {_OF_GENERATION}
                        GROUP BY 1, 2, 3 HAVING sum(h.call_count) > 0) AS counted
                  WHERE r.state <> 'RETIRED') f
        ON s.organization_id = f.organization_id AND s.generation = f.generation AND s.day_start = f.day_start
       AND s.model = f.model AND s.member_id = f.member_id
     WHERE s.member_id IS NULL OR f.member_id IS NULL
    """,  # noqa: S608 - our own names
)

TAG_DAYS_ARE_TAGGED_HOURS: Final = Check(
    "rollup-tag-days-are-tagged-hours",
    "INV-31",
    "every tag has the days on which it has tagged hours, and no others",
    ("usage_tag_days",),
    f"""
    SELECT coalesce(s.organization_id, f.organization_id),
           concat_ws(' ', 'usage_tag_days', coalesce(s.name, f.name), coalesce(s.value, f.value),
                     coalesce(s.day_start, f.day_start)::text),
           CASE WHEN f.name IS NULL THEN 'has no tagged hours' ELSE 'is missing' END
      FROM (SELECT t.* FROM usage_rollups r
              JOIN usage_tag_days t ON t.organization_id = r.organization_id AND t.generation = r.generation
             WHERE r.state <> 'RETIRED' AND t.day_start >= r.hours_from) s
      FULL JOIN (SELECT DISTINCT r.organization_id, r.generation, tag.key AS name, tag.value,
                        cycle_start_at('DAILY', r.time_zone, h.hour_start) AS day_start
                   FROM usage_rollups r
                   JOIN usage_tagged_hours h ON h.organization_id = r.organization_id AND h.generation = r.generation
                  CROSS JOIN LATERAL jsonb_each_text(h.tags) AS tag
                  WHERE r.state <> 'RETIRED' AND {_KEPT_HOURS}
                    AND cycle_start_at('DAILY', r.time_zone, h.hour_start) >= r.hours_from) f
        USING (organization_id, generation, name, value, day_start)
     WHERE s.name IS NULL OR f.name IS NULL
    """,  # noqa: S608 - our own names
)

ROLLUP_CHECKS: Final = (
    ROLLUPS_AT_A_POSITION,
    HOURS_ARE_RECORDS,
    TAGGED_HOURS_ARE_RECORDS,
    DAYS_ARE_HOURS,
    MONTHS_ARE_HOURS,
    RUNNING_TOTALS_ARE_HOURS,
    YEAR_TOTALS_ARE_HOURS,
    MEMBER_SETS_ARE_HOURS,
    TAG_DAYS_ARE_TAGGED_HOURS,
)
