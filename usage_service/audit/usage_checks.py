"""Checks of what calls consumed: holds, records, charges, corrections, spend, and what budgets carried over."""

from typing import Final

from usage_service.audit.check import Check

HOLDS_RESOLVED_ONCE: Final = Check(
    "holds-resolved-once",
    "INV-04 INV-06",
    "every resolved hold has one record, every record its hold, and both say the same outcome",
    ("holds", "usage_records"),
    """
    SELECT coalesce(h.organization_id, u.organization_id), 'hold ' || coalesce(h.hold_id, u.hold_id),
           CASE WHEN h.hold_id IS NULL THEN 'has a record and is not in the holds table'
                WHEN u.hold_id IS NULL THEN format('is %s and has no record', h.state)
                ELSE format('is %s, its record says %s', h.state, u.outcome) END
      FROM holds h FULL JOIN usage_records u ON u.hold_id = h.hold_id
     WHERE coalesce(u.outcome, 'HELD') IS DISTINCT FROM h.state
    UNION ALL
    SELECT min(organization_id), 'hold ' || hold_id, count(*) || ' records' FROM usage_records GROUP BY hold_id HAVING count(*) > 1
    """,
)

RECORDS_MATCH_HOLDS: Final = Check(
    "records-match-holds",
    "INV-06 INV-12",
    "a record names the organization, member, key, amount and counters of its hold",
    ("usage_records", "holds"),
    """
    SELECT u.organization_id, 'hold ' || u.hold_id, 'differs from its record: ' || concat_ws(', ',
               CASE WHEN u.organization_id <> h.organization_id THEN 'organization ' || h.organization_id END,
               CASE WHEN u.member_id <> h.member_id THEN 'member' END,
               CASE WHEN u.api_key_id <> h.api_key_id THEN 'API key' END,
               CASE WHEN u.hold_nano_credits <> h.amount_nano_credits THEN 'amount' END,
               CASE WHEN u.counters <> h.counters THEN 'counters' END,
               CASE WHEN u.place_time <> h.place_time THEN 'time of placing' END)
      FROM usage_records u JOIN holds h ON h.hold_id = u.hold_id
     WHERE (u.organization_id, u.member_id, u.api_key_id, u.hold_nano_credits, u.counters, u.place_time)
           IS DISTINCT FROM (h.organization_id, h.member_id, h.api_key_id, h.amount_nano_credits, h.counters, h.place_time)
    """,
)

CHARGES_ARE_SUMS: Final = Check(
    "charges-are-sums",
    "INV-06 INV-10 INV-11",
    "a charge is the sum of its lines, and each line its tokens or uses times their price, rounded half up once",
    ("usage_records", "usage_corrections"),
    """
    SELECT r.organization_id, r.what || ' ' || r.hold_id,
           CASE WHEN l.total IS DISTINCT FROM r.charge_nano_credits
                THEN format('charges %s, its lines sum to %s', r.charge_nano_credits, l.total)
                ELSE 'a line is not its count times its price' END
      FROM (SELECT 'record' AS what, organization_id, hold_id, charge_nano_credits, charge_lines FROM usage_records
            UNION ALL
            SELECT 'correction', organization_id, hold_id, charge_nano_credits, charge_lines FROM usage_corrections) r,
           LATERAL (
               SELECT coalesce(sum((line ->> 3)::numeric), 0) AS total,
                      -- Two kinds of lines have no price: one lowers an estimate to its hold, one charges a whole hold. A fee is
                      -- priced per use, and everything else per million tokens.
                      coalesce(bool_and(CASE
                          WHEN line ->> 0 IN ('hold_ceiling', 'expired_hold') THEN true
                          WHEN starts_with(line ->> 0, 'fee:')
                          THEN (line ->> 3)::numeric = (line ->> 1)::numeric * (line ->> 2)::numeric
                          ELSE (line ->> 3)::numeric = div((line ->> 1)::numeric * (line ->> 2)::numeric + 500000, 1000000)
                      END), true) AS priced
                 FROM jsonb_array_elements(r.charge_lines) line) l
     WHERE l.total IS DISTINCT FROM r.charge_nano_credits OR NOT l.priced
    """,
)

