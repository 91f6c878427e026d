"""The SQL of alerts. Every statement but those that find organizations names one in `$1`."""

from typing import Final

from gateway_core.model.alerts.event_types import MAILED_ALWAYS

MAILED_ALWAYS_SQL: Final = ", ".join(f"'{one}'" for one in sorted(MAILED_ALWAYS))

# A change of a guardrail or rule is looked at again for some seconds (see `alert_positions.changes_until`).
_IS_BEHIND: Final = """
       (p.organization_id IS NULL OR h.sequence > p.sequence OR p.next_look_time <= now()
        OR EXISTS (SELECT FROM audit_log a WHERE a.organization_id = h.organization_id AND a.sequence > p.audit_sequence)
        OR EXISTS (SELECT FROM guardrails g
                    WHERE g.organization_id = h.organization_id AND g.update_time > p.changes_until)
        OR EXISTS (SELECT FROM notification_rules r
                    WHERE r.organization_id = h.organization_id AND r.update_time > p.changes_until)
        OR EXISTS (SELECT FROM refused_calls c
                    WHERE c.organization_id = h.organization_id
                      AND c.minute >= date_trunc('minute', p.changes_until - interval '1 minute')
                      AND c.reason = ANY ($3::text[]) AND c.update_time > p.changes_until)
        OR EXISTS (SELECT FROM alert_lags l WHERE l.organization_id = h.organization_id AND l.retry_time <= now()))
"""
BEHIND: Final = f"""
SELECT h.organization_id FROM ledger_heads h LEFT JOIN alert_positions p ON p.organization_id = h.organization_id
 WHERE h.organization_id > $1 AND {_IS_BEHIND}
 ORDER BY h.organization_id LIMIT $2
"""  # noqa: S608
# Of the organizations `$4`, and of those that something changed in lately, or that are due.
BEHIND_LATELY: Final = f"""
WITH lately AS (
    SELECT unnest($4::text[]) AS organization_id
    UNION SELECT organization_id FROM alert_positions WHERE next_look_time <= now()
    UNION SELECT organization_id FROM alert_lags WHERE retry_time <= now()
    UNION SELECT organization_id FROM audit_log WHERE create_time > now() - interval '30 seconds'
    UNION SELECT organization_id FROM guardrails WHERE update_time > now() - interval '30 seconds'
    UNION SELECT organization_id FROM notification_rules WHERE update_time > now() - interval '30 seconds'
    UNION SELECT organization_id FROM refused_calls
           WHERE minute > now() - interval '3 minutes' AND reason = ANY ($3::text[]) AND update_time > now() - interval '30 seconds'
)
SELECT h.organization_id
  FROM lately JOIN ledger_heads h ON h.organization_id = lately.organization_id
  LEFT JOIN alert_positions p ON p.organization_id = h.organization_id
 WHERE h.organization_id > $1 AND {_IS_BEHIND}
 ORDER BY h.organization_id LIMIT $2
"""  # noqa: S608
BEGIN: Final = """
INSERT INTO alert_positions (organization_id, sequence, audit_sequence)
SELECT h.organization_id, h.sequence, coalesce((SELECT max(a.sequence) FROM audit_log a WHERE a.organization_id = $1), 0)
  FROM ledger_heads h WHERE h.organization_id = $1
ON CONFLICT DO NOTHING
"""
# Whoever does not get the position leaves the work to the one who has it.
CLAIM: Final = """
SELECT p.sequence, h.sequence AS head, o.time_zone, now(), p.audit_sequence, p.looked_until,
       CASE WHEN isfinite(p.changes_until) THEN p.changes_until END AS changes_until,
       CASE WHEN p.next_look_time > now() THEN p.next_look_time END AS next_look_time,
       EXISTS (SELECT FROM audit_log a WHERE a.organization_id = $1 AND a.sequence > p.audit_sequence) AS has_entries,
       coalesce((SELECT max(a.sequence) FROM audit_log a WHERE a.organization_id = $1 AND a.sequence > p.audit_seen), p.audit_seen)
           AS audit_head, p.audit_seen,
       EXISTS (SELECT FROM guardrails g WHERE g.organization_id = $1 AND g.update_time > p.changes_until)
           OR EXISTS (SELECT FROM notification_rules r WHERE r.organization_id = $1 AND r.update_time > p.changes_until)
           OR NOT isfinite(p.changes_until) AS has_changes,
       EXISTS (SELECT FROM refused_calls c
                WHERE c.organization_id = $1 AND c.minute >= date_trunc('minute', p.changes_until - interval '1 minute')
                  AND c.reason = ANY ($2::text[]) AND c.update_time > p.changes_until) AS has_refusals,
       EXISTS (SELECT FROM alert_lags l WHERE l.organization_id = $1) AS has_lags
  FROM alert_positions p
  JOIN ledger_heads h ON h.organization_id = p.organization_id
  JOIN organizations o ON o.organization_id = p.organization_id
 WHERE p.organization_id = $1 FOR UPDATE OF p SKIP LOCKED
"""
ADVANCE: Final = """
UPDATE alert_positions SET sequence = $2, changes_until = $3, audit_sequence = $4, looked_until = $5, next_look_time = $6,
       audit_seen = $7
 WHERE organization_id = $1
"""
# The last entry that was made before `$3`, of as many as a step reads.
AUDIT_PASSED: Final = """
SELECT coalesce(max(a.sequence), $2)
  FROM (SELECT sequence, create_time FROM audit_log WHERE organization_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $4) AS a
 WHERE a.create_time < $3
"""

