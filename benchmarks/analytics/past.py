"""A year of calls of one large organization, inserted in bulk: 10,000 people and 100 service accounts in a tree of four levels.

Every record is as settlement writes it, with counters and charge lines of the usual size. Holds and transfers are left out, because
analytics reads none of them. The same number of records gives the same calls.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

ORGANIZATION: Final = "acme"
TIME_ZONE: Final = "Europe/Berlin"
START: Final = dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC)
END: Final = dt.datetime(2026, 12, 31, 23, tzinfo=dt.UTC)
"""A year, in the time zone of the organization."""
MEMBERS: Final = 10_000
ACCOUNTS: Final = 100
LEAVES: Final = 240
"""Groups of the fourth level. Above them are 80, 20 and 5."""
MODELS: Final = 30
_ROWS_AT_ONCE: Final = 200_000
_TIMEOUT_S: Final = 3_600.0

# Leaf n is below n / 3, n / 12 and n / 48. A tenth of the people are directly in a group of the second level.
_PATH: Final = "ARRAY['g1-' || {n} / 48, 'g2-' || {n} / 12, 'g3-' || {n} / 3, 'g4-' || {n}]"
_GROUPS: Final = f"""
INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name)
SELECT '{ORGANIZATION}', path[level], path[level - 1], path[:level], 'Group ' || path[level]
  FROM (SELECT DISTINCT level, p.path[:level] AS path
          FROM generate_series(0, {LEAVES - 1}) n, LATERAL (SELECT {_PATH.format(n="n")} AS path) p, generate_series(1, 4) level) g
 ORDER BY level
"""  # noqa: S608 - our own names
_USERS: Final = f"""
INSERT INTO users (user_id, email, display_name)
SELECT 'user-' || n, 'person-' || n || '@example.org', 'Person ' || n FROM generate_series(0, {MEMBERS - 1}) n
"""  # noqa: S608
_MEMBERS: Final = f"""
INSERT INTO members (organization_id, member_id, user_id, display_name, group_id, role)
SELECT '{ORGANIZATION}', 'mem-' || n, 'user-' || n, NULL,
       CASE WHEN n % 10 = 0 THEN 'g2-' || n % {LEAVES} / 12 ELSE 'g4-' || n % {LEAVES} END, 'MEMBER'
  FROM generate_series(0, {MEMBERS - 1}) n
UNION ALL
SELECT '{ORGANIZATION}', 'sa-' || n, NULL, 'Program ' || n, 'g4-' || n * 7 % {LEAVES}, 'MEMBER'
  FROM generate_series(0, {ACCOUNTS - 1}) n
"""  # noqa: S608
_KEYS: Final = f"""
INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)
SELECT '{ORGANIZATION}', 'key-' || m.member_id || '-' || k, m.member_id, 'Key ' || k,
       sha256((m.member_id || '/' || k)::bytea), 'mr-Abcd…9f0c'
  FROM members m, generate_series(0, 1) k
"""  # noqa: S608

# How many calls each hour of the year has: offices by day, programs also by night and at weekends.
_HOURS: Final = f"""
CREATE TEMPORARY TABLE hours AS
SELECT hour_start, calls, (sum(calls) OVER (ORDER BY hour_start) - calls)::bigint AS earlier
  FROM (SELECT hour_start, (sum(weight) OVER (ORDER BY hour_start) / sum(weight) OVER () * $1::bigint)::bigint
                         - ((sum(weight) OVER (ORDER BY hour_start) - weight) / sum(weight) OVER () * $1::bigint)::bigint AS calls
          FROM (SELECT h AS hour_start,
                       0.25 + CASE WHEN extract(isodow FROM h AT TIME ZONE '{TIME_ZONE}') < 6
                                    AND extract(hour FROM h AT TIME ZONE '{TIME_ZONE}') BETWEEN 8 AND 18 THEN 3 ELSE 0 END AS weight
                  FROM generate_series($2::timestamptz, $3::timestamptz - interval '1 hour', '1 hour') h) weighted) counted