COUNTS_ARE_CHARGED: Final = Check(
    "counts-are-charged",
    "INV-06 INV-11",
    "the lines charge exactly the tokens that the provider counted, and no use that it did not",
    ("usage_records", "usage_corrections"),
    """
    SELECT r.organization_id, r.what || ' ' || r.hold_id,
           format('%s: counted %s, charged %s', compared.category, compared.counted, compared.charged)
      FROM (SELECT 'record' AS what, organization_id, hold_id, source, charge_lines, uses, input_tokens, cache_read_tokens,
                   cache_write_5m_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, cache_read_audio_tokens,
                   output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens FROM usage_records
            UNION ALL
            SELECT 'correction', organization_id, hold_id, source, charge_lines, uses, input_tokens, cache_read_tokens,
                   cache_write_5m_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, cache_read_audio_tokens,
                   output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens FROM usage_corrections) r,
           LATERAL (
               SELECT category, coalesce(counts.count, 0) AS counted, coalesce(lines.count, 0) AS charged,
                      starts_with(category, 'fee:') AS is_fee
                 FROM (VALUES ('input', r.input_tokens), ('cache_read', r.cache_read_tokens),
                              ('cache_write_5m', r.cache_write_5m_tokens), ('cache_write_1h', r.cache_write_1h_tokens),
                              ('input_audio', r.input_audio_tokens), ('input_image', r.input_image_tokens),
                              ('cache_read_audio', r.cache_read_audio_tokens), ('output', r.output_tokens),
                              ('output_reasoning', r.reasoning_tokens), ('output_audio', r.output_audio_tokens),
                              ('output_image', r.output_image_tokens)
                       UNION ALL SELECT 'fee:' || key, value::bigint FROM jsonb_each_text(r.uses)) counts (category, count)
                 FULL JOIN (SELECT line ->> 0, sum((line ->> 1)::numeric) FROM jsonb_array_elements(r.charge_lines) line GROUP BY 1)
                   lines (category, count) USING (category)) compared
     WHERE r.source = 'provider'
       -- A use without a price has no line, and some fees are paid once per call.
       AND CASE WHEN compared.is_fee THEN compared.charged > compared.counted ELSE compared.charged <> compared.counted END
    """,
)

CHARGES_ARE_POSTED: Final = Check(
    "charges-are-posted",
    "INV-06",
    "each charge is one USAGE transfer of that amount under the record's number; no charge, no transfer",
    ("usage_records", "ledger_transfers"),
    """
    SELECT coalesce(u.organization_id, t.organization_id), coalesce('hold ' || u.hold_id, 'transfer ' || t.sequence),
           CASE WHEN u.hold_id IS NULL THEN format('USAGE of %s belongs to no record', t.amount_nano_credits)
                ELSE format('charges %s, posted were %s', u.charge_nano_credits, coalesce(t.amount_nano_credits, 0)) END
      FROM usage_records u
      FULL JOIN (SELECT organization_id, sequence, hold_id, amount_nano_credits FROM ledger_transfers WHERE kind = 'USAGE') t
        ON t.organization_id = u.organization_id AND t.sequence = u.sequence AND t.hold_id = u.hold_id
     WHERE u.hold_id IS NULL OR u.charge_nano_credits <> coalesce(t.amount_nano_credits, 0)
    """,
)

