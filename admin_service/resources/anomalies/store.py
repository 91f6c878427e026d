"""The rows of anomalies. usage_service writes them; here only verdicts are written."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from admin_service.listing.sql_parameters import Condition, Parameters
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

# Matches `Anomaly.State`.
STATE: Final = """
CASE WHEN a.withdraw_time IS NOT NULL THEN 'WITHDRAWN' WHEN v.verdict IS NOT NULL THEN 'ACKNOWLEDGED' ELSE 'OPEN' END
"""
VERDICT: Final = "coalesce(v.verdict, 'UNSPECIFIED')"
EXCESS: Final = "(a.actual_nano_credits - a.expected_nano_credits)"
# The latest day up to this one whose day before was usual. Each step is a lookup in the unique index of scopes and days.
INCIDENT: Final = """
(SELECT f.anomaly_id FROM usage_anomalies f
  WHERE f.organization_id = a.organization_id AND f.scope_kind = a.scope_kind AND f.scope_id = a.scope_id
    AND f.local_day <= a.local_day AND f.withdraw_time IS NULL AND a.withdraw_time IS NULL
    AND NOT EXISTS (SELECT FROM usage_anomalies p
                     WHERE p.organization_id = f.organization_id AND p.scope_kind = f.scope_kind AND p.scope_id = f.scope_id
                       AND p.local_day = f.local_day - 1 AND p.withdraw_time IS NULL)
  ORDER BY f.local_day DESC LIMIT 1)
"""
COLUMNS: Final = f"""
a.organization_id, a.anomaly_id, a.scope_kind, a.scope_id, a.granularity, a.start_time, a.end_time, a.group_path, a.member_id,
a.actual_nano_credits, a.expected_nano_credits, a.lowest_usual_nano_credits, a.highest_usual_nano_credits, a.volume_nano_credits,
a.size_nano_credits, a.price_nano_credits, a.parts, a.ledger_sequence, a.create_time, a.update_time, ({STATE}), {VERDICT},
coalesce(v.note, ''), v.update_time, coalesce(nullif(u.display_name, ''), u.email, ''),
coalesce((SELECT n.display_name FROM usage_names n WHERE n.organization_id = a.organization_id AND n.kind = a.scope_kind
             AND n.id = a.scope_id AND n.valid_to IS NULL), ''), coalesce({INCIDENT}, '')
"""  # noqa: S608 - our own SQL
SOURCE: Final = """
usage_anomalies a
LEFT JOIN anomaly_verdicts v ON v.organization_id = a.organization_id AND v.anomaly_id = a.anomaly_id
LEFT JOIN users u ON u.user_id = v.user_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE a.organization_id = $1 AND a.anomaly_id = $2"  # noqa: S608
_EXPLAINED: Final = """
SELECT a.explained_by, a.scope_kind, a.scope_id FROM usage_anomalies a
 WHERE a.organization_id = {organization} AND a.explained_by = ANY ({anomalies}::text[]) AND a.withdraw_time IS NULL
   AND {visible} ORDER BY a.scope_kind DESC, a.scope_id
"""
_ANSWER: Final = """
INSERT INTO anomaly_verdicts (organization_id, anomaly_id, verdict, note, user_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization_id, anomaly_id) DO UPDATE
SET verdict = excluded.verdict, note = excluded.note, user_id = excluded.user_id, update_time = clock_timestamp()
"""

_MOST_ALARMS: Final = 100

Part = tuple[str, int, int, int]
"""An id, volume, size and price."""


@dataclass(frozen=True, slots=True)
class AnomalyRow:
    """A stored anomaly with what was said about it. Amounts are in nano-credits."""

    organization: str
    anomaly: str
    scope_kind: str
    scope_id: str
    granularity: str
    start_time: dt.datetime
    end_time: dt.datetime
    group_path: Sequence[str]
    member: str
    """Of a member or a key; otherwise empty."""
    actual: int
    expected: int
    lowest_usual: int
    highest_usual: int
    volume: int
    size: int
    price: int
    parts_json: str
    ledger_sequence: int
    create_time: dt.datetime
    update_time: dt.datetime
    state: str
    verdict: str
    note: str
    acknowledge_time: dt.datetime | None
    acknowledger: str
    scope_display_name: str
    incident: str
    """The first anomaly of the days in a row on which the scope was unusual; empty if this one was withdrawn."""

    @property
    def scope(self) -> Scope:
        """Whose spend."""
        return Scope(ScopeKind(self.scope_kind), self.scope_id)

    @property
    def parts(self) -> Mapping[str, Sequence[Part]]:
        """The parts of the excess: `members`, `keys` and `models`."""
        found: Mapping[str, Sequence[Part]] = json.loads(self.parts_json)
        return found

    @property
    def etag(self) -> str:
        """Changes with every change of the anomaly and of what was said."""
        return etag_of(self.organization, self.anomaly, self.update_time, self.acknowledge_time)


async def get_anomaly(connection: Connection, organization: str, anomaly: str) -> AnomalyRow | None:
    """Returns an anomaly, or None if there is none. The transaction must act for the organization."""
    row = await connection.fetchrow(_GET, organization, anomaly)
    return AnomalyRow(*row) if row else None


async def explained_by(
    connection: Connection, organization: str, anomalies: Sequence[str], visible: Condition
) -> Mapping[str, Sequence[Scope]]:
    """Returns the scopes whose anomalies others explain, by the id of the other, as far as a condition on `a` allows."""
    parameters = Parameters()
    statement = _EXPLAINED.format(
        organization=parameters.add(organization),
        anomalies=parameters.add(list(anomalies)),
        visible=visible.sql(parameters),
    )
    found: dict[str, list[Scope]] = {}
    for anomaly, kind, scope_id in await connection.fetch(statement, *parameters.values):
        found.setdefault(anomaly, []).append(Scope(ScopeKind(kind), scope_id))
    return found


async def alarms_between(
    connection: Connection, organization: str, start: dt.datetime, end: dt.datetime, *conditions: Condition
) -> Sequence[AnomalyRow]:
    """Returns at most 100 anomalies that begin in `[start, end)`, were not withdrawn and meet conditions on `a`.

    Those with the largest excess come first.
    """
    parameters = Parameters()
    wheres = [
        Condition("a.organization_id = {}", organization),
        Condition("a.start_time >= {} AND a.start_time < {}", start, end),
        Condition("a.withdraw_time IS NULL"),
        *conditions,
    ]
    text = " AND ".join(condition.sql(parameters) for condition in wheres)
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM {SOURCE} WHERE {text} ORDER BY {EXCESS} DESC, a.anomaly_id LIMIT {_MOST_ALARMS}",  # noqa: S608
        *parameters.values,
    )
    return [AnomalyRow(*row) for row in rows]


async def answer(connection: Connection, row: AnomalyRow, verdict: str, note: str, user: str) -> None:
    """Stores what a user says about an anomaly, in place of what was said before."""
    await connection.execute(_ANSWER, row.organization, row.anomaly, verdict, note, user)
