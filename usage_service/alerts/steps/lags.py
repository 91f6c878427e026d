"""Sources that have failed, with where they are: each is asked again from there, while the others go on."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway_core.runtime.backoff import pause_s
from gateway_core.stores.postgres.connections import Connection
from usage_service.alerts.claims import Claimed

_FIRST_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 300.0
_MOST_FAILURES: Final = 1_000_000
_LAGS: Final = """
SELECT source, sequence, changes_until, audit_sequence, audit_seen, looked_until, failure_count, retry_time
  FROM alert_lags WHERE organization_id = $1
"""
_PUT: Final = """
INSERT INTO alert_lags (organization_id, source, sequence, changes_until, audit_sequence, audit_seen, looked_until, failure_count,
                        retry_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, source) DO UPDATE SET failure_count = excluded.failure_count, retry_time = excluded.retry_time
"""
_DELETE: Final = "DELETE FROM alert_lags WHERE organization_id = $1 AND source = $2"


@dataclass(frozen=True, slots=True)
class Lag:
    """Where a source is that has failed."""

    sequence: int
    changes_until: dt.datetime | None
    audit_sequence: int
    audit_seen: int
    looked_until: dt.datetime | None
    failure_count: int
    retry_time: dt.datetime

    def claimed(self, claimed: Claimed) -> Claimed:
        """Returns what the source has not looked at yet. Whatever it may look at is due."""
        return replace(
            claimed,
            sequence=self.sequence,
            changes_until=self.changes_until,
            audit_sequence=self.audit_sequence,
            audit_seen=self.audit_seen,
            looked_until=self.looked_until,
            next_look_time=None,
            has_entries=True,
            has_changes=True,
            has_refusals=True,
        )


class Lags:
    """The sources of one organization that have failed, in the transaction of a step."""

    def __init__(self, connection: Connection, claimed: Claimed, by_source: Mapping[str, Lag]) -> None:
        self._connection = connection
        self._claimed = claimed
        self._by_source = by_source

    @classmethod
    async def of(cls, connection: Connection, claimed: Claimed) -> "Lags":
        """Reads which sources have failed."""
        rows = await connection.fetch(_LAGS, claimed.organization) if claimed.has_lags else []
        return cls(connection, claimed, {source: Lag(*rest) for source, *rest in rows})

    def get(self, source: str) -> Lag | None:
        """Returns where a source is; None if it is where the others are."""
        return self._by_source.get(source)

    async def failed(self, source: str) -> None:
        """Notes that a source failed. It stays where it is, and is asked again after a pause."""
        claimed, lag = self._claimed, self._by_source.get(source)
        count = min((lag.failure_count if lag else 0) + 1, _MOST_FAILURES)
        pause = dt.timedelta(seconds=pause_s(count, _FIRST_PAUSE_S, _LONGEST_PAUSE_S))
        await self._connection.execute(
            _PUT, claimed.organization, source, claimed.sequence, claimed.changes_until, claimed.audit_sequence,
            claimed.audit_seen, claimed.looked_until, count, claimed.now + pause,
        )  # fmt: skip

    async def caught_up(self, source: str) -> None:
        """Notes that a source is where the others are."""
        if source in self._by_source:
            await self._connection.execute(_DELETE, self._claimed.organization, source)
