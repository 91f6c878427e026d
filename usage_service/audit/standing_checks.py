"""Checks of what lists are ordered by: each standing is what its counters say, and each number of keys is their count."""

from typing import Final

from usage_service.audit.check import Check

_MEMBERS: Final = """
    SELECT organization_id, CASE WHEN user_id IS NULL THEN 'service_account' ELSE 'member' END AS kind, member_id AS id,
           'member' AS scope_kind, group_path, state = 'REMOVED' AS is_removed
      FROM members
"""

# Whoever has a record or correction after the position of the standings gets their figures with the next step. A figure of an
# earlier period counts as 0 and is not compared: later charges of that period do not change it.
STANDINGS_ARE_RECOMPUTED: Final = Check(
    "standings-are-recomputed",
    "INV-32",
    "every member, service account and API key has one standing, with its place, its cycle and the figures of its counters",
    ("standings", "scope_spend"),
    f"""
    WITH listed AS MATERIALIZED (
        {_MEMBERS}
        UNION ALL
        SELECT organization_id, 'api_key', api_key_id, 'api_key', group_path, state = 'DELETED' FROM api_keys
    ), unfollowed AS MATERIALIZED (
        SELECT DISTINCT l.organization_id, s.scope_kind, s.id
          FROM (SELECT organization_id, sequence, member_id, api_key_id FROM usage_records
                UNION ALL
                SELECT c.organization_id, c.sequence, u.member_id, u.api_key_id
                  FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id) l
          LEFT JOIN standing_positions p ON p.organization_id = l.organization_id,
               LATERAL (VALUES ('member', l.member_id), ('api_key', l.api_key_id)) AS s (scope_kind, id)
         WHERE l.sequence > coalesce(p.sequence, 0)
    ), starts AS MATERIALIZED (
        SELECT o.organization_id, c.cycle,
               CASE c.cycle WHEN 'NEVER' THEN 0 ELSE extract(epoch FROM cycle_start_at(c.cycle, o.time_zone, now()))::bigint END
                   AS start
          FROM organizations o, (VALUES ('NEVER'), ('DAILY'), ('WEEKLY'), ('MONTHLY')) AS c (cycle)
    ), uses AS MATERIALIZED (
        SELECT organization_id, split_part(counter, ':', 2) AS id, max(last_use_time) AS last_use_time
          FROM scope_spend WHERE counter LIKE 'api\\_key:%' GROUP BY 1, 2
    ), present AS MATERIALIZED (
        SELECT l.*, coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS revision, u.last_use_time,
               EXISTS (SELECT FROM unfollowed f WHERE f.organization_id = l.organization_id AND f.scope_kind = l.scope_kind
                          AND f.id = l.id) AS is_behind
          FROM listed l
          LEFT JOIN guardrails r ON r.organization_id = l.organization_id AND r.scope_kind = l.scope_kind AND r.scope_id = l.id
          LEFT JOIN uses u ON u.organization_id = l.organization_id AND l.kind = 'api_key' AND u.id = l.id
    ), compared AS (
        SELECT coalesce(t.organization_id, l.organization_id) AS organization_id, coalesce(t.kind, l.kind) AS kind,
               coalesce(t.id, l.id) AS id, t.id IS NULL AS is_missing, l.id IS NULL AS is_extra,
               (t.group_path, t.is_removed, t.cycle, t.revision) IS DISTINCT FROM (l.group_path, l.is_removed, l.cycle, l.revision)
                   AS is_misplaced,
               t.period_start, t.spent_nano_credits, t.call_count, t.last_use_time, l.last_use_time AS last_use,
               l.is_behind, s.start, greatest(t.period_start, s.start) AS compared_start, l.scope_kind, l.cycle, l.revision
          FROM standings t
          FULL JOIN present l ON l.organization_id = t.organization_id AND l.kind = t.kind AND l.id = t.id
          LEFT JOIN starts s ON s.organization_id = l.organization_id AND s.cycle = l.cycle
    )
    SELECT c.organization_id, 'standing ' || c.kind || ' ' || c.id, fault
      FROM compared c
      LEFT JOIN scope_spend s ON s.organization_id = c.organization_id
                             AND s.counter = concat_ws(':', c.scope_kind, c.id, c.cycle, c.compared_start, c.revision)
     CROSS JOIN LATERAL (SELECT CASE
               WHEN c.is_missing THEN 'is missing'
               WHEN c.is_extra THEN 'is of none'
               WHEN c.is_misplaced THEN 'has another place, state or cycle'
               WHEN c.is_behind THEN NULL
               WHEN s.counter IS NULL AND c.period_start > c.start THEN 'is of a period that has not begun'
               WHEN s.counter IS NULL AND c.period_start < c.start THEN NULL
               WHEN (c.period_start, c.spent_nano_credits, c.call_count)
                    <> (c.compared_start, coalesce(s.settled_nano_credits, 0), coalesce(s.call_count, 0))
               THEN format('says %s in %s calls since %s, its counter %s in %s since %s', c.spent_nano_credits, c.call_count,
                           c.period_start, coalesce(s.settled_nano_credits, 0), coalesce(s.call_count, 0), c.compared_start)
               WHEN c.kind = 'api_key' AND c.last_use_time <> coalesce(c.last_use, 'epoch')
               THEN format('says that the last use was at %s, its counters %s', c.last_use_time, coalesce(c.last_use, 'epoch'))
           END AS fault) AS found
     WHERE fault IS NOT NULL
    """,  # noqa: S608 - our own names
)

KEY_COUNTS_ARE_RECOMPUTED: Final = Check(
    "key-counts-are-recomputed",
    "INV-32",
    "every member and service account has one number of keys, with its place, and it is the count of the keys not deleted",
    ("key_counts",),
    f"""
    SELECT coalesce(c.organization_id, m.organization_id), 'key count ' || coalesce(c.kind || ' ' || c.id, m.kind || ' ' || m.id),
           CASE WHEN c.id IS NULL THEN 'is missing'
                WHEN m.id IS NULL THEN 'is of none'
                WHEN (c.group_path, c.is_removed) IS DISTINCT FROM (m.group_path, m.is_removed) THEN 'has another place or state'
                ELSE format('says %s keys instead of %s', c.key_count, m.key_count) END
      FROM key_counts c
      FULL JOIN (SELECT l.*, coalesce(k.key_count, 0) AS key_count
                   FROM ({_MEMBERS}) AS l
                   LEFT JOIN (SELECT organization_id, member_id, count(*) AS key_count FROM api_keys WHERE state <> 'DELETED'
                               GROUP BY 1, 2) AS k ON k.organization_id = l.organization_id AND k.member_id = l.id) AS m
        ON m.organization_id = c.organization_id AND m.kind = c.kind AND m.id = c.id
     WHERE (c.group_path, c.is_removed, c.key_count) IS DISTINCT FROM (m.group_path, m.is_removed, m.key_count)
    """,  # noqa: S608 - our own names
)

STANDING_CHECKS: Final = (STANDINGS_ARE_RECOMPUTED, KEY_COUNTS_ARE_RECOMPUTED)
