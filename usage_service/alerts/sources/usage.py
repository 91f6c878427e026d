"""Usage that somebody should look at: unconfirmed or doubtful calls, and unusual spend.

Of a provider and kind, the first call of a local day is told, however many follow: a list of the API has them all.
"""

import datetime as dt
from typing import Final

import asyncpg

from gateway_core.model.alerts.event_types import ANOMALY_FOUND, USAGE_DOUBTFUL, USAGE_UNCONFIRMED
from gateway_core.model.alerts.rules import Place
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.claims import Claimed
from usage_service.alerts.events import Happening, time_text
from usage_service.alerts.sources.source import Found, Source, View, organization_place, places, told_by

_ANOMALIES_OVERLAP: Final = dt.timedelta(minutes=2)
"""An anomaly carries the time at which its transaction began."""
_ANOMALIES_PER_LOOK: Final = 200
_UNCONFIRMED: Final = """
SELECT DISTINCT ON (u.provider_id) u.provider_id, '' AS reason, u.hold_id, u.sequence, u.charge_nano_credits AS charge
  FROM usage_records u
 WHERE u.organization_id = $1 AND u.sequence > $2 AND u.sequence <= $3 AND u.outcome = 'EXPIRED'
 ORDER BY u.provider_id, u.sequence
"""
_DOUBTFUL: Final = """
SELECT DISTINCT ON (f.provider_id, f.kinds) f.provider_id, array_to_string(f.kinds, ',') AS reason, f.hold_id, u.sequence,
       f.charge_nano_credits AS charge
  FROM usage_findings f JOIN usage_records u ON u.hold_id = f.hold_id
 WHERE f.organization_id = $1 AND f.create_time > $2
 ORDER BY f.provider_id, f.kinds, u.sequence
"""
_ANOMALIES: Final = """
SELECT a.anomaly_id, a.scope_kind, a.scope_id, a.start_time, a.end_time, a.actual_nano_credits AS actual,
       a.expected_nano_credits AS expected, a.highest_usual_nano_credits AS highest
  FROM usage_anomalies a
 WHERE a.organization_id = $1 AND a.local_day >= ($2::timestamptz - interval '40 days')::date AND a.create_time > $2
   AND a.explained_by IS NULL AND a.withdraw_time IS NULL
 ORDER BY a.create_time, a.anomaly_id LIMIT $3
"""


async def _find_calls(view: View) -> Found:
    claimed, connection = view.claimed, view.connection
    place = await organization_place(view)
    since = claimed.changes_until or claimed.now
    found: list[Happening] = []
    if view.naming(USAGE_UNCONFIRMED):
        rows = await connection.fetch(_UNCONFIRMED, claimed.organization, claimed.sequence, claimed.head)
        found += [_happening(claimed, place, USAGE_UNCONFIRMED, row) for row in rows]
    if view.naming(USAGE_DOUBTFUL):
        rows = await connection.fetch(_DOUBTFUL, claimed.organization, since)
        found += [_happening(claimed, place, USAGE_DOUBTFUL, row) for row in rows]
    return Found(told_by(view.rules, found))


def _happening(claimed: Claimed, place: Place, event_type: str, row: asyncpg.Record) -> Happening:
    day = claimed.now.astimezone(claimed.zone).date().isoformat()
    details: dict[str, object] = {
        "provider": row["provider_id"],
        "day": day,
        "chargeNanoCredits": str(row["charge"]),
        "proof": {
            "ledgerPosition": str(row["sequence"]),
            "call": f"organizations/{claimed.organization}/calls/{row['hold_id']}",
        },
    }
    if row["reason"]:
        details["kinds"] = row["reason"].split(",")
    return Happening(
        event_type, "WARNING", place, f"{event_type}:{row['provider_id']}:{row['reason']}:{day}", details,
        sequence=row["sequence"], hold_id=row["hold_id"],
    )  # fmt: skip


async def _find_anomalies(view: View) -> Found:
    claimed = view.claimed
    if claimed.looked_until is None:
        # The first look: what was found before is history.
        return Found()
    rows = await view.connection.fetch(
        _ANOMALIES, claimed.organization, claimed.looked_until - _ANOMALIES_OVERLAP, _ANOMALIES_PER_LOOK
    )
    found = await places(view, [Scope(ScopeKind(row["scope_kind"]), row["scope_id"]) for row in rows])
    happenings = [
        Happening(
            ANOMALY_FOUND, "WARNING", found[Scope(ScopeKind(row["scope_kind"]), row["scope_id"])],
            f"anomaly:{row['anomaly_id']}",
            {
                "anomaly": f"organizations/{claimed.organization}/anomalies/{row['anomaly_id']}",
                "startTime": time_text(row["start_time"].timestamp()),
                "endTime": time_text(row["end_time"].timestamp()),
                "spentNanoCredits": str(row["actual"]),
                "expectedNanoCredits": str(row["expected"]),
                "highestUsualNanoCredits": str(row["highest"]),
            },
        )
        for row in rows
    ]  # fmt: skip
    return Found(told_by(view.rules, happenings))


CALLS: Final = Source(
    "calls",
    frozenset({USAGE_UNCONFIRMED, USAGE_DOUBTFUL}),
    lambda claimed: claimed.has_ledger_events,
    _find_calls,
)
ANOMALIES: Final = Source("anomalies", frozenset({ANOMALY_FOUND}), lambda claimed: claimed.is_look_due, _find_anomalies)