"""  # noqa: S608

# Few people make most of the calls, and each uses four models, one of them mostly.
_RECORDS: Final = f"""
INSERT INTO usage_records (
    hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id, endpoint, streamed,
    requested_model, answered_model, provider_id, provider_response_id, price_version, input_tokens, cache_read_tokens,
    cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, hold_nano_credits, charge_nano_credits,
    charge_lines, counters, http_status, response_flags, duration_ms, time_to_first_byte_ms, request_id, place_time, settle_time,
    tags)
SELECT 'hold-' || to_char(extract(epoch FROM place_time)::bigint, 'FM000000000000') || to_char(sequence, 'FM00000000000000'),
       '{ORGANIZATION}', sequence, outcome, CASE outcome WHEN 'SETTLED' THEN 'provider' ELSE 'none' END,
       CASE outcome WHEN 'SETTLED' THEN 'completed' ELSE 'provider_error' END, path, member, key,
       CASE WHEN model % 5 = 0 THEN 'messages' WHEN model % 7 = 0 THEN 'embeddings' ELSE 'chat_completions' END, n % 2 = 0,
       'model-' || model, CASE outcome WHEN 'SETTLED' THEN 'model-' || model END, 'provider-' || model % 6,
       'resp-' || md5(n::text), 1,
       input, 0, 0, 0, output, 0, 3000000, charge,
       CASE WHEN charge > 0 THEN jsonb_build_array(jsonb_build_array('input', input, 300000000, input * 300),
                                                   jsonb_build_array('output', output, 600000000, output * 600)) ELSE '[]' END,
       ARRAY['api_key:' || key || ':NEVER:0:0', 'member:' || member || ':NEVER:0:0', 'group:' || path[1] || ':NEVER:0:0',
             'group:' || path[2] || ':NEVER:0:0', 'group:' || coalesce(path[3], path[2]) || ':NEVER:0:0',
             'group:' || path[cardinality(path)] || ':NEVER:0:0', 'organization:{ORGANIZATION}:MONTHLY:1764547200:0'],
       CASE outcome WHEN 'SETTLED' THEN 200 ELSE 503 END, '-', duration, duration / 3, md5(sequence::text)::uuid::text, place_time,
       place_time + duration * interval '1 ms',
       CASE WHEN tagging < $3
            THEN jsonb_build_object('project', 'project-' || person % 40, 'env', (ARRAY['prod', 'test', 'dev'])[1 + n % 3]) END
  FROM (SELECT *, CASE WHEN outcome = 'SETTLED' THEN input * 300 + output * 600 ELSE 0 END AS charge
          FROM (SELECT *, 'key-' || member || '-' || CASE WHEN luck < 0.2 THEN 1 ELSE 0 END AS key,
                       CASE WHEN is_program THEN {_PATH.format(n=f"(person * 7 % {LEAVES})")}
                            WHEN person % 10 = 0 THEN ({_PATH.format(n=f"(person % {LEAVES})")})[:2]
                            ELSE {_PATH.format(n=f"(person % {LEAVES})")} END AS path,
                       CASE WHEN fate < 0.97 THEN 'SETTLED' WHEN fate < 0.999 THEN 'VOIDED' ELSE 'EXPIRED' END AS outcome,
                       (person * 7 + floor(power(model_luck, 3) * 4)::int) % {MODELS} AS model,
                       100 + (3000 * input_luck)::int AS input, 20 + (800 * luck)::int AS output,
                       200 + (exp(duration_luck * 6) * 30)::int AS duration
                  FROM (SELECT *, CASE WHEN is_program THEN 'sa-' ELSE 'mem-' END || person AS member
                          FROM (SELECT *, CASE WHEN is_program THEN floor(power(who, 2) * {ACCOUNTS})
                                               ELSE floor(power(who, 3) * {MEMBERS}) END::int AS person
                                  FROM (SELECT (earlier + j)::bigint AS sequence, j AS n,
                                               hour_start + (j - 1) * interval '1 hour' / calls AS place_time,
                                               random() < 0.25 AS is_program, random() AS who, random() AS luck, random() AS fate,
                                               random() AS model_luck, random() AS input_luck, random() AS duration_luck,
                                                 random() AS tagging
                                          FROM hours, generate_series(1, calls) j
                                         WHERE hour_start >= $1 AND hour_start < $2
                                         ORDER BY sequence) drawn) chosen) called) known) charged
