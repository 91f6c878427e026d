"""Sends a use case back to the baseline once its routed conversations are proven to be worse than the policy allows.

It compares them with the conversations that the baseline served, every five minutes. Any number of processes may watch: one
judges an organization at a time, and a use case is returned once until somebody lifts it.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.ids import make_id
from gateway_core.model.routing.quality import MEASURES, Share, is_too_bad, lasting_difference
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from gateway_core.stores.postgres.routed_calls.conversation_counts import counting, share_of
from usage_service.organization_turns import FAILURES, take_turns

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 300.0
DAYS: Final = 30
"""Older calls no longer count."""
CALLS_MAX: Final = 100_000
"""The latest calls of an organization that count."""
_ORGANIZATIONS_PER_PAGE: Final = 200
_BASIS_POINTS: Final = 10_000
_RANDOM_BYTES: Final = 10
_MS_PER_S: Final = 1_000
_ORGANIZATIONS: Final = """
SELECT DISTINCT organization_id FROM routing_policies WHERE mode = 'LIVE' AND organization_id > $1 ORDER BY 1 LIMIT $2
"""
_CLAIM: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('routing quality ' || $1, 0))"
# Of the virtual models as they are now. Once a return is lifted, only what came after it counts.
_FOUND: Final = """
SELECT c.*
  FROM (SELECT * FROM routed_calls
         WHERE organization_id = $1 AND place_time >= now() - $2 * interval '1 day' AND arm IN ('ROUTED', 'HOLDOUT')
         ORDER BY place_time DESC LIMIT $3) AS c
  JOIN virtual_models v ON v.organization_id = c.organization_id AND v.virtual_model_id = c.virtual_model_id
                       AND v.revision = c.revision
 WHERE NOT EXISTS (SELECT FROM routing_returns t
                    WHERE t.organization_id = c.organization_id AND t.virtual_model_id = c.virtual_model_id
                      AND t.use_case = c.use_case AND coalesce(t.lift_time, 'infinity') >= c.place_time)
"""
_COUNTS: Final = counting(_FOUND, "virtual_model_id", "use_case")
_RETURN: Final = """
INSERT INTO routing_returns (organization_id, return_id, virtual_model_id, use_case, measure, routed_count, routed_bad,
                             held_out_count, held_out_bad, loss_basis_points, low_basis_points, allowed_basis_points)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (organization_id, virtual_model_id, use_case) WHERE lift_time IS NULL DO NOTHING
RETURNING return_id
"""


def _new_id() -> str:
    return make_id("rr", int(time.time() * _MS_PER_S), os.urandom(_RANDOM_BYTES))


UseCase = tuple[str, str]
"""A virtual model by its id, and a use case."""


class QualityWatch:
    """Judges the use cases of every organization that routes."""

    def __init__(self, pool: asyncpg.Pool, new_id: Callable[[], str] = _new_id) -> None:
        self._pool = pool
        self._new_id = new_id

    async def run(self) -> None:
        """Watches until canceled."""
        while True:
            try:
                await self.watch_once()
            except FAILURES as error:
                logger.info("the quality of routing waits for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(INTERVAL_S)

    async def watch_once(self) -> None:
        """Judges every organization once."""
        await take_turns(self._organizations, self._judge, "the quality of routing is not judged")

    async def _organizations(self, after: str) -> Sequence[str]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            rows = await connection.fetch(_ORGANIZATIONS, after, _ORGANIZATIONS_PER_PAGE)
        return [row["organization_id"] for row in rows]

    async def _judge(self, organization: str) -> bool:
        """Returns the use cases of an organization that are worse than allowed. There is never more to judge."""
        async with acting_for(self._pool, organization) as connection:
            if not await connection.fetchval(_CLAIM, organization):
                return False
            rows = await connection.fetch(_COUNTS, organization, DAYS, CALLS_MAX)
            for use_case, (routed, held_out) in _both_arms(rows).items():
                await self._judge_use_case(connection, organization, use_case, routed, held_out)
        return False

    async def _judge_use_case(
        self,
        connection: Connection,
        organization: str,
        use_case: UseCase,
        routed: asyncpg.Record,
        held_out: asyncpg.Record,
    ) -> None:
        """Returns a use case to the baseline if it is too bad by a measure.

        Callers may have different policies. What the most generous one allows counts, so that none is contradicted.
        """
        allowed = max(routed["allowed"], held_out["allowed"])
        for measure in MEASURES:
            ours, theirs = share_of(routed, measure), share_of(held_out, measure)
            if not is_too_bad(ours, theirs, measure, allowed):
                continue
            row = (organization, self._new_id(), *use_case, measure, *_figures(ours, theirs), allowed)
            if await connection.fetchval(_RETURN, *row):
                names = {"organization": organization, "virtual_model": use_case[0], "measure": measure}
                logger.warning("a use case is back on the baseline", extra=names)
            return


def _both_arms(rows: Iterable[asyncpg.Record]) -> Mapping[UseCase, tuple[asyncpg.Record, asyncpg.Record]]:
    """Returns the counts of the use cases that have conversations of both arms, the routed ones first."""
    found: dict[UseCase, dict[str, asyncpg.Record]] = {}
    for row in rows:
        found.setdefault((row["virtual_model_id"], row["use_case"]), {})[row["arm"]] = row
    return {
        use_case: (arms["ROUTED"], arms["HOLDOUT"])
        for use_case, arms in found.items()
        if arms.keys() == {"ROUTED", "HOLDOUT"}
    }


def _figures(routed: Share, held_out: Share) -> tuple[int, ...]:
    """Returns what was counted, the loss in hundredths of a percent, and the lower end of its interval."""
    lost = lasting_difference(routed, held_out)
    points = (round(lost.value * _BASIS_POINTS), round(lost.low * _BASIS_POINTS))
    return (routed.count, routed.bad, held_out.count, held_out.bad, *points)


@asynccontextmanager
async def running(watch: QualityWatch) -> AsyncIterator[None]:
    """Watches while the context is open."""
    async with in_background(watch.run()):
        yield
