"""The SQL of anomalies. Parameter 1 is the organization and 2 the generation of its rollups."""

from typing import Final

from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.model.usage_measures import INPUT_TOKEN_COLUMNS, OUTPUT_TOKEN_COLUMNS

ORGANIZATIONS: Final = """
SELECT r.organization_id FROM usage_rollups r LEFT JOIN anomaly_positions p ON p.organization_id = r.organization_id
 WHERE r.state = 'CURRENT' AND r.organization_id > $1 AND (p.checked_until IS NULL OR p.checked_until < r.days_until)
   AND r.days_until > '2000-01-01' ORDER BY r.organization_id LIMIT $2
"""
BEGIN: Final = "INSERT INTO anomaly_positions (organization_id) VALUES ($1) ON CONFLICT DO NOTHING"
# The lock on the position keeps two processes from judging the same organization.
CLAIM: Final = """
SELECT r.generation, r.sequence, r.time_zone, r.days_until, p.judged_until, p.checked_until,
       cycle_start_at('DAILY', r.time_zone, r.days_until) AS today,
       (cycle_start_at('DAILY', r.time_zone, r.days_until) AT TIME ZONE r.time_zone)::date AS today_date,
       (r.days_until AT TIME ZONE r.time_zone) AS clock
  FROM anomaly_positions p JOIN usage_rollups r ON r.organization_id = p.organization_id AND r.state = 'CURRENT'
 WHERE p.organization_id = $1 FOR UPDATE OF p SKIP LOCKED
"""
_RECENT: Final = """
SELECT scope_kind, scope_id,
       md5(string_agg(extract(epoch FROM day_start) || ':' || charge, ',' ORDER BY day_start)) AS fingerprint
  FROM (SELECT scope_kind, scope_id, day_start, sum(charge_nano_credits) AS charge FROM usage_days
         WHERE organization_id = $1 AND generation = $2 AND scope_kind IN ('group', 'member', 'api_key')
           AND day_start >= $3 AND day_start < $4 GROUP BY 1, 2, 3) AS days
 GROUP BY 1, 2
HAVING max(charge) >= $6 OR EXISTS (
           SELECT FROM usage_anomalies a WHERE a.organization_id = $1 AND a.scope_kind = days.scope_kind
              AND a.scope_id = days.scope_id AND a.start_time >= $3)
"""
# What spends less than matters on each day cannot be an anomaly that matters, so it is not judged at all.
# Parameters 3 and 4: the days; 5: how many scopes; 6: the least charge.
DUE: Final = f"""
SELECT recent.scope_kind, recent.scope_id, recent.fingerprint FROM ({_RECENT}) AS recent
 WHERE NOT EXISTS (SELECT FROM anomaly_scopes s WHERE s.organization_id = $1 AND s.scope_kind = recent.scope_kind
                      AND s.scope_id = recent.scope_id AND s.fingerprint = recent.fingerprint)
 ORDER BY 1, 2 LIMIT $5
"""  # noqa: S608
# Parameters 3 and 4: the first day and the end; 5: the time zone; 6 and 7: kinds and ids of the scopes.
SERIES: Final = """
SELECT d.scope_kind, d.scope_id, (d.day_start AT TIME ZONE $5)::date AS day, sum(d.charge_nano_credits)::bigint AS charge,
       max(d.group_path) AS group_path, max(d.member_id) AS member_id
  FROM unnest($6::text[], $7::text[]) AS s (kind, id)
  JOIN usage_days d ON d.organization_id = $1 AND d.generation = $2 AND d.scope_kind = s.kind AND d.scope_id = s.id
                   AND d.day_start >= $3 AND d.day_start < $4
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
# An answer to an anomaly is one to those that it explains, too.
VERDICTS: Final = """
SELECT a.scope_kind, a.scope_id, a.local_day, v.verdict
  FROM unnest($2::text[], $3::text[]) AS s (kind, id)
  JOIN usage_anomalies a ON a.organization_id = $1 AND a.scope_kind = s.kind AND a.scope_id = s.id
  JOIN anomaly_verdicts v ON v.organization_id = $1 AND v.anomaly_id IN (a.anomaly_id, a.explained_by)
"""
STORED: Final = """
SELECT a.scope_kind, a.scope_id, a.local_day, a.anomaly_id, a.granularity, a.actual_nano_credits,
       a.withdraw_time IS NOT NULL AS withdrawn
  FROM unnest($2::text[], $3::text[]) AS s (kind, id)
  JOIN usage_anomalies a ON a.organization_id = $1 AND a.scope_kind = s.kind AND a.scope_id = s.id AND a.local_day >= $4
"""
_TOKENS: Final = " + ".join((*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS))
_USES: Final = (
    f"sum(call_count)::bigint AS calls, sum({_TOKENS})::bigint AS tokens, sum(charge_nano_credits)::bigint AS charge"
)
_IN_SCOPE: Final = {
    ScopeKind.MEMBER: "member_id = $3",
    ScopeKind.API_KEY: "api_key_id = $3",
    ScopeKind.GROUP: "$3 = ANY (group_path)",
}


def uses_between(kind: ScopeKind) -> str:
    """Returns the uses of a scope by member, key and model. Parameters 3: the scope; 4 and 5: the hours."""
    return f"""
    SELECT member_id, api_key_id, model, {_USES} FROM usage_hours
     WHERE organization_id = $1 AND generation = $2 AND {_IN_SCOPE[kind]} AND hour_start >= $4 AND hour_start < $5
     GROUP BY 1, 2, 3"""  # noqa: S608


# Parameters 3: the member; 4 and 5: first and last hour; 6: the time zone; 7: the hours on the clocks.
USES_OF_HOURS: Final = f"""
SELECT member_id, api_key_id, model, {_USES} FROM usage_hours
 WHERE organization_id = $1 AND generation = $2 AND member_id = $3 AND hour_start >= $4 AND hour_start <= $5
   AND date_trunc('hour', hour_start AT TIME ZONE $6) = ANY ($7::timestamp[]) GROUP BY 1, 2, 3