RULES: Final = """
SELECT r.rule_id, r.event_types, r.scope_kind, r.scope_id, r.includes_descendants, r.percents, r.amounts_nano_credits, r.recipients,
       r.severity, r.frequency, r.quiet_hours, r.overrides_rule_id, r.forbids_overrides, r.state = 'ENABLED' AS is_enabled,
       r.conditions, r.create_time, coalesce(g.path, m.group_path, k.group_path, '{}') AS group_path,
       coalesce(m.member_id, k.member_id, '') AS member_id
  FROM notification_rules r
  LEFT JOIN groups g ON r.scope_kind = 'group' AND g.organization_id = r.organization_id AND g.group_id = r.scope_id
  LEFT JOIN members m ON r.scope_kind = 'member' AND m.organization_id = r.organization_id AND m.member_id = r.scope_id
  LEFT JOIN api_keys k ON r.scope_kind = 'api_key' AND k.organization_id = r.organization_id AND k.api_key_id = r.scope_id
 WHERE r.organization_id = $1
 ORDER BY r.rule_id
"""

# The counters that were charged after `$2` up to `$3`, and the present ones of guardrails that changed after `$4`, or of all if a
# rule did, or if they refused calls since. A refusal is added some time after the call, so one that was added just after a change
# of the guardrail is left out. The figures are of now, which is the end of the ledger, because the transaction sees one moment.
# Counters of periods that were over at `$5` are left out. A budget that was removed after it reached a threshold has the largest
# limit there is, so that it recovers.
BUDGETS: Final = """
WITH charged AS MATERIALIZED (
    SELECT n.counter
      FROM usage_records u CROSS JOIN LATERAL unnest(u.counters || coalesce(u.later_counters, '{}')) AS n (counter)
     WHERE u.organization_id = $1 AND u.sequence > $2 AND u.sequence <= $3
    UNION
    SELECT n.counter
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
     CROSS JOIN LATERAL unnest(u.counters || coalesce(c.later_counters, '{}')) AS n (counter)
     WHERE c.organization_id = $1 AND c.sequence > $2 AND c.sequence <= $3
), zone AS MATERIALIZED (
    SELECT o.time_zone, CASE WHEN NOT EXISTS (
               SELECT FROM notification_rules r WHERE r.organization_id = $1 AND r.update_time > $4) THEN $4 END AS since
      FROM organizations o WHERE o.organization_id = $1
), refused AS MATERIALIZED (
    SELECT c.scope_kind, c.scope_id
      FROM refused_calls c
      JOIN guardrails g ON g.organization_id = $1 AND g.scope_kind = c.scope_kind AND g.scope_id = c.scope_id
     WHERE c.organization_id = $1 AND c.minute >= date_trunc('minute', $4::timestamptz - interval '1 minute')
       AND c.reason = 'budget_exhausted' AND c.update_time > greatest($4, g.update_time + interval '2 seconds')
     GROUP BY 1, 2
), changed AS MATERIALIZED (
    SELECT c.counter FROM zone z CROSS JOIN LATERAL counters_of_changed_guardrails($1, z.since) AS c (counter)
    UNION
    SELECT c.counter FROM refused r CROSS JOIN LATERAL present_counters($1, r.scope_kind, r.scope_id) AS c (counter)
), sought AS MATERIALIZED (
    SELECT s.counter, split_part(s.counter, ':', 1) AS scope_kind, split_part(s.counter, ':', 2) AS scope_id,
           split_part(s.counter, ':', 3) AS cycle, to_timestamp(split_part(s.counter, ':', 4)::bigint) AS start,
           coalesce(limit_of_counter($1, s.counter), CASE WHEN EXISTS (
               SELECT FROM alert_states a WHERE a.organization_id = $1 AND a.occasion = s.counter AND a.is_reached)
               THEN 9223372036854775807 END) AS limit_nano_credits
      FROM (SELECT counter FROM charged UNION SELECT counter FROM changed) AS s
)
SELECT s.counter, s.scope_kind, s.scope_id, s.limit_nano_credits, coalesce(p.settled_nano_credits, 0) AS spent_nano_credits,
       coalesce(t.path, m.group_path, k.group_path, '{}') AS group_path, coalesce(m.member_id, k.member_id, '') AS member_id,
       coalesce(t.display_name, m.display_name, k.display_name, o.display_name, w.display_name, '') AS display_name,
       EXISTS (SELECT FROM refused r WHERE r.scope_kind = s.scope_kind AND r.scope_id = s.scope_id)
           AND cardinality(string_to_array(s.counter, ':')) = 5 AS refuses_calls
  FROM sought s CROSS JOIN zone z
  LEFT JOIN scope_spend p ON p.organization_id = $1 AND p.counter = s.counter
  LEFT JOIN groups t ON s.scope_kind = 'group' AND t.organization_id = $1 AND t.group_id = s.scope_id
  LEFT JOIN members m ON s.scope_kind = 'member' AND m.organization_id = $1 AND m.member_id = s.scope_id
  LEFT JOIN api_keys k ON s.scope_kind = 'api_key' AND k.organization_id = $1 AND k.api_key_id = s.scope_id
  LEFT JOIN organizations o ON s.scope_kind = 'organization' AND o.organization_id = $1
  LEFT JOIN usage_names w ON s.scope_kind = 'member' AND w.organization_id = $1 AND w.kind = 'member' AND w.id = s.scope_id
                         AND w.valid_to IS NULL
 WHERE s.limit_nano_credits IS NOT NULL AND (s.cycle = 'NEVER' OR s.start >= cycle_start_at(s.cycle, z.time_zone, $5))
 ORDER BY s.counter
"""