"""  # noqa: S608

_PLAIN_INDEXES: Final = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
  FROM pg_index WHERE indrelid = 'usage_records'::regclass AND NOT indisunique
"""

# A call in a thousand expired, and every tenth of them was reported later.
_CORRECTIONS: Final = """
INSERT INTO usage_corrections (
    hold_id, organization_id, sequence, outcome, source, detail, input_tokens, cache_read_tokens, cache_write_5m_tokens,
    cache_write_1h_tokens, output_tokens, reasoning_tokens, charge_nano_credits, charge_lines, delta_nano_credits, http_status,
    response_flags, duration_ms, time_to_first_byte_ms, request_id, place_time)
SELECT hold_id, organization_id, $1 + row_number() OVER (ORDER BY sequence), 'SETTLED', 'provider', 'completed', input_tokens,
       0, 0, 0, output_tokens, 0, 300 * input_tokens + 600 * output_tokens, '[]', 300 * input_tokens + 600 * output_tokens,
       200, '-', 900, 300, request_id, place_time
  FROM usage_records WHERE outcome = 'EXPIRED' AND sequence % 10 = 0
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to insert."""

    records: int
    tagged: float
    """The share of calls with tags, from 0 to 1."""


async def insert_past(owner: asyncpg.Connection, plan: Plan, tell: Callable[[int], None]) -> int:
    """Inserts the organization and its year. Returns the number of the last event of its ledger.

    Args:
        owner: a connection of the database's superuser, who can disable triggers.
        plan: how much.
        tell: receives how many records there are.
    """
    await owner.execute(
        "INSERT INTO organizations (organization_id, display_name, time_zone) VALUES ($1, 'Acme', $2)",
        ORGANIZATION,
        TIME_ZONE,
    )
    for statement in (_GROUPS, _USERS, _MEMBERS, _KEYS):
        await owner.execute(statement, timeout=_TIMEOUT_S)
    # One session draws all numbers, without parallel workers, so they are the same each time.
    await owner.execute(
        "SET max_parallel_workers_per_gather = 0; SET jit = off; SET synchronous_commit = off; SET maintenance_work_mem = '1GB';"
        " SELECT setseed(0.42)"
    )
    await owner.execute(_HOURS, plan.records, START, END, timeout=_TIMEOUT_S)
    # An index that is built afterwards takes a fraction of the time.
    indexes = await owner.fetch(_PLAIN_INDEXES)
    for index in indexes:
        await owner.execute(f"DROP INDEX {index['name']}")
    for start, end in await _slices(owner):
        await owner.execute(_RECORDS, start, end, plan.tagged, timeout=_TIMEOUT_S)
        tell(await owner.fetchval("SELECT sum(calls)::bigint FROM hours WHERE hour_start < $1", end))
    for index in indexes:
        await owner.execute(index["definition"], timeout=_TIMEOUT_S)
    await owner.execute(_CORRECTIONS, plan.records, timeout=_TIMEOUT_S)
    head: int = await owner.fetchval(
        "UPDATE ledger_heads SET sequence = $1 + (SELECT count(*) FROM usage_corrections) WHERE organization_id = $2"
        " RETURNING sequence",
        plan.records,
        ORGANIZATION,
    )
    await owner.execute("VACUUM (ANALYZE) usage_records, usage_corrections, members, usage_names", timeout=_TIMEOUT_S)
    return head


async def _slices(owner: asyncpg.Connection) -> list[tuple[dt.datetime, dt.datetime]]:
    """Returns ranges of hours with about as many calls as to insert at once."""
    rows = await owner.fetch(
        "SELECT min(hour_start), max(hour_start) + interval '1 hour' FROM hours GROUP BY earlier / $1::bigint ORDER BY 1",
        _ROWS_AT_ONCE,
    )
    return [(row[0], row[1]) for row in rows]
