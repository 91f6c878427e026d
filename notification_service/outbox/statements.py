"""The statements about deliveries, and about the channels that they wait for."""

from typing import Final

DUE: Final = "SELECT organization_id, channel_id FROM channels_with_deliveries_due($1, $2)"
# The channel's row is locked so that of several processes one looks for its next deliveries. The conditions are on the updated row,
# because PostgreSQL checks them again if another process changed it meanwhile. What was refused in company goes alone.
LEASE: Final = """
WITH moment AS (SELECT coalesce($7::timestamptz, now()) AS now), channel AS MATERIALIZED (
    SELECT * FROM notification_channels
     WHERE organization_id = $1 AND channel_id = $2 AND state = 'ENABLED' AND next_attempt_time <= (SELECT now FROM moment)
       FOR NO KEY UPDATE SKIP LOCKED
), first AS MATERIALIZED (
    SELECT n.* FROM notification_deliveries n
     WHERE n.organization_id = $1 AND n.channel_id = $2 AND n.state = 'PENDING'
     ORDER BY n.create_time, n.delivery_id
     LIMIT coalesce((SELECT CASE WHEN kind = ANY ($6::text[]) THEN $5::integer ELSE 1 END FROM channel), 0)
), placed AS (
    SELECT delivery_id, next_attempt_time, attempt_count, lease_end_time, claim, row_number() OVER line AS place,
           bool_or(is_alone) OVER line AS has_met_one_alone
      FROM first WINDOW line AS (ORDER BY create_time, delivery_id)
), wanted AS MATERIALIZED (
    SELECT w.* FROM placed w, placed head, moment
     WHERE (w.place = 1 OR NOT w.has_met_one_alone) AND head.place = 1 AND head.next_attempt_time <= moment.now
), leased AS (
    UPDATE notification_deliveries d
       SET claim = $3, lease_end_time = moment.now + make_interval(secs => $4), attempt_count = d.attempt_count + 1
      FROM wanted w, moment
     WHERE d.organization_id = $1 AND d.delivery_id = w.delivery_id
       AND d.state = 'PENDING' AND coalesce(d.lease_end_time, '-infinity') <= moment.now
       AND (w.place <> 1 OR d.next_attempt_time <= moment.now)
    RETURNING d.delivery_id, d.attempt_count, d.former_attempt_count, d.event_id, d.create_time,
              coalesce(d.schedule_start_time, d.create_time) AS schedule_start_time, w.place
), lost AS (
    INSERT INTO delivery_attempts (organization_id, delivery_id, attempt_number, start_time, duration_ms, address, request,
                                   http_status, answer, outcome, error, message_id)
    SELECT $1, w.delivery_id, w.attempt_count, w.lease_end_time - make_interval(secs => $4), 0, '', '', NULL, '', 'UNKNOWN', $8,
           w.claim
      FROM wanted w JOIN leased l ON l.delivery_id = w.delivery_id AND l.attempt_count = w.attempt_count + 1
     WHERE w.lease_end_time IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT l.delivery_id, l.attempt_count, l.attempt_count - l.former_attempt_count AS schedule_attempt, l.schedule_start_time, l.place,
       c.kind, c.sealed_target, c.sealed_secret,
       CASE WHEN c.former_secret_end_time > (SELECT now FROM moment) THEN c.sealed_former_secret END AS sealed_former_secret,
       c.failing_since, c.mailed_member_id IS NOT NULL AS is_mailed,
       CASE WHEN c.mailed_member_id IS NOT NULL AND l.place = 1 THEN address_of_mailed_member($1, $2) END AS address,
       e.event_id, e.event_type, e.severity, e.rule_id, e.scope_kind, e.scope_id, e.occasion, e.data, e.occur_time, o.display_name
  FROM leased l CROSS JOIN channel c
  JOIN alert_events e ON e.organization_id = $1 AND e.event_id = l.event_id
  JOIN organizations o ON o.organization_id = $1
 ORDER BY l.place
"""
LOST: Final = "The process ended before it recorded what came of this attempt."
CANCEL: Final = """
UPDATE notification_deliveries SET state = 'CANCELED', next_attempt_time = NULL, end_time = now()
 WHERE organization_id = $1 AND channel_id = $2 AND state = 'PENDING'
   AND NOT EXISTS (SELECT FROM notification_channels WHERE organization_id = $1 AND channel_id = $2)
"""
RELEASE: Final = """
UPDATE notification_deliveries SET lease_end_time = NULL, claim = '', attempt_count = attempt_count - 1
 WHERE organization_id = $1 AND delivery_id = ANY ($2::text[]) AND claim = $3 AND state = 'PENDING'
"""
# Only the first delivery of a message has its texts.
ATTEMPT: Final = """
INSERT INTO delivery_attempts (organization_id, delivery_id, attempt_number, start_time, duration_ms, address, request, http_status,
                               answer, outcome, error, message_id)
SELECT $1, d.delivery_id, d.number, $4, $5, $6, CASE WHEN d.place = 1 THEN $7 ELSE '' END, $8,
       CASE WHEN d.place = 1 THEN $9 ELSE '' END, $10, $11, $12
  FROM unnest($2::text[], $3::integer[]) WITH ORDINALITY AS d (delivery_id, number, place)
ON CONFLICT DO NOTHING
"""
FINISH: Final = """
UPDATE notification_deliveries d
   SET state = next.state, next_attempt_time = moment.now + make_interval(secs => next.pause_s), lease_end_time = NULL, claim = '',
       end_time = CASE WHEN next.state <> 'PENDING' THEN moment.now END, is_alone = d.is_alone OR $6
  FROM unnest($2::text[], $4::text[], $5::float8[]) AS next (delivery_id, state, pause_s),
       (SELECT coalesce($7::timestamptz, now()) AS now) AS moment
 WHERE d.organization_id = $1 AND d.delivery_id = next.delivery_id AND d.claim = $3 AND d.state = 'PENDING'
RETURNING true
"""
# A bucket of tokens, as the time at which it is full again. The last parameters are for one token, and for all.
CHANNEL: Final = """
WITH bucket AS (
    SELECT CASE WHEN $7 > 0 THEN greatest(bucket_time, $4) + make_interval(secs => $7) ELSE bucket_time END AS full_time
      FROM notification_channels WHERE organization_id = $1 AND channel_id = $2)
UPDATE notification_channels c
   SET failing_since = CASE WHEN $3 THEN coalesce(failing_since, $4) END,
       bucket_time = bucket.full_time,
       next_attempt_time = greatest(next_attempt_time, $4::timestamptz + make_interval(secs => $5),
                                    bucket.full_time - make_interval(secs => $8)),
       state = CASE WHEN $6 = '' THEN state ELSE 'DISABLED' END,
       disable_reason = CASE WHEN $6 = '' THEN disable_reason ELSE $6 END
  FROM bucket WHERE c.organization_id = $1 AND c.channel_id = $2
"""