STATES: Final = """
SELECT rule_id, occasion, threshold, epoch, is_reached FROM alert_states WHERE organization_id = $1 AND occasion = ANY ($2::text[])
"""
PUT_STATES: Final = """
INSERT INTO alert_states (organization_id, rule_id, occasion, threshold, epoch, is_reached)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::boolean[])
ON CONFLICT (organization_id, occasion, rule_id, threshold) DO UPDATE SET epoch = excluded.epoch, is_reached = excluded.is_reached
"""

# The last charge after `$2` that took the counter `$4` to `$6` or beyond. It ends at `$5` nano-credits.
CROSSING_CALL: Final = """
SELECT sequence, hold_id, (spent - delta)::bigint, spent::bigint
  FROM (SELECT c.*, $5 - sum(c.delta) OVER () + sum(c.delta) OVER (ORDER BY c.sequence) AS spent
          FROM (SELECT sequence, hold_id, charge_nano_credits AS delta
                  FROM usage_records
                 WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3
                   AND $4 = ANY (counters || coalesce(later_counters, '{}'))
                UNION ALL
                SELECT n.sequence, n.hold_id, n.delta_nano_credits
                  FROM usage_corrections n JOIN usage_records u ON u.hold_id = n.hold_id
                 WHERE n.organization_id = $1 AND n.sequence > $2 AND n.sequence <= $3
                   AND $4 = ANY (u.counters || coalesce(n.later_counters, '{}'))) AS c) AS s
 WHERE spent >= $6 AND spent - delta < $6
 ORDER BY sequence DESC LIMIT 1
"""

ADMINS: Final = """
SELECT member_id, role, CASE WHEN role <> 'SUPER_ADMIN' THEN group_id END FROM members
 WHERE organization_id = $1 AND state = 'ACTIVE' AND role <> 'MEMBER' ORDER BY member_id
"""

KNOWN: Final = "SELECT event_id FROM alert_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])"
PUT_EVENT: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, epoch, ledger_sequence, hold_id, data, occur_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now())
ON CONFLICT ON CONSTRAINT alert_events_once DO NOTHING RETURNING true
"""
PUT_INBOX: Final = """
INSERT INTO inbox_entries (organization_id, member_id, event_id)
SELECT $1, m.member_id, $2 FROM members m
 WHERE m.organization_id = $1 AND m.member_id = ANY ($3::text[]) AND m.state = 'ACTIVE' AND m.user_id IS NOT NULL
ON CONFLICT DO NOTHING
"""
# Not of members who do not want this type of event by e-mail, unless it is always sent.
MAIL_CHANNELS: Final = f"""
SELECT mail_channels($1, ARRAY (
           SELECT m.member_id FROM unnest($2::text[]) AS m (member_id)
            WHERE $3 IN ({MAILED_ALWAYS_SQL})
               OR NOT EXISTS (SELECT FROM mail_preferences p WHERE p.organization_id = $1 AND p.member_id = m.member_id
                                                               AND (p.is_off OR $3 = ANY (p.event_types_off)))))
"""  # noqa: S608
# What members get in their inbox is sent there, too.
PERSONAL_CHANNELS: Final = """
SELECT c.channel_id FROM notification_channels c
  JOIN members m ON m.organization_id = c.organization_id AND m.member_id = c.member_id AND m.state = 'ACTIVE'
 WHERE c.organization_id = $1 AND c.member_id = ANY ($2::text[])
"""
GROUP_PATHS: Final = (
    "SELECT member_id, group_path FROM members WHERE organization_id = $1 AND member_id = ANY ($2::text[])"
)
