"""The SQL of held alerts. Parameter 1 is the organization."""

from typing import Final

from usage_service.alerts.statements import MAILED_ALWAYS_SQL

# Those with something whose time has come, or whose rule was deleted or has just changed.
ORGANIZATIONS: Final = """
SELECT organization_id FROM held_alerts WHERE release_time IS NULL AND send_time <= now() AND organization_id > $1
 UNION
SELECT organization_id FROM held_alerts
 WHERE release_time IS NULL AND rule_id IS NULL AND frequency <> 'AT_ONCE' AND organization_id > $1
 UNION
SELECT r.organization_id FROM notification_rules r
 WHERE r.update_time > now() - interval '1 minute' AND r.organization_id > $1
   AND EXISTS (SELECT FROM held_alerts h
                WHERE h.organization_id = r.organization_id AND h.rule_id = r.rule_id AND h.release_time IS NULL)
 ORDER BY organization_id LIMIT $2
"""
HOLD: Final = """
INSERT INTO held_alerts (organization_id, channel_id, event_id, rule_id, frequency, quiet_hours, send_time)
SELECT $1, c.channel_id, $2, $4, $5, $6, $7 FROM notification_channels c
 WHERE c.organization_id = $1 AND c.channel_id = ANY ($3::text[])
ON CONFLICT DO NOTHING
"""
# A rule that is switched off or deleted collects nothing, and PagerDuty gets each alert by
# itself. If another process releases the same alerts, this waits and finds none.
DUE: Final = """
SELECT h.channel_id, h.event_id, e.rule_id, e.severity, h.frequency, h.quiet_hours, p.frequency AS present_frequency,
       p.quiet_hours AS present_quiet_hours
  FROM held_alerts h
  JOIN alert_events e ON e.organization_id = h.organization_id AND e.event_id = h.event_id
  LEFT JOIN notification_rules r ON r.organization_id = h.organization_id AND r.rule_id = h.rule_id
  LEFT JOIN notification_channels c ON c.organization_id = h.organization_id AND c.channel_id = h.channel_id
 CROSS JOIN LATERAL (SELECT CASE WHEN r.state = 'ENABLED' AND c.kind IS DISTINCT FROM 'PAGERDUTY' THEN r.frequency
                                 ELSE 'AT_ONCE' END AS frequency,
                            CASE WHEN r.rule_id IS NULL THEN h.quiet_hours ELSE r.quiet_hours END AS quiet_hours) AS p
 WHERE h.organization_id = $1 AND h.release_time IS NULL
   AND (h.send_time <= $2 OR h.frequency <> p.frequency OR h.quiet_hours IS DISTINCT FROM p.quiet_hours)
 ORDER BY e.rule_id, h.channel_id, e.occur_time, h.event_id LIMIT $3 FOR UPDATE OF h
"""
# What waits, and its member does not want by e-mail any more.
DROP_UNWANTED: Final = f"""
UPDATE held_alerts h SET release_time = now()
  FROM notification_channels c, mail_preferences p, alert_events e
 WHERE h.organization_id = $1 AND h.release_time IS NULL AND h.send_time <= $2
   AND c.organization_id = $1 AND c.channel_id = h.channel_id
   AND p.organization_id = $1 AND p.member_id = c.mailed_member_id
   AND e.organization_id = $1 AND e.event_id = h.event_id
   AND (p.is_off OR e.event_type = ANY (p.event_types_off)) AND e.event_type NOT IN ({MAILED_ALWAYS_SQL})
"""  # noqa: S608
POSTPONE: Final = """
UPDATE held_alerts SET send_time = $4, frequency = $5, quiet_hours = $6
 WHERE organization_id = $1 AND channel_id = $2 AND event_id = $3 AND release_time IS NULL
"""
RELEASE: Final = """
UPDATE held_alerts SET release_time = now(), released_event_id = coalesce($4, event_id)
 WHERE organization_id = $1 AND channel_id = $2 AND event_id = ANY ($3::text[]) AND release_time IS NULL
"""