CORRECTIONS_CONSISTENT: Final = Check(
    "corrections-consistent",
    "INV-06",
    "a correction follows an expiry, states the difference, and its one CORRECTION transfer moves it",
    ("usage_corrections", "ledger_transfers"),
    """
    SELECT coalesce(c.organization_id, t.organization_id), coalesce('correction ' || c.hold_id, 'transfer ' || t.sequence),
           CASE WHEN c.hold_id IS NULL THEN 'CORRECTION belongs to no correction of usage'
                WHEN u.hold_id IS NULL THEN 'corrects no record of its organization'
                WHEN u.outcome <> 'EXPIRED' THEN 'corrects a call that was ' || u.outcome
                WHEN c.sequence <= u.sequence THEN format('number %s is not after its record, %s', c.sequence, u.sequence)
                WHEN c.delta_nano_credits <> c.charge_nano_credits - u.charge_nano_credits
                THEN format('states %s, the difference is %s', c.delta_nano_credits, c.charge_nano_credits - u.charge_nano_credits)
                ELSE format('states %s, posted were %s', c.delta_nano_credits, coalesce(t.delta, 0)) END
      FROM usage_corrections c
      LEFT JOIN usage_records u ON u.hold_id = c.hold_id AND u.organization_id = c.organization_id
      FULL JOIN (SELECT organization_id, sequence, hold_id, corrects_sequence,
                        CASE credit_account WHEN 'USAGE' THEN amount_nano_credits ELSE -amount_nano_credits END AS delta
                   FROM ledger_transfers WHERE kind = 'CORRECTION') t
        ON t.organization_id = c.organization_id AND t.sequence = c.sequence AND t.hold_id = c.hold_id
     WHERE c.hold_id IS NULL OR u.hold_id IS NULL OR u.outcome <> 'EXPIRED' OR c.sequence <= u.sequence
        OR c.delta_nano_credits <> c.charge_nano_credits - u.charge_nano_credits
        OR c.delta_nano_credits <> coalesce(t.delta, 0)
        OR (t.sequence IS NOT NULL
            AND t.corrects_sequence IS DISTINCT FROM CASE WHEN u.charge_nano_credits > 0 THEN u.sequence END)
    """,
)

UNCONFIRMED_FLAGGED: Final = Check(
    "unconfirmed-flagged",
    "INV-06",
    "a record is flagged `unconfirmed` and `estimated` exactly when its hold expired without a report",
    ("usage_records",),
    """
    SELECT organization_id, 'hold ' || hold_id, format('%s, source %s, detail %s', outcome, source, detail)
      FROM usage_records
     WHERE (outcome = 'EXPIRED') <> (detail = 'unconfirmed') OR (outcome = 'EXPIRED' AND source <> 'estimated')
    """,
)

ESTIMATES_WITHIN_HOLDS: Final = Check(
    "estimates-within-holds",
    "INV-05",
    "an expired hold costs at most itself, a voided or failed call nothing",
    ("usage_records", "usage_corrections"),
    """
    SELECT r.organization_id, 'hold ' || r.hold_id,
           format('%s by source %s charges %s, held were %s', r.outcome, r.source, r.charge, r.held)
      FROM (SELECT organization_id, hold_id, outcome, source, charge_nano_credits AS charge, hold_nano_credits AS held
              FROM usage_records
            UNION ALL
            SELECT c.organization_id, c.hold_id, c.outcome, c.source, c.charge_nano_credits, u.hold_nano_credits
              FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id) r
     WHERE (r.outcome = 'EXPIRED' AND r.charge > r.held) OR ((r.source = 'none' OR r.outcome = 'VOIDED') AND r.charge <> 0)
    """,
)

STRICT_HOLDS_SUFFICE: Final = Check(
    "strict-holds-suffice",
    "INV-05",
    "in the mode STRICT a call costs at most its hold, or its report has a finding",
    ("usage_records", "usage_corrections"),
    # Only calls since the organization was last changed, because until then it may have had the other mode. Services know a change
    # after a second.
    """
    SELECT u.organization_id, 'hold ' || u.hold_id,
           format('charges %s, held were %s', u.charge_nano_credits + coalesce(c.delta_nano_credits, 0), u.hold_nano_credits)
      FROM organizations o
      JOIN usage_records u ON u.organization_id = o.organization_id AND u.place_time > o.update_time + interval '5 seconds'
      LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
     WHERE o.budget_mode = 'STRICT' AND u.charge_nano_credits + coalesce(c.delta_nano_credits, 0) > u.hold_nano_credits
       AND NOT EXISTS (SELECT FROM usage_findings f WHERE f.hold_id = u.hold_id)
    """,
)


