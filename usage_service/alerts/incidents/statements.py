"""The SQL of incidents. Parameter 1 is the organization."""

from typing import Final

_OF_SUBJECT: Final = "rule_id = $3 AND occasion = $4 AND scope_kind = $5 AND scope_id = $6"

CONCERNED: Final = """
SELECT c.channel_id FROM notification_channels c
 WHERE c.organization_id = $1 AND c.channel_id = ANY ($2::text[]) AND c.kind = 'PAGERDUTY'
 UNION
SELECT i.channel_id FROM open_incidents i
 WHERE $3 AND i.organization_id = $1 AND i.rule_id = $4 AND i.occasion = $5 AND i.scope_kind = $6 AND i.scope_id = $7
"""
# Later alerts of a subject belong to the incident that the first one opened.
OPEN: Final = """
INSERT INTO open_incidents (organization_id, channel_id, rule_id, occasion, scope_kind, scope_id, event_id, event_type)
SELECT $1, c.channel_id, $3, $4, $5, $6, $7, $8 FROM notification_channels c
 WHERE c.organization_id = $1 AND c.channel_id = ANY ($2::text[])
ON CONFLICT DO NOTHING
"""
END: Final = (
    f"DELETE FROM open_incidents WHERE organization_id = $1 AND channel_id = ANY ($2::text[]) AND {_OF_SUBJECT}"  # noqa: S608
)
# Those of some occasions, or all of them without any. Refusals count under the limit under which they were reported, in a present
# period.
INCIDENTS: Final = """
SELECT i.channel_id, i.rule_id, i.scope_kind, i.scope_id, i.occasion, i.event_id, i.event_type,
       ARRAY (SELECT s.threshold FROM alert_states s
               WHERE s.organization_id = $1 AND s.occasion = i.occasion AND s.rule_id = i.rule_id AND s.is_reached) AS reached,
       i.event_type LIKE 'budget.%'
           AND EXISTS (SELECT FROM present_counters($1, i.scope_kind, i.scope_id) AS c (counter) WHERE c.counter = i.occasion)
           AND EXISTS (SELECT FROM alert_events e
                        WHERE e.organization_id = $1 AND e.rule_id = i.rule_id AND e.scope_kind = i.scope_kind
                          AND e.scope_id = i.scope_id AND e.occasion = i.occasion
                          AND e.threshold = 'exhausted ' || limit_of_counter($1, i.occasion)) AS is_exhausted
  FROM open_incidents i
 WHERE i.organization_id = $1 AND ($2::text[] IS NULL OR i.occasion = ANY ($2::text[]))
 ORDER BY i.rule_id, i.occasion, i.scope_kind, i.scope_id, i.create_time, i.channel_id
"""
PUT_CLOSED: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
VALUES ($1, $2, $3, 'INFO', $4, $5, $6, $7, $8, $9, $10, now())
ON CONFLICT ON CONSTRAINT alert_events_once DO NOTHING
"""
DROP_HELD: Final = """
UPDATE held_alerts h SET release_time = now() FROM alert_events e
 WHERE h.organization_id = $1 AND h.channel_id = ANY ($2::text[]) AND h.release_time IS NULL
   AND e.organization_id = $1 AND e.event_id = h.event_id
   AND e.rule_id = $3 AND e.occasion = $4 AND e.scope_kind = $5 AND e.scope_id = $6
"""
