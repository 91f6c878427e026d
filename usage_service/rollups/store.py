"""Reads and writes the generations of rollups."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.rollups.generations import GRACE, Generation, Ledger, State
from usage_service.rollups.statements import (
    CLAIM_EVENTS,
    CLOSE_HOURS,
    ROLL_UP,
    ROLL_UP_LATE,
    ROLL_UP_TAGGED,
    SETS_AGAIN,
)

ROLLUP_TABLES: Final = (
    "usage_hours",
    "usage_tagged_hours",
    "usage_days",
    "usage_months",
    "usage_running_totals",
    "usage_year_totals",
    "usage_member_sets",
    "usage_member_numbers",
    "usage_tag_days",
)
_LEDGERS_OF: Final = """
SELECT h.organization_id, h.sequence AS head, o.time_zone AS zone, r.generation, r.state, r.time_zone, r.sequence,
       r.days_until
  FROM ledger_heads h JOIN organizations o ON o.organization_id = h.organization_id
  LEFT JOIN usage_rollups r ON r.organization_id = h.organization_id
 WHERE h.sequence > 0 AND h.organization_id = ANY ($1)
 ORDER BY h.organization_id, r.generation
"""
_UNFINISHED: Final = """
SELECT h.organization_id
  FROM ledger_heads h JOIN organizations o ON o.organization_id = h.organization_id
  LEFT JOIN usage_rollups r ON r.organization_id = h.organization_id AND r.state = 'CURRENT'
 WHERE h.sequence > 0 AND h.organization_id > $1
   AND (r.sequence IS NULL OR r.sequence < h.sequence OR r.time_zone <> o.time_zone
        OR r.days_until < $3::timestamptz - interval '2 hours')
 UNION
SELECT organization_id FROM usage_rollups WHERE state <> 'CURRENT' AND organization_id > $1
 ORDER BY 1 LIMIT $2
"""
# Each organization's rows are compared, so reading the tables whole costs a third of looking them up one by one.
_AS_A_WHOLE: Final = """
SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = off; SET LOCAL plan_cache_mode = force_custom_plan
"""

# The position is claimed with the lock on its row. Whoever does not get it leaves the work to the one who has it.
_CLAIM: Final = """
SELECT r.sequence, r.time_zone, h.sequence AS head, r.days_until
  FROM usage_rollups r JOIN ledger_heads h ON h.organization_id = r.organization_id
 WHERE r.organization_id = $1 AND r.generation = $2 AND r.state <> 'RETIRED' FOR UPDATE OF r SKIP LOCKED
"""

# The first hour that is too much, but never the first of all. NULL if nothing is.
_HOURS_AT_A_TIME: Final = """
SELECT CASE WHEN too_much > first THEN too_much
            WHEN too_much = first THEN (SELECT min(hour_start) FROM usage_hours WHERE organization_id = $1 AND generation = $2
                                           AND hour_start > first AND hour_start < $4) END
  FROM (SELECT min(hour_start) AS first FROM usage_hours
         WHERE organization_id = $1 AND generation = $2 AND hour_start >= $3 AND hour_start < $4) AS one,
       (SELECT (SELECT hour_start FROM usage_hours
                 WHERE organization_id = $1 AND generation = $2 AND hour_start >= $3 AND hour_start < $4
                 ORDER BY hour_start OFFSET $5 LIMIT 1) AS too_much) AS other