SPEND_IS_RECOMPUTED: Final = Check(
    "spend-is-recomputed",
    "INV-03 INV-05",
    "a counter's spend is what its records and corrections say, and what it carried over when its cycle changed",
    ("scope_spend", "usage_records"),
    """
    WITH facts AS MATERIALIZED (
        SELECT u.organization_id, u.sequence, u.place_time, u.counters, u.group_path, u.member_id, u.api_key_id, u.outcome,
               u.charge_nano_credits AS charge, c.sequence AS corrected, c.outcome AS corrected_outcome,
               coalesce(c.delta_nano_credits, 0) AS delta, u.later_counters, c.later_counters AS corrected_later_counters
          FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
    ), own AS (
        SELECT organization_id, counter, sum(amount) AS settled, sum(calls) AS calls
          FROM (SELECT organization_id, charge AS amount, (outcome <> 'VOIDED')::int AS calls,
                       counters || coalesce(later_counters, '{}') AS counters
                  FROM facts
                UNION ALL
                SELECT organization_id, delta, (corrected_outcome <> 'VOIDED')::int - (outcome <> 'VOIDED')::int,
                       counters || coalesce(corrected_later_counters, '{}')
                  FROM facts WHERE corrected IS NOT NULL) charged, unnest(counters) AS counter
         GROUP BY organization_id, counter
    ), carriers AS MATERIALIZED (
        SELECT organization_id, counter, carried_sequence, split_part(counter, ':', 1) AS kind, split_part(counter, ':', 2) AS id,
               greatest(to_timestamp(split_part(counter, ':', 4)::bigint), carried_since) AS start
          FROM scope_spend WHERE carried_sequence > 0
    ), scoped AS (
        SELECT f.*, s.kind, s.id
          FROM facts f,
               LATERAL (VALUES ('organization', f.organization_id), ('member', f.member_id), ('api_key', f.api_key_id))
                   AS s (kind, id)
         WHERE EXISTS (SELECT FROM carriers)
        UNION ALL
        SELECT f.*, 'group', g FROM facts f, unnest(f.group_path) AS g WHERE EXISTS (SELECT FROM carriers)
    ), carried AS (
        SELECT k.organization_id, k.counter,
               sum(f.charge + CASE WHEN f.corrected <= k.carried_sequence THEN f.delta ELSE 0 END) AS settled,
               count(*) FILTER (WHERE CASE WHEN f.corrected <= k.carried_sequence THEN f.corrected_outcome ELSE f.outcome END
                                      <> 'VOIDED') AS calls
          FROM carriers k
          JOIN scoped f ON f.organization_id = k.organization_id AND f.kind = k.kind AND f.id = k.id
         WHERE f.sequence <= k.carried_sequence AND f.place_time >= k.start
         GROUP BY k.organization_id, k.counter
    )
    SELECT coalesce(s.organization_id, o.organization_id), 'counter ' || coalesce(s.counter, o.counter),
           format('says %s in %s calls, of it carried over %s in %s; recomputed %s in %s and %s in %s',
                  coalesce(s.settled_nano_credits, 0), coalesce(s.call_count, 0), coalesce(s.carried_nano_credits, 0),
                  coalesce(s.carried_call_count, 0), coalesce(o.settled, 0) + coalesce(c.settled, 0),
                  coalesce(o.calls, 0) + coalesce(c.calls, 0), coalesce(c.settled, 0), coalesce(c.calls, 0))
      FROM scope_spend s
      FULL JOIN own o ON o.organization_id = s.organization_id AND o.counter = s.counter
      LEFT JOIN carried c ON c.organization_id = s.organization_id AND c.counter = s.counter
     WHERE coalesce(s.settled_nano_credits, 0) <> coalesce(o.settled, 0) + coalesce(c.settled, 0)
        OR coalesce(s.call_count, 0) <> coalesce(o.calls, 0) + coalesce(c.calls, 0)
        OR coalesce(s.carried_nano_credits, 0) <> coalesce(c.settled, 0)
        OR coalesce(s.carried_call_count, 0) <> coalesce(c.calls, 0)
    """,
)

