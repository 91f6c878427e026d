"""Watches for unusual spend: judges each local day once it is finished, and the hours of the running one.

It works from the rollups, about once an hour for each organization, and at most twenty scopes at a time. A pass stores what
it finds and how far it came in one transaction, so nothing is found twice or left out, whenever a process dies. Any number of
processes may watch: each locks the organization that it judges, and skips what another has locked.

Calls may be settled late, and corrected. So each pass compares the charges of the last days with those that it judged, and judges a
scope again if they differ. An anomaly gets the new figures, or is withdrawn; a day that has become unusual becomes an anomaly.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.anomalies.detector import Settings
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.anomalies import statements
from usage_service.anomalies.judging import Found, Series, Verdicts, judge_days, judge_hours, least_excess
from usage_service.anomalies.store import AnomalyStore, Claimed, Stored
from usage_service.organization_turns import FAILURES, take_turns

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0
SCOPES_PER_PASS: Final = 20
"""Judging one takes about 10 ms, in a thread beside the event loop."""
HISTORY: Final = dt.timedelta(days=400)
"""How far back the days of a scope are read. The detector looks back a year at most."""
JUDGED_AGAIN: Final = dt.timedelta(days=8)
"""So long after its end a day is judged again if its charges change."""
_FIRST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_USUAL_DAYS: Final = dt.timedelta(days=28)
_HOURS: Final = dt.timedelta(days=57)
_MEMBERS_PER_PASS: Final = 20
_ORGANIZATIONS_PER_PAGE: Final = 200


class AnomalyWatch:
    """Finds unusual spend in every organization."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Watches until canceled."""
        while True:
            try:
                is_behind = await self.watch_once()
            except FAILURES as error:
                logger.info("anomalies are waiting for PostgreSQL", extra={"error": type(error).__name__})
                is_behind = False
            if not is_behind:
                await asyncio.sleep(INTERVAL_S)

    async def watch_once(self) -> bool:
        """Gives every organization that has news one pass. Returns whether one of them has more to judge."""
        return await take_turns(self._organizations, self.judge, "spend is not judged")

    async def judge(self, organization: str) -> bool:
        """Makes one pass over an organization. Returns whether there is more to judge."""
        async with acting_for(self._pool, organization) as connection:
            await connection.execute(statements.BEGIN, organization)
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            claimed = await AnomalyStore.claim(connection, organization)
            if claimed is None:
                return False
            store = AnomalyStore(connection, claimed)
            since = _FIRST if claimed.judged_until is None else claimed.judged_until - JUDGED_AGAIN
            whole = await _whole(store, claimed)
            due = await store.due(since, SCOPES_PER_PASS, _least(whole, since, claimed))
            if due:
                await self._judge_days(store, claimed, due, since, whole)
                return True
            await self._judge_hours(store, claimed, whole)
            await store.finish()
            return False

    async def _organizations(self, after: str) -> Sequence[str]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            rows = await connection.fetch(statements.ORGANIZATIONS, after, _ORGANIZATIONS_PER_PAGE)
        return [row["organization_id"] for row in rows]

    async def _judge_days(
        self, store: AnomalyStore, claimed: Claimed, due: Mapping[Scope, str], since: dt.datetime, whole: Series
    ) -> None:
        verdicts = await store.verdicts(due)
        first = since.astimezone(claimed.zone).date()
        stored = await store.stored(due, first)
        series = await store.series(due, claimed.today - HISTORY)
        judged = await asyncio.to_thread(_judged, series, claimed.today_date, verdicts, whole)
        changed: set[dt.date] = set()
        for one, found in judged:
            changed |= await _reconcile(
                store, one, [day for day in found if day.day >= first], stored.get(one.scope, {})
            )
        if changed:
            await store.fold(changed)
            logger.info("unusual spend", extra={"organization": claimed.organization, "days": len(changed)})
        await store.note(due)

    async def _judge_hours(self, store: AnomalyStore, claimed: Claimed, whole: Series) -> None:
        hours_from = max(claimed.checked_until or claimed.today, claimed.today)
        if hours_from >= claimed.hours_until:
            return
        least = max(Settings().least_excess, least_excess(whole, claimed.today_date))
        members = await store.members_with_unusual_hours(
            claimed.today - _USUAL_DAYS, hours_from, least, _MEMBERS_PER_PASS
        )
        if not members:
            return
        scopes = {member: Scope(ScopeKind.MEMBER, member) for member in members}
        verdicts = await store.verdicts(scopes.values())
        stored = await store.stored(scopes.values(), claimed.today_date)
        hours = await store.hours_of(members, claimed.today - _HOURS)
        is_changed = False
        for member, (charges, path) in hours.items():
            scope = scopes[member]
            if claimed.today_date in stored.get(scope, {}):
                continue
            found = await asyncio.to_thread(
                judge_hours, charges, claimed.today_date, claimed.clock, verdicts.get(scope, Verdicts()), least
            )
            if found is not None:
                await store.put_hour(scope, path, found)
                is_changed = True
        if is_changed:
            await store.fold([claimed.today_date])


async def _whole(store: AnomalyStore, claimed: Claimed) -> Series:
    """Returns the finished days of the organization."""
    scope = Scope(ScopeKind.ORGANIZATION, claimed.organization)
    found = await store.series([scope], claimed.today - HISTORY - _USUAL_DAYS)
    return found[0] if found else Series(scope)


def _least(whole: Series, since: dt.datetime, claimed: Claimed) -> int:
    """Returns the least excess that matters on any of the days that are judged."""
    # Before that, every scope is new.
    known_from = min(whole.charges, default=claimed.today_date) + dt.timedelta(days=Settings().new_below)
    first = max(since.astimezone(claimed.zone).date(), known_from)
    days = (first + dt.timedelta(days=number) for number in range((claimed.today_date - first).days))
    return min((least_excess(whole, day) for day in days), default=0)


def _judged(
    series: Sequence[Series], end: dt.date, verdicts: Mapping[Scope, Verdicts], whole: Series
) -> Sequence[tuple[Series, Sequence[Found]]]:
    return [(one, judge_days(one, end, verdicts.get(one.scope, Verdicts()), whole)) for one in series]


async def _reconcile(
    store: AnomalyStore, series: Series, found: Sequence[Found], stored: Mapping[dt.date, Stored]
) -> set[dt.date]:
    """Makes what is stored agree with what was found. Returns the days that changed.

    What is stored for a day whose charge has not changed stays: answers of people change what is usual from then on, not before.
    """
    changed = set()
    for one in found:
        known = stored.get(one.day)
        if known and known.granularity == "DAY" and known.actual == one.actual and not known.is_withdrawn:
            continue
        await store.put_day(series, one)
        changed.add(one.day)
    unusual = {one.day for one in found}
    gone = {
        day: known.anomaly_id
        for day, known in stored.items()
        if day not in unusual
        and known.granularity == "DAY"
        and not known.is_withdrawn
        and series.charges.get(day, 0) != known.actual
    }
    await store.withdraw(list(gone.values()))
    return changed | gone.keys()


@asynccontextmanager
async def running(watch: AnomalyWatch) -> AsyncIterator[None]:
    """Watches while the context is open."""
    async with in_background(watch.run()):
        yield