"""
# Whole local days, if there is one, so that a day is not written twice.
_DAYS_AT_A_TIME: Final = """
SELECT CASE WHEN day > $2 THEN day ELSE $3 END FROM (SELECT cycle_start_at('DAILY', $1, $3::timestamptz) AS day) AS one
"""
_CLOSE_TIMEOUT_S: Final = 120
_CLOSE_MEMORY: Final = "64MB"
"""The rows of a step fit into it, and need no files."""

# An hour begins before its calls, perhaps in the month before.
_OPEN_MONTHS: Final = """
SELECT open_usage_month(month)
  FROM (SELECT DISTINCT date_trunc('month', place_time - earlier, 'UTC') AS month
          FROM usage_facts, unnest(ARRAY[interval '0', interval '1 hour']) AS earlier
         WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3) AS months
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction added to a generation."""

    organization: str
    generation: int
    before: int
    sequence: int
    head: int


@dataclass(frozen=True, slots=True)
class _Claim:
    """A generation whose position is locked, and what `CLAIM_EVENTS` tells of its next facts."""

    organization: str
    generation: int
    before: int
    zone: str
    head: int
    days_until: dt.datetime
    upto: int
    has_tagged: bool
    has_late: bool

    @property
    def facts(self) -> tuple[str, int, int, str, int]:
        """The parameters of a statement about its facts."""
        return self.organization, self.generation, self.before, self.zone, self.upto


class RollupStore:
    """The generations of every organization's rollups."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def unfinished(self, after: str, limit: int, now: dt.datetime) -> Sequence[Ledger]:
        """Returns the ledgers of a page of the organizations that have work to do, by id, with their generations."""
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            await connection.execute(_AS_A_WHOLE)
            rows = await connection.fetch(_UNFINISHED, after, limit, now)
        found = [row["organization_id"] for row in rows]
        return await self.ledgers(found) if found else []

    async def ledgers(self, organizations: Sequence[str]) -> Sequence[Ledger]:
        """Returns the ledgers of organizations with their generations."""
        return await self._read(_LEDGERS_OF, list(organizations))

    async def _read(self, statement: str, *arguments: object) -> Sequence[Ledger]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            rows = await connection.fetch(statement, *arguments)
        ledgers: dict[str, Ledger] = {}
        for organization, head, zone, number, *rest in rows:
            known = ledgers.get(organization) or Ledger(organization, head, zone, ())
            generation = () if number is None else (_generation(number, *rest),)
            ledgers[organization] = Ledger(organization, head, zone, (*known.generations, *generation))
        return list(ledgers.values())

    async def begin(self, organization: str, generation: Generation) -> bool:
        """Adds an empty generation. Returns False if another process did."""
        async with acting_for(self._pool, organization) as connection:
            return bool(
                await connection.fetchval(
                    "INSERT INTO usage_rollups (organization_id, generation, time_zone, state) VALUES ($1, $2, $3, $4)"
                    " ON CONFLICT DO NOTHING RETURNING true",
                    organization,
                    generation.number,
                    generation.time_zone,
                    generation.state,
                )
            )

    async def advance(self, organization: str, generation: int, most: int) -> Step | None:
        """Adds at most `most` events of the ledger to a generation. Returns None if another process is doing so.

        Raises:
            asyncpg.CheckViolationError: a month has no partition yet. Nothing was added (`open_months`).
        """
        (step,) = await self.advance_together([(organization, generation)], most) or (None,)
        return step

    async def advance_together(self, generations: Sequence[tuple[str, int]], most: int) -> Sequence[Step]:
        """Adds at most `most` events of each ledger to its generation, in one transaction.

        Args:
            generations: organizations with numbers of their generations, one or more.
            most: how many events of each.

        Returns:
            What was added, without the generations that another process is at work on.

        Raises:
            asyncpg.CheckViolationError: a month has no partition yet. Nothing was added (`open_months`).
        """
        organizations, numbers = zip(*generations, strict=True)
        async with acting_for(self._pool, *dict.fromkeys(organizations)) as connection:
            rows = await connection.fetch(CLAIM_EVENTS, organizations, numbers, most)
            claims = [_Claim(*row) for row in rows]
            news = [claim for claim in claims if claim.upto > claim.before]
            if tagged := [claim for claim in news if claim.has_tagged]:
                await connection.execute(ROLL_UP_TAGGED, *_columns(tagged))
            if timely := [claim for claim in news if not claim.has_late]:
                await connection.execute(ROLL_UP, *_columns(timely))
            for claim in news:
                if claim.has_late:
                    await connection.execute(ROLL_UP_LATE, *claim.facts, claim.days_until)
                    await connection.execute(SETS_AGAIN, *claim.facts, claim.days_until)
        return [Step(claim.organization, claim.generation, claim.before, claim.upto, claim.head) for claim in claims]

    async def close_hours(self, organization: str, generation: int, now: dt.datetime, most: int) -> bool:
        """Adds hours that are over to their days and months, about `most` rows. Returns whether there are more.

        Does nothing if another process is at work on the generation.
        """
        async with acting_for(self._pool, organization) as connection:
            claimed = await connection.fetchrow(_CLAIM, organization, generation)
            if claimed is None:
                return False
            first, zone = claimed["days_until"], claimed["time_zone"]
            last = await connection.fetchval("SELECT local_hour($1::timestamptz, $2::text)", now - GRACE, zone)
            if last <= first:
                return False
            after = await connection.fetchval(_HOURS_AT_A_TIME, organization, generation, first, last, most)
            end = await connection.fetchval(_DAYS_AT_A_TIME, zone, first, after) if after else last
            # One hour of a large organization may take long.
            await connection.execute(
                f"SET LOCAL statement_timeout = {_CLOSE_TIMEOUT_S * 1_000}; SET LOCAL work_mem = '{_CLOSE_MEMORY}'"
            )
            await connection.execute(
                CLOSE_HOURS, organization, generation, first, zone, end, end, timeout=_CLOSE_TIMEOUT_S
            )
        return bool(end < last)

    async def open_months(self, organization: str, sequence: int, most: int) -> None:
        """Creates the partitions that the next events after a number of the ledger need."""
        async with acting_for(self._pool, organization) as connection:
            await connection.execute(
                _OPEN_MONTHS,
                organization,
                sequence,
                sequence + most,
            )

    async def open_month(self, *instants: dt.datetime) -> None:
        """Creates the partitions of months, unless they exist."""
        await self._pool.execute("SELECT open_usage_month(i) FROM unnest($1::timestamptz[]) AS i", instants)

    async def replace(self, organization: str, finished: int) -> bool:
        """Makes a generation that is being built the current one, if it is not behind that. Returns whether it is current."""
        async with acting_for(self._pool, organization) as connection:
            rows = await connection.fetch(
                "SELECT generation, state, sequence FROM usage_rollups"
                " WHERE organization_id = $1 AND state <> 'RETIRED' ORDER BY generation FOR UPDATE",
                organization,
            )
            by_state = {row["state"]: row for row in rows}
            current, building = by_state.get(State.CURRENT), by_state.get(State.BUILDING)
            if current is None or building is None or building["generation"] != finished:
                return False
            if building["sequence"] < current["sequence"]:
                return False
            for number, state in ((current["generation"], State.RETIRED), (finished, State.CURRENT)):
                await connection.execute(
                    "UPDATE usage_rollups SET state = $3, update_time = now() WHERE organization_id = $1 AND generation = $2",
                    organization,
                    number,
                    state,
                )
        return True

    async def retire(self, organization: str, generation: int) -> None:
        """Gives up a generation that is being built."""
        async with acting_for(self._pool, organization) as connection:
            await connection.execute(
                "UPDATE usage_rollups SET state = 'RETIRED', update_time = now()"
                " WHERE organization_id = $1 AND generation = $2 AND state = 'BUILDING'",
                organization,
                generation,
            )

    async def remove(self, organization: str, generation: int, most: int) -> bool:
        """Deletes at most `most` rows of each table of a retired generation. Returns whether nothing is left."""
        async with acting_for(self._pool, organization) as connection:
            claimed = await connection.fetchval(
                "SELECT true FROM usage_rollups WHERE organization_id = $1 AND generation = $2 AND state = 'RETIRED'"
                " FOR UPDATE SKIP LOCKED",
                organization,
                generation,
            )
            if claimed is None:
                return True
            left = 0
            for table in ROLLUP_TABLES:
                deleted = await connection.fetchval(
                    f"WITH gone AS (DELETE FROM {table} WHERE (tableoid, ctid) IN"  # noqa: S608 - our own names
                    f" (SELECT tableoid, ctid FROM {table} WHERE organization_id = $1 AND generation = $2 LIMIT $3)"
                    " RETURNING 1) SELECT count(*) FROM gone",
                    organization,
                    generation,
                    most,
                )
                left += deleted
            if not left:
                await connection.execute(
                    "DELETE FROM usage_rollups WHERE organization_id = $1 AND generation = $2", organization, generation
                )
            return not left


def _columns(claims: Sequence[_Claim]) -> Sequence[Sequence[object]]:
    """Returns the parameters of a statement about the facts of several generations."""
    return list(zip(*(claim.facts for claim in claims), strict=True))


def _generation(number: int, state: str, time_zone: str, sequence: int, days_until: dt.datetime) -> Generation:
    return Generation(number, State(state), time_zone, sequence, days_until)