HOLDS_IN_TIME: Final = Check(
    "holds-in-time",
    "INV-07",
    "no hold is open longer than its life and the grace for sweeping it",
    ("holds",),
    """
    SELECT organization_id, 'hold ' || hold_id, format('of %s is open and expired at %s', amount_nano_credits, expire_time)
      FROM holds WHERE state = 'HELD' AND expire_time < now() - current_setting('megarouter.audit_grace')::interval
    """,
)

PRICES_ON_RECORD: Final = Check(
    "prices-on-record",
    "INV-11",
    "the price version a record names is in the catalog's history",
    ("usage_records",),
    """
    SELECT u.organization_id, 'hold ' || u.hold_id,
           format('price version %s of %s does not exist', u.price_version, u.requested_model)
      FROM usage_records u
     WHERE NOT EXISTS (SELECT FROM price_versions p WHERE p.model_name = u.requested_model AND p.version = u.price_version)
    """,
)

CARRIES_ARE_RECOMPUTED: Final = Check(
    "carries-are-recomputed",
    "INV-05",
    "a period began with its budget and what the period before had left at that moment, capped",
    ("budget_carries",),
    """
    WITH chain AS MATERIALIZED (
        -- Each period with the latest one before it of the same revision. `idle` is how many are missing in between.
        SELECT c.*, p.counter AS last_counter, p.base_nano_credits AS last_base, p.cap_nano_credits AS last_cap,
               p.previous AS last_previous,
               round((c.period_start - p.period_start) / CASE split_part(c.counter, ':', 3) WHEN 'DAILY' THEN 86400.0
                     WHEN 'WEEKLY' THEN 604800.0 ELSE 2629746.0 END) - 1 AS idle
          FROM budget_carries c
          LEFT JOIN LATERAL (
                SELECT * FROM budget_carries b
                 WHERE b.organization_id = c.organization_id AND b.budget = c.budget AND b.lineage = c.lineage
                   AND b.revision = c.revision AND b.period_start < c.period_start ORDER BY b.period_start DESC LIMIT 1) p ON true
    ), wanted AS MATERIALIZED (
        SELECT organization_id, last_previous AS counter, opened_sequence FROM chain
         WHERE budget_nano_credits IS NOT NULL AND last_previous IS NOT NULL
        UNION
        SELECT organization_id, last_counter, opened_sequence FROM chain WHERE budget_nano_credits IS NOT NULL AND idle > 0
    ), counters AS MATERIALIZED (SELECT array_agg(DISTINCT counter) AS names FROM wanted
    ), charges AS MATERIALIZED (
        -- Every charge and correction by counter, and how long each call held what it held.
        SELECT e.organization_id, counter, e.sequence, e.amount, 0::bigint AS held
          FROM counters n,
               LATERAL (
                SELECT organization_id, sequence, charge_nano_credits AS amount,
                       counters || coalesce(later_counters, '{}') AS counters
                  FROM usage_records WHERE counters && n.names OR later_counters && n.names
                UNION ALL
                SELECT u.organization_id, c.sequence, c.delta_nano_credits, u.counters || coalesce(c.later_counters, '{}')
                  FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
                 WHERE u.counters && n.names OR c.later_counters && n.names) e,
               unnest(e.counters) AS counter
        UNION ALL
        SELECT h.organization_id, counter, coalesce(u.sequence, 9223372036854775807), 0, h.amount_nano_credits
          FROM counters n, holds h LEFT JOIN usage_records u ON u.hold_id = h.hold_id, unnest(h.counters) AS counter
         WHERE h.counters && n.names
    ), used AS MATERIALIZED (
        -- What a counter had spent at the sequence number, and at most held.
        SELECT w.organization_id, w.counter, w.opened_sequence,
               coalesce(s.carried_nano_credits, 0)
                   + coalesce(sum(c.amount) FILTER (WHERE c.sequence <= w.opened_sequence), 0) AS spent,
               coalesce(sum(c.held) FILTER (WHERE c.sequence > w.opened_sequence), 0) AS held
          FROM wanted w
          LEFT JOIN scope_spend s ON s.organization_id = w.organization_id AND s.counter = w.counter
          LEFT JOIN charges c ON c.organization_id = w.organization_id AND c.counter = w.counter
         GROUP BY w.organization_id, w.counter, w.opened_sequence, s.carried_nano_credits
    ), recomputed AS (
        SELECT k.*, CASE WHEN k.idle = 0 THEN before.low
                         ELSE least(k.cap_nano_credits, greatest(0, k.budget_nano_credits + before.low - l.spent - l.held)
                                                        + (k.idle - 1) * k.budget_nano_credits) END AS low,
               CASE WHEN k.idle = 0 THEN before.high
                    ELSE least(k.cap_nano_credits, greatest(0, k.budget_nano_credits + before.high - l.spent)
                                                   + (k.idle - 1) * k.budget_nano_credits) END AS high
          FROM chain k
          LEFT JOIN used p
            ON (p.organization_id, p.counter, p.opened_sequence) = (k.organization_id, k.last_previous, k.opened_sequence)
          LEFT JOIN used l
            ON (l.organization_id, l.counter, l.opened_sequence) = (k.organization_id, k.last_counter, k.opened_sequence),
               LATERAL (SELECT least(k.last_cap, greatest(0, k.last_base - coalesce(p.spent + p.held, 0))) AS low,
                               least(k.last_cap, greatest(0, k.last_base - coalesce(p.spent, 0))) AS high) before
         WHERE k.budget_nano_credits IS NOT NULL
    )
    SELECT organization_id, 'counter ' || counter,
           format('began with %s, of it %s of the periods before; recomputed %s', base_nano_credits,
                  base_nano_credits - budget_nano_credits,
                  CASE WHEN low = high THEN high::text ELSE format('%s to %s', low, high) END)
      FROM recomputed
     WHERE (base_nano_credits BETWEEN least(budget_nano_credits + low, 9223372036854775807)
                                  AND least(budget_nano_credits + high, 9223372036854775807)) IS NOT TRUE
    UNION ALL
    -- A period without one before it begins with nothing, or with at most what a change of the time zone kept.
    SELECT k.organization_id, 'counter ' || k.counter,
           format('began with %s; before it were at most %s', k.base_nano_credits, coalesce(kept.most, 0))
      FROM chain k,
           LATERAL (SELECT max(least(b.cap_nano_credits, b.base_nano_credits)) AS most FROM budget_carries b
                     WHERE b.organization_id = k.organization_id AND b.budget = k.budget AND b.lineage = k.lineage
                       AND b.revision < k.revision) kept
     WHERE k.last_counter IS NULL AND k.base_nano_credits > coalesce(kept.most, 0)
    """,
)

USAGE_CHECKS: Final = (
    HOLDS_RESOLVED_ONCE,
    RECORDS_MATCH_HOLDS,
    CHARGES_ARE_SUMS,
    COUNTS_ARE_CHARGED,
    CHARGES_ARE_POSTED,
    CORRECTIONS_CONSISTENT,
    UNCONFIRMED_FLAGGED,
    ESTIMATES_WITHIN_HOLDS,
    STRICT_HOLDS_SUFFICE,
    SPEND_IS_RECOMPUTED,
    HOLDS_IN_TIME,
    PRICES_ON_RECORD,
    CARRIES_ARE_RECOMPUTED,
)
