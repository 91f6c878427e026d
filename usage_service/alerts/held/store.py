"""Holds alerts, and releases them when their time has come.

An alert is held in the transaction that writes it, and released in the transaction that adds its delivery.
"""

import datetime as dt
import json
from collections.abc import Collection, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway_core.model.alerts.rules import Place
from gateway_core.model.alerts.schedules import Frequency, Schedule
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection
from usage_service.alerts.events import encoded, hashed_id
from usage_service.alerts.held import statements
from usage_service.alerts.held.decisions import Digest, Held, Later, decide_release
from usage_service.alerts.held.digests import (
    MOST_CONTRIBUTORS,
    MOST_ENTRIES,
    Contents,
    Contributor,
    Entry,
    digest_data,
    digest_id,
)

MOST_RELEASED: Final = 10_000
"""In one step. A digest of more alerts than that becomes several."""
_DAYS: Final = {Frequency.DAILY: 1, Frequency.WEEKLY: 7}


class HeldAlerts:
    """The alerts of one organization that wait."""

    def __init__(self, connection: Connection, organization: str, zone: ZoneInfo, now: dt.datetime) -> None:
        self._connection = connection
        self._organization = organization
        self._zone = zone
        self._now = now

    async def send(
        self, event_id: str, severity: str, rule_id: str, schedule: Schedule, channels: Collection[str]
    ) -> None:
        """Adds the deliveries of an alert, or holds them until the schedule of the rule lets them be sent."""
        send_time = schedule.time_of(severity, self._now, self._zone)
        if send_time <= self._now:
            await self.deliver([(channel, event_id) for channel in sorted(channels)])
        elif channels:
            await self._connection.execute(
                statements.HOLD, self._organization, event_id, sorted(channels), rule_id, schedule.frequency,
                schedule.stored_quiet_hours, send_time,
            )  # fmt: skip

    async def release(self) -> None:
        """Sends what is due, and decides again about what is held by rules that have changed. Repeating that changes nothing."""
        await self._connection.execute(statements.DROP_UNWANTED, self._organization, self._now)
        rows = await self._connection.fetch(statements.DUE, self._organization, self._now, MOST_RELEASED)
        decided = decide_release([_held(row) for row in rows], self._now, self._zone)
        for later in decided.later:
            await self._postpone(later)
        await self.deliver([(one.channel, one.event_id) for one in decided.singles])
        for one in decided.singles:
            await self._mark([one], None)
        for digest in decided.digests:
            await self._send_digest(digest)

    async def _send_digest(self, digest: Digest) -> None:
        channel = digest.entries[0].channel
        event_id = digest_id(self._organization, channel, digest)
        contents = await self._contents(digest)
        scope = contents.place.scope
        await self._connection.execute(
            statements.PUT_DIGEST, self._organization, event_id, digest.severity, digest.entries[0].rule, scope.kind,
            scope.scope_id, list(contents.place.group_path), encoded(digest_data(self._organization, digest, contents)),
            self._now,
        )  # fmt: skip
        await self.deliver([(channel, event_id)])
        await self._mark(digest.entries, event_id)

    async def _contents(self, digest: Digest) -> Contents:
        ids = [one.event_id for one in digest.entries]
        (sums,) = await self._connection.fetch(statements.SUMS, self._organization, ids)
        place = await self._place(digest.entries[0].rule)
        entries = await self._connection.fetch(statements.ENTRIES, self._organization, ids, MOST_ENTRIES)
        since = self._now - dt.timedelta(days=_DAYS[digest.frequency])
        since = since.replace(minute=0, second=0, microsecond=0)
        contributors = await self._connection.fetch(
            statements.CONTRIBUTORS, self._organization, place.scope.kind, place.scope.scope_id, since,
            MOST_CONTRIBUTORS,
        )  # fmt: skip
        return Contents(
            place,
            sums["start_time"],
            sums["end_time"],
            sums["alerts"],
            sums["warnings"],
            [Entry(**{**row, "data": json.loads(row["data"])}) for row in entries],
            since,
            [
                Contributor(Place(Scope(ScopeKind(kind), found), display_name=name), spent)
                for kind, found, name, spent in contributors
            ],
        )

    async def _place(self, rule: str) -> Place:
        (row,) = await self._connection.fetch(statements.SCOPE, self._organization, rule)
        scope = Scope(ScopeKind(row["scope_kind"]), row["scope_id"])
        return Place(scope, tuple(row["group_path"]), display_name=row["display_name"])

    async def deliver(self, sent: Sequence[tuple[str, str]]) -> None:
        """Adds deliveries of events to channels. A channel that was deleted gets nothing."""
        if sent:
            ids = [hashed_id("dlv", event_id, channel) for channel, event_id in sent]
            channels, events = map(list, zip(*sent, strict=True))
            await self._connection.execute(statements.PUT_DELIVERIES, self._organization, ids, channels, events)

    async def _postpone(self, later: Later) -> None:
        held, schedule = later.held, later.held.present
        await self._connection.execute(
            statements.POSTPONE, self._organization, held.channel, held.event_id, later.send_time, schedule.frequency,
            schedule.stored_quiet_hours,
        )  # fmt: skip

    async def _mark(self, released: Sequence[Held], event_id: str | None) -> None:
        ids = [one.event_id for one in released]
        await self._connection.execute(statements.RELEASE, self._organization, released[0].channel, ids, event_id)


async def organizations_with_held(connection: Connection, after: str, limit: int) -> Sequence[str]:
    """Returns a page of the organizations that have something to release, by id."""
    return [row["organization_id"] for row in await connection.fetch(statements.ORGANIZATIONS, after, limit)]


def _held(row: Any) -> Held:  # noqa: ANN401 - a row
    return Held(
        row["channel_id"],
        row["event_id"],
        row["rule_id"],
        row["severity"],
        Schedule.decode(row["frequency"], row["quiet_hours"]),
        Schedule.decode(row["present_frequency"], row["present_quiet_hours"]),
    )
