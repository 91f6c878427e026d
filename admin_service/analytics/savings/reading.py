"""Adds up what routed calls cost and would have cost."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.analytics.kept_conditions import kept_conditions
from admin_service.analytics.query import Filter, Reach
from admin_service.analytics.savings.comparison import Sessions
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.routing.quality import Share
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.routed_calls.conversation_counts import COUNTED, counting, share_of

_COLUMNS: Final = {"members": "r.member_id"}
_FOUND: Final = """
SELECT c.*, r.output_tokens,
       r.input_tokens + r.cache_read_tokens + r.cache_write_5m_tokens + r.cache_write_1h_tokens AS input_tokens
  FROM routed_calls c JOIN usage_records r USING (hold_id)
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """Of calls. Amounts are nano-credits."""

    calls: int = 0
    """Those whose saving is known."""
    unknown: int = 0
    baseline: int = 0
    saved: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.calls + other.calls,
            self.unknown + other.unknown,
            self.baseline + other.baseline,
            self.saved + other.saved,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """How often something went wrong."""

    routed: Share
    held_out: Share


@dataclass(frozen=True, slots=True)
class Savings:
    """What routing saved in a period."""

    simple: Sums
    complex: Sums
    shadow: Sums
    routed_sessions: Sessions
    held_out_sessions: Sessions
    quality: Mapping[str, Compared]
    """By what went wrong."""


def found_calls(organization: str, start: dt.datetime, end: dt.datetime, reach: Reach, parameters: Parameters) -> str:
    """Returns the statement of the routed calls that began in `[start, end)` and that the caller may see, with their tokens."""
    conditions = [
        f"c.organization_id = {parameters.add(organization)}",
        f"c.place_time >= {parameters.add(start)} AND c.place_time < {parameters.add(end)}",
        *kept_conditions(_COLUMNS, Filter(), reach, parameters, path="r.group_path", tags=None),
    ]
    return f"{_FOUND} WHERE {' AND '.join(conditions)}"


async def read_savings(
    connection: Connection, organization: str, start: dt.datetime, end: dt.datetime, reach: Reach
) -> Savings:
    """Returns the savings of calls that began in `[start, end)`, in a transaction that acts for the organization."""
    parameters = Parameters()
    found = found_calls(organization, start, end, reach, parameters)
    sums = await connection.fetch(
        f"""
        SELECT arm = 'SHADOW' AS is_shadow, is_simple, count(saved_nano_credits) AS calls,
               count(*) - count(saved_nano_credits) AS unknown,
               coalesce(sum(baseline_nano_credits) FILTER (WHERE saved_nano_credits IS NOT NULL), 0)::bigint AS baseline,
               coalesce(sum(saved_nano_credits), 0)::bigint AS saved
          FROM ({found}) AS found WHERE arm IN ('ROUTED', 'BASELINE', 'SHADOW') GROUP BY 1, 2""",  # noqa: S608 - our own names
        *parameters.values,
    )
    # A conversation counts as a whole, because the calls of one are alike. Only calls count for which another model was chosen.
    sessions = await connection.fetch(
        f"""
        SELECT arm, count(*) AS sessions, avg(cost)::float8 AS mean, coalesce(var_samp(cost), 0)::float8 AS variance,
               sum(calls)::bigint AS calls, sum(tokens)::bigint AS tokens
          FROM (SELECT arm, session, count(*) AS calls, sum(output_tokens) AS tokens,
                       sum(CASE arm WHEN 'HOLDOUT' THEN baseline_nano_credits ELSE chosen_nano_credits END) AS cost
                  FROM ({found}) AS found
                 WHERE session IS NOT NULL AND arm IN ('ROUTED', 'HOLDOUT') AND chosen_model <> baseline_model
                   AND baseline_price_version > 0 AND saved_nano_credits IS NOT NULL
                 GROUP BY arm, session) AS by_session
         GROUP BY arm""",  # noqa: S608 - our own names
        *parameters.values,
    )
    counts = {row["arm"]: row for row in await connection.fetch(counting(found), *parameters.values)}
    by_kind: dict[tuple[bool, bool], Sums] = {
        (row["is_shadow"], row["is_simple"]): Sums(row["calls"], row["unknown"], row["baseline"], row["saved"])
        for row in sums
    }
    by_arm: Mapping[str, Sessions] = {
        row["arm"]: Sessions(row["sessions"], row["mean"], row["variance"], row["calls"], row["tokens"])
        for row in sessions
    }
    return Savings(
        simple=by_kind.get((False, True), Sums()),
        complex=by_kind.get((False, False), Sums()),
        shadow=by_kind.get((True, True), Sums()) + by_kind.get((True, False), Sums()),
        routed_sessions=by_arm.get("ROUTED", Sessions()),
        held_out_sessions=by_arm.get("HOLDOUT", Sessions()),
        quality={one: Compared(_share(counts, "ROUTED", one), _share(counts, "HOLDOUT", one)) for one in COUNTED},
    )


def _share(counts: Mapping[str, asyncpg.Record], arm: str, what: str) -> Share:
    return share_of(counts[arm], what) if arm in counts else Share(0, 0)
