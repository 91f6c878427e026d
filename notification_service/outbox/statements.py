"""The statements about deliveries, and about the channels that they wait for."""

from typing import Final

DUE: Final = "SELECT organization_id, channel_id FROM channels_with_deliveries_due($1, $2)"
# The rows of the channels are locked so that of several processes one looks for the next deliveries of each. The conditions are on
# the updated rows, because PostgreSQL checks them again if another process changed one meanwhile. What was refused in company goes
# alone.
LEASE: Final = """
WITH moment AS (SELECT coalesce($7::timestamptz, now()) AS now), channel AS MATERIALIZED (
    SELECT c.*, w.new_claim
      FROM unnest($1::text[], $2::text[], $3::text[]) AS w (organization_id, channel_id, new_claim)
      JOIN notification_channels c ON c.organization_id = w.organization_id AND c.channel_id = w.channel_id
     WHERE c.state = 'ENABLED' AND c.next_attempt_time <= (SELECT now FROM moment)
       FOR NO KEY UPDATE OF c SKIP LOCKED
), first AS MATERIALIZED (
    SELECT n.*, c.new_claim FROM channel c CROSS JOIN LATERAL (
        SELECT d.organization_id, d.channel_id, d.delivery_id, d.create_time, d.next_attempt_time, d.attempt_count,
               d.lease_end_time, d.claim, d.is_alone
          FROM notification_deliveries d
         WHERE d.organization_id = c.organization_id AND d.channel_id = c.channel_id AND d.state = 'PENDING'
         ORDER BY d.create_time, d.delivery_id
         LIMIT CASE WHEN c.kind = ANY ($6::text[]) THEN $5::integer ELSE 1 END) AS n
), placed AS (
    SELECT first.*, row_number() OVER line AS place, bool_or(is_alone) OVER line AS has_met_one_alone
      FROM first WINDOW line AS (PARTITION BY organization_id, channel_id ORDER BY create_time, delivery_id)
), wanted AS MATERIALIZED (
    SELECT w.* FROM placed w
      JOIN placed head ON head.organization_id = w.organization_id AND head.channel_id = w.channel_id AND head.place = 1, moment
     WHERE (w.place = 1 OR NOT w.has_met_one_alone) AND head.next_attempt_time <= moment.now
), leased AS (
    UPDATE notification_deliveries d
       SET claim = w.new_claim, lease_end_time = moment.now + make_interval(secs => $4), attempt_count = d.attempt_count + 1
      FROM wanted w, moment
     WHERE d.organization_id = w.organization_id AND d.delivery_id = w.delivery_id
       AND d.state = 'PENDING' AND coalesce(d.lease_end_time, '-infinity') <= moment.now
       AND (w.place <> 1 OR d.next_attempt_time <= moment.now)
    RETURNING d.organization_id, d.channel_id, d.delivery_id, d.attempt_count, d.former_attempt_count, d.event_id,
              coalesce(d.schedule_start_time, d.create_time) AS schedule_start_time, w.place
), lost AS (
    INSERT INTO delivery_attempts (organization_id, delivery_id, attempt_number, start_time, duration_ms, address, request,
                                   http_status, answer, outcome, error, message_id)
    SELECT w.organization_id, w.delivery_id, w.attempt_count, w.lease_end_time - make_interval(secs => $4), 0, '', '', NULL, '',
           'UNKNOWN', $8, w.claim
      FROM wanted w
      JOIN leased l ON l.organization_id = w.organization_id AND l.delivery_id = w.delivery_id
                   AND l.attempt_count = w.attempt_count + 1
     WHERE w.lease_end_time IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT l.organization_id, l.channel_id, l.delivery_id, l.attempt_count,
       l.attempt_count - l.former_attempt_count AS schedule_attempt, l.schedule_start_time, l.place, c.kind,
       c.sealed_target, c.sealed_secret,
       CASE WHEN c.former_secret_end_time > (SELECT now FROM moment) THEN c.sealed_former_secret END AS sealed_former_secret,
       c.failing_since, c.mailed_member_id IS NOT NULL AS is_mailed, (SELECT now FROM moment) AS lease_time,
       CASE WHEN c.mailed_member_id IS NOT NULL AND l.place = 1 THEN address_of_mailed_member(c.organization_id, c.channel_id) END
           AS address,
       e.event_id, e.event_type, e.severity, e.rule_id, e.scope_kind, e.scope_id, e.occasion, e.data, e.occur_time, o.display_name
  FROM leased l
  JOIN channel c ON c.organization_id = l.organization_id AND c.channel_id = l.channel_id
  JOIN alert_events e ON e.organization_id = l.organization_id AND e.event_id = l.event_id
  JOIN organizations o ON o.organization_id = l.organization_id
 ORDER BY l.organization_id, l.channel_id, l.place
"""
LOST: Final = "The process ended before it recorded what came of this attempt."
CANCEL: Final = """
UPDATE notification_deliveries SET state = 'CANCELED', next_attempt_time = NULL, end_time = now()
 WHERE organization_id = $1 AND channel_id = $2 AND state = 'PENDING'
   AND NOT EXISTS (SELECT FROM notification_channels WHERE organization_id = $1 AND channel_id = $2)
"""
RELEASE: Final = """
UPDATE notification_deliveries d
   SET lease_end_time = NULL, claim = '', attempt_count = d.attempt_count - 1
  FROM unnest($1::text[], $2::text[], $3::text[]) AS r (organization_id, delivery_id, claim)
 WHERE d.organization_id = r.organization_id AND d.delivery_id = r.delivery_id AND d.claim = r.claim AND d.state = 'PENDING'
"""
# Attempts, by delivery.
ATTEMPT: Final = """
INSERT INTO delivery_attempts (organization_id, delivery_id, attempt_number, start_time, duration_ms, address, request, http_status,
                               answer, outcome, error, message_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::integer[], $6::text[], $7::text[], $8::integer[],
                     $9::text[], $10::text[], $11::text[], $12::text[])
ON CONFLICT DO NOTHING
"""
# What follows from attempts for deliveries whose lease still holds, and for their channels. A bucket of tokens is the time at which
# it is full again. The first parameters are by delivery, those from `$8` on by channel.
FINISH: Final = """
WITH moment AS (SELECT coalesce($7::timestamptz, now()) AS now), finished AS (
    UPDATE notification_deliveries d
       SET state = next.state, next_attempt_time = moment.now + make_interval(secs => next.pause_s), lease_end_time = NULL,
           claim = '', end_time = CASE WHEN next.state <> 'PENDING' THEN moment.now END, is_alone = d.is_alone OR next.goes_alone
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::boolean[])
        AS next (organization_id, delivery_id, claim, state, pause_s, goes_alone), moment
     WHERE d.organization_id = next.organization_id AND d.delivery_id = next.delivery_id AND d.claim = next.claim
       AND d.state = 'PENDING'
    RETURNING d.organization_id, d.channel_id
), held AS MATERIALIZED (SELECT DISTINCT organization_id, channel_id FROM finished), told AS (
    SELECT t.* FROM unnest($8::text[], $9::text[], $10::boolean[], $11::timestamptz[], $12::float8[], $13::text[], $14::float8[],
                           $15::float8[])
        AS t (organization_id, channel_id, has_failed, start_time, pause_s, disable_reason, token_interval_s, burst_s)
      JOIN held h ON h.organization_id = t.organization_id AND h.channel_id = t.channel_id
), channel AS (
    UPDATE notification_channels c
       SET failing_since = CASE WHEN t.has_failed THEN coalesce(c.failing_since, t.start_time) END,
           bucket_time = CASE WHEN t.token_interval_s > 0
                              THEN greatest(c.bucket_time, t.start_time) + make_interval(secs => t.token_interval_s)
                              ELSE c.bucket_time END,
           next_attempt_time = greatest(
               c.next_attempt_time,
               CASE WHEN t.pause_s > 0 THEN t.start_time + make_interval(secs => t.pause_s) END,
               CASE WHEN t.token_interval_s > 0
                    THEN greatest(c.bucket_time, t.start_time) + make_interval(secs => t.token_interval_s - t.burst_s) END),
           state = CASE WHEN t.disable_reason = '' THEN c.state ELSE 'DISABLED' END,
           disable_reason = CASE WHEN t.disable_reason = '' THEN c.disable_reason ELSE t.disable_reason END,
           disable_time = CASE WHEN t.disable_reason = '' THEN c.disable_time ELSE now() END
      FROM told t WHERE c.organization_id = t.organization_id AND c.channel_id = t.channel_id
)
SELECT organization_id, channel_id FROM held
"""
