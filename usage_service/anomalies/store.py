"""Reads what anomalies are found in, and writes them. Everything runs in the transaction of one pass over an organization."""

import datetime as dt
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway_core.model.ids import make_id
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.organization.scopes import Scope, ScopeKind, kinds_and_ids
from gateway_core.stores.postgres.connections import Connection
from usage_service.anomalies import statements
from usage_service.anomalies.folding import Alarm, folded
from usage_service.anomalies.judging import Found, Series, Verdicts
from usage_service.anomalies.split import IDLE_KEYS, NOTHING, Key, Parts, Split, Use, Uses, split

_NOON: Final = dt.time(12)
_RANDOM_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Claimed:
    """An organization that this process judges, with the state of its rollups."""

    organization: str
    generation: int
    sequence: int
    """Every event of the ledger up to it is in the rollups."""
    zone: ZoneInfo
    hours_until: dt.datetime
    """The instant before which hours are in days."""
    clock: dt.datetime
    """The same on the clocks."""
    today: dt.datetime
    """Start of the running local day. The days before are finished."""
    today_date: dt.date
    judged_until: dt.datetime | None
    checked_until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Stored:
    """An anomaly as it is stored."""

    anomaly_id: str
    granularity: str
    actual: int
    is_withdrawn: bool


class AnomalyStore:
    """The anomalies of one organization, in a transaction that is repeatable read and acts for it."""

    def __init__(self, connection: Connection, claimed: Claimed) -> None:
        self._connection = connection
        self._claimed = claimed
        self._arguments = (claimed.organization, claimed.generation)

    @staticmethod
    async def claim(connection: Connection, organization: str) -> Claimed | None:
        """Locks an organization; None if another process has it, or it has no rollups."""
        row = await connection.fetchrow(statements.CLAIM, organization)
        if row is None:
            return None
        return Claimed(
            organization,
            row["generation"],
            row["sequence"],
            ZoneInfo(row["time_zone"]),
            row["days_until"],
            row["clock"],
            row["today"],
            row["today_date"],
            row["judged_until"],
            row["checked_until"],
        )

    async def due(self, since: dt.datetime, most: int, least: int) -> Mapping[Scope, str]:
        """Returns scopes whose finished days since an instant are not as they were judged, with the hash of the days.

        Args:
            since: an instant.
            most: how many scopes.
            least: a scope without an anomaly and with less on each day, in nano-credits, is left out.
        """
        rows = await self._connection.fetch(statements.DUE, *self._arguments, since, self._claimed.today, most, least)
        return {Scope(ScopeKind(kind), scope_id): fingerprint for kind, scope_id, fingerprint in rows}

    async def series(self, scopes: Collection[Scope], since: dt.datetime) -> Sequence[Series]:
        """Returns the finished days of scopes. Scopes without any are left out."""
        claimed = self._claimed
        rows = await self._connection.fetch(
            statements.SERIES, *self._arguments, since, claimed.today, claimed.zone.key, *kinds_and_ids(scopes)
        )
        found: dict[Scope, Series] = {}
        for kind, scope_id, day, charge, path, member in rows:
            scope = Scope(ScopeKind(kind), scope_id)
            series = found.setdefault(scope, Series(scope))
            series.charges[day], series.paths[day], series.member = charge, tuple(path), member
        return list(found.values())

    async def verdicts(self, scopes: Collection[Scope]) -> Mapping[Scope, Verdicts]:
        """Returns what people said about the anomalies of scopes."""
        rows = await self._connection.fetch(statements.VERDICTS, self._claimed.organization, *kinds_and_ids(scopes))
        days: dict[tuple[Scope, str], set[dt.date]] = defaultdict(set)
        for kind, scope_id, day, verdict in rows:
            days[Scope(ScopeKind(kind), scope_id), verdict].add(day)
        return {scope: Verdicts(frozenset(days[scope, "PLANNED"]), frozenset(days[scope, "WRONG"])) for scope in scopes}

    async def stored(self, scopes: Collection[Scope], since: dt.date) -> Mapping[Scope, Mapping[dt.date, Stored]]:
        """Returns the anomalies of scopes from a day on."""
        rows = await self._connection.fetch(
            statements.STORED, self._claimed.organization, *kinds_and_ids(scopes), since
        )
        found: dict[Scope, dict[dt.date, Stored]] = defaultdict(dict)
        for kind, scope_id, day, *rest in rows:
            found[Scope(ScopeKind(kind), scope_id)][day] = Stored(*rest)
        return found

    async def put_day(self, series: Series, found: Found) -> None:
        """Stores an anomalous day, in place of what is stored for it."""
        start, end = self._bounds(found.day)
        days = [reference.date() for reference in found.references]
        first, last = self._bounds(min(days))[0], self._bounds(max(days))[0]
        kind, scope_id = series.scope.kind, series.scope.scope_id
        fetch = self._connection.fetch
        actual = _uses(await fetch(statements.uses_between(kind), *self._arguments, scope_id, start, end))
        around = (scope_id, first, last, self._claimed.zone.key, days)
        keys = [key.api_key for key in actual]
        of_keys = _uses(await fetch(statements.uses_of_keys(kind), *self._arguments, *around, keys))
        of_scope = _uses(await fetch(statements.USES_OF_SCOPE, *self._arguments, *around, kind.value))
        divided = split(actual, _with_idle_keys(of_keys, of_scope), found.expected)
        place = (series.paths.get(found.day, ()), series.member)
        await self._put(series.scope, found, "DAY", (start, end), place, divided)

    async def put_hour(self, scope: Scope, path: tuple[str, ...], found: Found) -> None:
        """Stores an anomalous hour of a member's running day."""
        zone = self._claimed.zone
        start = found.start.replace(tzinfo=zone).astimezone(dt.UTC)
        hours = [found.start, *found.references]
        first, last = (hour.replace(tzinfo=zone).astimezone(dt.UTC) for hour in (min(hours), max(hours)))
        around = (scope.scope_id, first - dt.timedelta(hours=1), last + dt.timedelta(hours=1), zone.key)
        uses = [
            _uses(await self._connection.fetch(statements.USES_OF_HOURS, *self._arguments, *around, clocks))
            for clocks in ([found.start], list(found.references))
        ]
        divided = split(uses[0], uses[1], found.expected)
        bounds = (start, start + dt.timedelta(hours=1))
        await self._put(scope, found, "HOUR", bounds, (path, scope.scope_id), divided)

    async def withdraw(self, anomalies: Sequence[str]) -> None:
        """Withdraws anomalies."""
        await self._connection.execute(statements.WITHDRAW, self._claimed.organization, list(anomalies))

    async def fold(self, days: Collection[dt.date]) -> None:
        """Notes which anomalies of some days explain which others."""
        rows = await self._connection.fetch(statements.ALARMS, self._claimed.organization, list(days))
        alarms: dict[dt.date, list[Alarm]] = defaultdict(list)
        known: dict[str, str | None] = {}
        for anomaly, kind, scope_id, path, member, excess, day, explained_by in rows:
            alarms[day].append(Alarm(anomaly, ScopeKind(kind), scope_id, tuple(path), member, excess))
            known[anomaly] = explained_by
        by: dict[str, str] = {}
        for of_day in alarms.values():
            by.update(folded(of_day))
        changed = [anomaly for anomaly, before in known.items() if by.get(anomaly) != before]
        if changed:
            explaining = [by.get(anomaly) for anomaly in changed]
            await self._connection.execute(statements.EXPLAIN, self._claimed.organization, changed, explaining)

    async def note(self, fingerprints: Mapping[Scope, str]) -> None:
        """Notes what scopes were judged from."""
        kinds, ids = kinds_and_ids(fingerprints)
        await self._connection.execute(
            statements.NOTE_SCOPES, self._claimed.organization, kinds, ids, list(fingerprints.values())
        )

    async def finish(self) -> None:
        """Notes that everything up to now is judged."""
        claimed = self._claimed
        await self._connection.execute(statements.CHECKED, claimed.organization, claimed.today, claimed.hours_until)

    async def members_with_unusual_hours(
        self, since: dt.datetime, hours_from: dt.datetime, least: int, most: int
    ) -> Sequence[str]:
        """Returns members of whom a new hour of the running day cost at least a third of a usual day."""
        rows = await self._connection.fetch(
            statements.UNUSUAL_HOURS,
            *self._arguments,
            since,
            self._claimed.today,
            hours_from,
            self._claimed.hours_until,
            least,
            most,
        )
        return [row["member_id"] for row in rows]

    async def hours_of(
        self, members: Sequence[str], since: dt.datetime
    ) -> Mapping[str, tuple[Mapping[dt.datetime, int], tuple[str, ...]]]:
        """Returns the charges of members by hour on the clocks, and the path to their group."""
        claimed = self._claimed
        rows = await self._connection.fetch(
            statements.HOURS_OF_MEMBERS, *self._arguments, since, claimed.hours_until, claimed.zone.key, list(members)
        )
        charges: dict[str, dict[dt.datetime, int]] = defaultdict(dict)
        paths: dict[str, tuple[str, ...]] = {}
        for member, clock, charge, path in sorted(rows, key=lambda row: row["clock"]):
            charges[member][clock], paths[member] = charge, tuple(path)
        return {member: (charges[member], paths[member]) for member in charges}

    async def _put(
        self,
        scope: Scope,
        found: Found,
        granularity: str,
        bounds: tuple[dt.datetime, dt.datetime],
        place: tuple[tuple[str, ...], str],
        divided: Split,
    ) -> None:
        if divided.total.excess != found.actual - found.expected:
            raise AssertionError(f"the parts of {scope.encode()} on {found.day} do not add up")
        anomaly = make_id("anomaly", time.time_ns() // 1_000_000, secrets.token_bytes(_RANDOM_BYTES))
        await self._connection.execute(
            statements.PUT, self._claimed.organization, anomaly, scope.kind, scope.scope_id, found.day, granularity,
            *bounds, self._claimed.zone.key, *place, found.actual, found.expected, found.lowest_usual,
            found.highest_usual, divided.total.volume, divided.total.size, divided.total.price,
            json.dumps(_lists(divided)), self._claimed.sequence,
        )  # fmt: skip

    def _bounds(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        noon = dt.datetime.combine(day, _NOON, self._claimed.zone).timestamp()
        period = period_at(Cycle.DAILY, self._claimed.zone, noon)
        if period.end_epoch_s is None:
            raise AssertionError("a day ends")
        start, end = (dt.datetime.fromtimestamp(one, dt.UTC) for one in (period.start_epoch_s, period.end_epoch_s))
        return start, end


def _uses(rows: Iterable[Any]) -> Uses:
    found: dict[Key, dict[str, Use]] = defaultdict(dict)
    for member, key, model, calls, tokens, charge in rows:
        found[Key(member, key)][model] = Use(calls, tokens, charge)
    return found


def _with_idle_keys(of_keys: Uses, of_scope: Uses) -> Uses:
    """Adds what the scope used without these keys, as that of all keys that were idle in the bucket."""
    rest: dict[str, Use] = dict(of_scope.get(IDLE_KEYS, {}))
    for by_model in of_keys.values():
        for model, use in by_model.items():
            rest[model] = rest.get(model, NOTHING) - use
    idle = {model: use for model, use in rest.items() if use != NOTHING}
    return {**of_keys, IDLE_KEYS: idle} if idle else of_keys


def _lists(divided: Split) -> Mapping[str, Sequence[tuple[str, int, int, int]]]:
    def rows(parts: Mapping[str, Parts]) -> Sequence[tuple[str, int, int, int]]:
        return [(name, one.volume, one.size, one.price) for name, one in parts.items()]

    return {"members": rows(divided.members), "keys": rows(divided.keys), "models": rows(divided.models)}