"""  # noqa: S608
_OF_DAYS: Final = """
organization_id = $1 AND generation = $2 AND day_start >= $4 AND day_start <= $5
   AND (day_start AT TIME ZONE $6)::date = ANY ($7::date[])
"""
# Parameters 3: the scope; 4 and 5: around the days; 6: the time zone; 7: the days; 8: the kind.
USES_OF_SCOPE: Final = f"""
SELECT '' AS member_id, '' AS api_key_id, model, {_USES} FROM usage_days
 WHERE {_OF_DAYS} AND scope_kind = $8 AND scope_id = $3 GROUP BY 1, 2, 3
"""  # noqa: S608


def uses_of_keys(kind: ScopeKind) -> str:
    """Returns the uses of keys within a scope. Parameters as in `USES_OF_SCOPE`, but 8: the keys."""
    in_scope = _IN_SCOPE[kind].replace("api_key_id", "scope_id")
    return f"""
    SELECT member_id, scope_id AS api_key_id, model, {_USES} FROM usage_days
     WHERE {_OF_DAYS} AND scope_kind = 'api_key' AND scope_id = ANY ($8::text[]) AND {in_scope} GROUP BY 1, 2, 3"""  # noqa: S608


# Members of whom one hour of the running day cost at least a third of a usual day. Parameters 3: where the usual days begin;
# 4: the running day; 5 and 6: the new hours; 7: the least charge; 8: how many members.
UNUSUAL_HOURS: Final = """
SELECT member_id, max(charge) AS charge
  FROM (SELECT member_id, hour_start, sum(charge_nano_credits) AS charge FROM usage_hours
         WHERE organization_id = $1 AND generation = $2 AND hour_start >= $5 AND hour_start < $6 GROUP BY 1, 2) AS hours
 WHERE charge >= $7 AND charge * 3 >= coalesce(
         (SELECT avg(day.charge) FROM (SELECT sum(charge_nano_credits) AS charge FROM usage_days
                                        WHERE organization_id = $1 AND generation = $2 AND scope_kind = 'member'
                                          AND scope_id = hours.member_id AND day_start >= $3 AND day_start < $4
                                        GROUP BY day_start) AS day), 0)
 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $8
"""
# Parameters 3 and 4: the hours; 5: the time zone; 6: the members. A repeated hour on the clocks counts together with the first.
HOURS_OF_MEMBERS: Final = """
SELECT member_id, date_trunc('hour', hour_start AT TIME ZONE $5) AS clock, sum(charge_nano_credits)::bigint AS charge,
       max(group_path) AS group_path
  FROM usage_hours
 WHERE organization_id = $1 AND generation = $2 AND hour_start >= $3 AND hour_start < $4 AND member_id = ANY ($6::text[])
 GROUP BY 1, 2
"""
PUT: Final = """
INSERT INTO usage_anomalies (
    organization_id, anomaly_id, scope_kind, scope_id, local_day, granularity, start_time, end_time, time_zone, group_path,
    member_id, actual_nano_credits, expected_nano_credits, lowest_usual_nano_credits, highest_usual_nano_credits,
    volume_nano_credits, size_nano_credits, price_nano_credits, parts, ledger_sequence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (organization_id, scope_kind, scope_id, local_day) DO UPDATE
SET granularity = excluded.granularity, start_time = excluded.start_time, end_time = excluded.end_time,
    time_zone = excluded.time_zone, group_path = excluded.group_path, member_id = excluded.member_id,
    actual_nano_credits = excluded.actual_nano_credits, expected_nano_credits = excluded.expected_nano_credits,
    lowest_usual_nano_credits = excluded.lowest_usual_nano_credits,
    highest_usual_nano_credits = excluded.highest_usual_nano_credits,
    volume_nano_credits = excluded.volume_nano_credits, size_nano_credits = excluded.size_nano_credits,
    price_nano_credits = excluded.price_nano_credits, parts = excluded.parts, ledger_sequence = excluded.ledger_sequence,
    withdraw_time = NULL, update_time = now()
"""
WITHDRAW: Final = """
UPDATE usage_anomalies SET withdraw_time = now(), update_time = now()
 WHERE organization_id = $1 AND anomaly_id = ANY ($2::text[]) AND withdraw_time IS NULL
"""
ALARMS: Final = """
SELECT anomaly_id, scope_kind, scope_id, group_path, member_id, actual_nano_credits - expected_nano_credits AS excess, local_day,
       explained_by
  FROM usage_anomalies WHERE organization_id = $1 AND local_day = ANY ($2::date[]) AND withdraw_time IS NULL
"""
EXPLAIN: Final = """
UPDATE usage_anomalies a SET explained_by = e.by, update_time = now()
  FROM unnest($2::text[], $3::text[]) AS e (anomaly, by) WHERE a.organization_id = $1 AND a.anomaly_id = e.anomaly
"""
NOTE_SCOPES: Final = """
INSERT INTO anomaly_scopes (organization_id, scope_kind, scope_id, fingerprint)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET fingerprint = excluded.fingerprint
"""
CHECKED: Final = "UPDATE anomaly_positions SET judged_until = $2, checked_until = $3 WHERE organization_id = $1"