ENTRIES: Final = """
SELECT event_id, event_type, severity, occur_time, data FROM alert_events
 WHERE organization_id = $1 AND event_id = ANY ($2::text[])
 ORDER BY array_position('{ALERT,WARNING,INFO}', severity), occur_time DESC, event_id LIMIT $3
"""
SUMS: Final = """
SELECT min(occur_time) AS start_time, max(occur_time) AS end_time,
       count(*) FILTER (WHERE severity = 'ALERT') AS alerts, count(*) FILTER (WHERE severity = 'WARNING') AS warnings
  FROM alert_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])
"""
# The organization, if the rule was deleted.
SCOPE: Final = """
SELECT coalesce(r.scope_kind, 'organization') AS scope_kind, coalesce(r.scope_id, $1) AS scope_id,
       coalesce(g.path, m.group_path, k.group_path, '{}') AS group_path,
       coalesce(g.display_name, n.display_name, k.display_name, o.display_name, '') AS display_name
  FROM organizations o
  LEFT JOIN notification_rules r ON r.organization_id = $1 AND r.rule_id = $2
  LEFT JOIN groups g ON r.scope_kind = 'group' AND g.organization_id = $1 AND g.group_id = r.scope_id
  LEFT JOIN members m ON r.scope_kind = 'member' AND m.organization_id = $1 AND m.member_id = r.scope_id
  LEFT JOIN usage_names n ON r.scope_kind = 'member' AND n.organization_id = $1 AND n.kind = 'member' AND n.id = r.scope_id
        AND n.valid_to IS NULL
  LEFT JOIN api_keys k ON r.scope_kind = 'api_key' AND k.organization_id = $1 AND k.api_key_id = r.scope_id
 WHERE o.organization_id = $1
"""
# Who spent the most in whole hours since `$4`: members, and of a member or key, the keys.
CONTRIBUTORS: Final = """
SELECT s.kind, s.id, coalesce(n.display_name, '') AS display_name, s.spent
  FROM (SELECT kind, id, sum(charge)::bigint AS spent
          FROM (SELECT CASE WHEN $2 IN ('member', 'api_key') THEN 'api_key' ELSE 'member' END AS kind,
                       CASE WHEN $2 IN ('member', 'api_key') THEN h.api_key_id ELSE h.member_id END AS id,
                       h.charge_nano_credits AS charge
                  FROM usage_hours h
                  JOIN usage_rollups r ON r.organization_id = $1 AND r.state = 'CURRENT' AND r.generation = h.generation
                 WHERE h.organization_id = $1 AND h.hour_start >= $4
                   AND CASE $2 WHEN 'group' THEN $3 = ANY (h.group_path) WHEN 'member' THEN h.member_id = $3
                               WHEN 'api_key' THEN h.api_key_id = $3 ELSE true END) AS hours
         GROUP BY 1, 2 HAVING sum(charge) > 0 ORDER BY spent DESC, id LIMIT $5) AS s
  LEFT JOIN usage_names n ON n.organization_id = $1 AND n.kind = s.kind AND n.id = s.id AND n.valid_to IS NULL
 ORDER BY s.spent DESC, s.id
"""

PUT_DIGEST: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
VALUES ($1, $2, 'digest', $3, $4, $5, $6, $7, $2, '', $8, $9)
ON CONFLICT ON CONSTRAINT alert_events_once DO NOTHING
"""
# A channel sends in the order of `create_time`.
PUT_DELIVERIES: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id, create_time)
SELECT $1, d.delivery_id, d.channel_id, d.event_id, now() + make_interval(secs => d.place * 0.000001)
  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS d (delivery_id, channel_id, event_id, place)
 WHERE EXISTS (SELECT FROM notification_channels c WHERE c.organization_id = $1 AND c.channel_id = d.channel_id)
ON CONFLICT DO NOTHING
"""
