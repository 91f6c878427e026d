"""Writes resolved calls: usage records, ledger transfers, holds and spend of a whole batch in one transaction.

It locks the ledger heads first. So one settler at a time writes what an organization owns, and sees everything settled
before. A hold is resolved exactly once (INV-04), and a repeated report changes nothing (INV-08).
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from gateway_core.model.calls.holds import Hold, HoldState
from gateway_core.model.catalog.token_usage import CATEGORIES, TokenUsage
from gateway_core.model.ledger.transfers import Transfer, usage_correction, usage_transfer
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.ledger_store import (
    PostedTransfer,
    UnknownOrganizationError,
    advance_heads,
    columns_of,
    insert_transfers,
    lock_heads,
)
from gateway_core.stores.postgres.organization_wall import act_for
from gateway_core.stores.postgres.packed_columns import insert_packed, packed, packed_columns
from usage_service.routed_calls.rows import Row, insert_routed
from usage_service.settlement.cycle_change_store import UnchangedCounters, with_dependent_counters, with_later_counters
from usage_service.settlement.rows import (
    CORRECTION_COLUMNS,
    FINDING_COLUMNS,
    HOLD_COLUMNS,
    RECORD_COLUMNS,
    ExpiredCharge,
    Kind,
    RecordedSettlement,
    Settlement,
    correction_row,
    finding_row,
    hold_row,
    optional_columns,
    optional_row,
    record_row,
    stored_rows,
)
from usage_service.stored_objects import handed_out

logger = logging.getLogger(__name__)

# After a correction of an expiry, later reports must agree with the correction.
_OUTCOME: Final = """
    outcome, charge_nano_credits, uses, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
    input_audio_tokens, input_image_tokens, cache_read_audio_tokens, output_tokens, reasoning_tokens, output_audio_tokens,
    output_image_tokens
"""
_EXISTING: Final = f"""
SELECT hold_id, sequence, {_OUTCOME} FROM usage_records WHERE hold_id = ANY($1)
UNION ALL
SELECT hold_id, sequence, {_OUTCOME} FROM usage_corrections WHERE hold_id = ANY($1)
 ORDER BY hold_id, sequence
"""  # noqa: S608  # our own column names

# Holds are looked up by their key alone. With a join, or a condition that another index can answer, PostgreSQL may read
# the open holds of all organizations for every batch. `resolve_time IS NULL` is equivalent to `state = 'HELD'` and has
# no index. The wall hides the holds of other organizations than those of the batch.
_RESOLVE_HOLDS: Final = """
UPDATE holds SET state = $2, resolve_time = now(), token = ''
 WHERE hold_id = ANY (unpacked($1)) AND resolve_time IS NULL
RETURNING hold_id, organization_id
"""

_INSERT_RESOLVED_HOLDS: Final = (
    insert_packed("holds", (*HOLD_COLUMNS, "resolve_time:timestamptz"))
    + " ORDER BY p.hold_id ON CONFLICT (hold_id) DO NOTHING RETURNING hold_id"
)
_INSERT_RECORDS: Final = {
    kind: insert_packed("usage_records", (*RECORD_COLUMNS, *columns)) for kind, columns in optional_columns()
}
"""By which optional columns the records have."""
_INSERT_CORRECTIONS: Final = insert_packed("usage_corrections", CORRECTION_COLUMNS)
_INSERT_FINDINGS: Final = insert_packed("usage_findings", FINDING_COLUMNS)
# In one order, so that concurrent batches do not wait for each other in a circle. An id belongs to whom it was given first.
_INSERT_STORED: Final = (
    insert_packed("stored_objects", handed_out.COLUMNS) + " ORDER BY p.object_id, p.kind ON CONFLICT DO NOTHING"
)

_ADD_SPEND: Final = """
INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, shadow_refusal_count, last_use_time)
SELECT organization_id, counter, settled::bigint, calls::bigint, shadow_refusals::bigint,
       'epoch'::timestamptz + last_use_us::bigint * interval '1 microsecond'
  FROM unnest(unpacked($1), unpacked($2), unpacked($3), unpacked($4), unpacked($5), unpacked($6))
    AS added (organization_id, counter, settled, calls, shadow_refusals, last_use_us)
 ORDER BY 1, 2
ON CONFLICT (organization_id, counter) DO UPDATE
   SET settled_nano_credits = scope_spend.settled_nano_credits + excluded.settled_nano_credits,
       call_count = scope_spend.call_count + excluded.call_count,
       shadow_refusal_count = scope_spend.shadow_refusal_count + excluded.shadow_refusal_count,
       last_use_time = greatest(scope_spend.last_use_time, excluded.last_use_time)
"""

# OFFSET 0 makes kind and id columns: row-level security lets an index compare only those. Else each counter reads all guardrails.
RECORD_CROSSINGS: Final = """
INSERT INTO budget_events (organization_id, counter, threshold_nano_credits, spent_nano_credits)
SELECT s.organization_id, s.counter, t.threshold, s.settled_nano_credits
  FROM (SELECT organization_id, counter, split_part(counter, ':', 1) AS kind, split_part(counter, ':', 2) AS id
          FROM unnest($1::text[], $2::text[]) AS given (organization_id, counter) OFFSET 0) AS charged
  JOIN scope_spend s ON s.organization_id = charged.organization_id AND s.counter = charged.counter
  JOIN guardrails g ON g.organization_id = charged.organization_id AND g.scope_kind = charged.kind AND g.scope_id = charged.id
 CROSS JOIN LATERAL threshold_of_counter(g, s.counter) AS t (threshold)
 WHERE s.settled_nano_credits >= t.threshold AND s.settled_nano_credits > 0
 ORDER BY 1, 2
ON CONFLICT (organization_id, counter) DO NOTHING
"""

_ADD_DISCREPANCIES: Final = """
INSERT INTO usage_discrepancies (hold_id, organization_id, detail)
SELECT hold_id, organization_id, detail
  FROM unnest($1::text[], $2::text[], $3::text[]) AS d (hold_id, organization_id, detail)
 WHERE NOT EXISTS (SELECT FROM usage_discrepancies known WHERE known.hold_id = d.hold_id)
RETURNING hold_id
"""


class ForeignHoldError(Exception):
    """The holds table and a signed token name different owners of a hold. Nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a committed batch changed. The rest of it had been settled before."""

    recorded: tuple[RecordedSettlement, ...]
    """In the order of each organization's ledger."""
    discrepancy_count: int
    """Reports that contradicted a settlement and were not recorded as discrepancies before."""


async def settle_batch(
    connection: Connection,
    settlements: Sequence[Settlement],
    object_life_ms: int = handed_out.DEFAULT_LIFE_MS,
    unchanged: UnchangedCounters | None = None,
) -> BatchResult:
    """Settles calls of any organizations in one transaction, in any order. Repeated reports change nothing.

    A report on an expired hold corrects the expiry, once. An expiry of a resolved hold changes nothing. What an answer
    handed out belongs to its caller for `object_life_ms` milliseconds. `unchanged` saves the batches of one settler a query.

    Raises:
        UnknownOrganizationError: an organization of the batch has no ledger. Nothing was written.
        ForeignHoldError: the holds table and a token name different owners of a hold. Nothing was written.
    """
    async with connection.transaction():
        organizations = {settlement.hold.claims.organization for settlement in settlements}
        await act_for(connection, organizations)
        heads = await lock_heads(connection, organizations)
        sorted_out = await _sort_out_repeats(connection, settlements)
        numbers = {organization: head.sequence for organization, head in heads.items()}
        recorded = _number(sorted_out.news, numbers)
        if recorded:
            change_times = {organization: head.cycle_change_time for organization, head in heads.items()}
            recorded = tuple(await with_later_counters(connection, recorded, change_times, unchanged))
            recorded = tuple(await with_dependent_counters(connection, recorded, heads))
            await _write(connection, recorded)
            if reporting := [name for name, head in heads.items() if head.has_soft_budgets]:
                await _record_crossings(connection, recorded, reporting)
            await _bind_stored(connection, recorded, object_life_ms)
        discrepancy_count = await _add_discrepancies(connection, sorted_out.contradictions)
    return BatchResult(recorded, discrepancy_count)


async def _write(connection: Connection, recorded: Sequence[RecordedSettlement]) -> None:
    resolutions = [entry for entry in recorded if entry.corrects is None]
    corrections = [entry for entry in recorded if entry.corrects is not None]
    if resolutions:
        await _resolve_holds(connection, [entry.settlement for entry in resolutions])
        await _insert_records(connection, resolutions)
    if routed := [entry.routed_row for entry in recorded if entry.settlement.hold.claims.routed]:
        await insert_routed(connection, routed)
    if corrections:
        await connection.execute(_INSERT_CORRECTIONS, *packed_columns(map(correction_row, corrections)))
    await _post(connection, recorded)
    await _add_spend(connection, recorded)
    if flagged := [entry.settlement for entry in recorded if entry.settlement.resolution.finding]:
        await connection.execute(_INSERT_FINDINGS, *packed_columns(map(finding_row, flagged)))


async def _insert_records(connection: Connection, resolutions: Iterable[RecordedSettlement]) -> None:
    """Inserts records. Columns that few calls use are left out for all others, which saves a fifth of the values."""
    by_columns: dict[Kind, list[Row]] = {}
    for entry in resolutions:
        kind, optional = optional_row(entry)
        by_columns.setdefault(kind, []).append((*record_row(entry), *optional))
    for kind, rows in by_columns.items():
        await connection.execute(_INSERT_RECORDS[kind], *packed_columns(rows))


async def _bind_stored(connection: Connection, recorded: Sequence[RecordedSettlement], life_ms: int) -> None:
    if rows := [row for entry in recorded for row in stored_rows(entry.settlement, life_ms)]:
        await connection.execute(_INSERT_STORED, *packed_columns(rows))


@record(frozen=True, slots=True)
class _Outcome:
    """What two reports of one call must agree on."""

    outcome: str
    charge_nano_credits: int
    usage: TokenUsage

    def __str__(self) -> str:
        return f"{self.outcome} {self.charge_nano_credits} nano-credits, tokens {astuple(self.usage)}"


@dataclass(frozen=True, slots=True)
class _SortedOut:
    news: list[tuple[Settlement, ExpiredCharge | None]]
    """What is not recorded yet, and the expiry that it corrects."""
    contradictions: list[tuple[Hold, str]]


def _usage(token_counts: Iterable[int], uses: str) -> TokenUsage:
    """Returns the usage of a stored record: its token counts in the order of `_OUTCOME`, and its uses as JSON."""
    counts: dict[str, Any] = dict(zip(CATEGORIES, token_counts, strict=True))
    return TokenUsage(**counts, uses=tuple(sorted(json.loads(uses).items())))


async def _sort_out_repeats(connection: Connection, settlements: Sequence[Settlement]) -> _SortedOut:
    """Returns what is not settled yet, and what contradicts a settlement."""
    rows = await connection.fetch(_EXISTING, [settlement.hold.hold_id for settlement in settlements])
    known: dict[str, _Outcome] = {}
    expired: dict[str, ExpiredCharge] = {}
    for hold_id, sequence, outcome, charge, uses, *tokens in rows:
        known[hold_id] = _Outcome(outcome, charge, _usage(tokens, uses))
        if outcome == HoldState.EXPIRED:
            expired[hold_id] = ExpiredCharge(sequence, charge)
        else:
            expired.pop(hold_id, None)
    news: list[tuple[Settlement, ExpiredCharge | None]] = []
    contradictions: dict[str, tuple[Hold, str]] = {}
    for settlement in settlements:
        hold, resolution = settlement.hold, settlement.resolution
        first = known.get(hold.hold_id)
        if first is not None and resolution.outcome is HoldState.EXPIRED:
            continue
        outcome = _Outcome(resolution.outcome, resolution.charge_nano_credits, resolution.usage)
        corrects = expired.pop(hold.hold_id, None)
        if first is None or corrects is not None:
            known[hold.hold_id] = outcome
            news.append((settlement, corrects))
        elif first != outcome:
            contradictions.setdefault(hold.hold_id, (hold, f"recorded: {first}; reported later: {outcome}"))
    return _SortedOut(news, list(contradictions.values()))


def _number(
    settlements: Iterable[tuple[Settlement, ExpiredCharge | None]], heads: dict[str, int]
) -> tuple[RecordedSettlement, ...]:
    """Assigns each settlement the next number of its organization."""
    recorded = []
    for settlement, corrects in settlements:
        organization = settlement.hold.claims.organization
        if organization not in heads:
            raise UnknownOrganizationError("a hold names an organization without a ledger")
        heads[organization] += 1
        recorded.append(RecordedSettlement(heads[organization], settlement, corrects))
    return tuple(recorded)


async def _resolve_holds(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Marks the holds resolved. A hold that has not reached the holds table yet is recorded from its token (fault C5)."""
    missing = await _resolve_registered(connection, settlements)
    if not missing:
        return
    columns = packed_columns((*hold_row(settlement), "now") for settlement in missing)
    inserted = {row["hold_id"] for row in await connection.fetch(_INSERT_RESOLVED_HOLDS, *columns)}
    # A hold that is neither open nor absent was recorded in between.
    raced = [settlement for settlement in missing if settlement.hold.hold_id not in inserted]
    for settlement in await _resolve_registered(connection, raced) if raced else ():
        # INV-20: contradictory state is reported, not repaired. The call is charged, because it has no usage record.
        logger.error("hold was resolved without a usage record", extra={"hold_id": settlement.hold.hold_id})


async def _resolve_registered(connection: Connection, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Resolves the open holds in the holds table. Returns the settlements whose holds are not open there."""
    by_outcome: dict[HoldState, list[str]] = {}
    for settlement in settlements:
        by_outcome.setdefault(settlement.resolution.outcome, []).append(settlement.hold.hold_id)
    missing = {settlement.hold.hold_id: settlement for settlement in settlements}
    foreign = 0
    for outcome, hold_ids in by_outcome.items():
        for hold_id, organization in await connection.fetch(_RESOLVE_HOLDS, packed(hold_ids), outcome):
            foreign += missing.pop(hold_id).hold.claims.organization != organization
    if foreign:
        raise ForeignHoldError(f"{foreign} holds are recorded for another organization than their tokens name")
    return list(missing.values())


async def _post(connection: Connection, recorded: Sequence[RecordedSettlement]) -> None:
    """Posts the charges and corrections under the numbers of their records, and advances the heads."""
    transfers = []
    heads: dict[str, int] = {}
    for entry in recorded:
        organization = entry.settlement.hold.claims.organization
        heads[organization] = entry.sequence
        if entry.delta_nano_credits:
            transfers.append((organization, PostedTransfer(entry.sequence, _transfer(entry))))
    if transfers:
        await insert_transfers(connection, transfers)
    await advance_heads(connection, heads)


def _transfer(entry: RecordedSettlement) -> Transfer:
    hold_id, corrects = entry.settlement.hold.hold_id, entry.corrects
    if corrects is None:
        return usage_transfer(hold_id, entry.delta_nano_credits)
    # An expiry without a charge has no transfer to refer to.
    return usage_correction(
        hold_id, entry.delta_nano_credits, corrects.sequence if corrects.charge_nano_credits else None
    )


@dataclass(slots=True)
class _Spend:
    """What a batch adds to a counter."""

    settled: int = 0
    calls: int = 0
    shadow_refusals: int = 0
    last_use_epoch_us: int | None = None

    def add_call(self, entry: RecordedSettlement, calls: int) -> None:
        self.settled += entry.delta_nano_credits
        self.calls += calls
        if calls > 0:
            self.last_use_epoch_us = max(self.last_use_epoch_us or 0, entry.settlement.hold.placed_epoch_us)

    def add(self, other: "_Spend") -> None:
        self.settled += other.settled
        self.calls += other.calls
        self.shadow_refusals += other.shadow_refusals
        if other.last_use_epoch_us is not None:
            self.last_use_epoch_us = max(self.last_use_epoch_us or 0, other.last_use_epoch_us)

    def columns(self) -> tuple[int, int, int, int | None]:
        return self.settled, self.calls, self.shadow_refusals, self.last_use_epoch_us


def _call_count(entry: RecordedSettlement) -> int:
    """Returns the change of the call count. A voided call does not count; a correction replaces a call counted before."""
    return int(entry.settlement.resolution.outcome is not HoldState.VOIDED) - int(entry.corrects is not None)


async def _add_spend(connection: Connection, recorded: Iterable[RecordedSettlement]) -> None:
    """Adds the charges, and the shadow refusals, to every counter of their holds."""
    # Calls of one key have the same counters, so they are added up first.
    paths: dict[tuple[str, tuple[str, ...]], _Spend] = defaultdict(_Spend)
    spend: dict[tuple[str, str], _Spend] = defaultdict(_Spend)
    for entry in recorded:
        settlement, calls = entry.settlement, _call_count(entry)
        refused = settlement.shadow_refusals
        if not calls and not entry.delta_nano_credits and not refused:
            continue
        organization = settlement.hold.claims.organization
        paths[organization, entry.counters].add_call(entry, calls)
        if entry.corrects is None:
            for counter in refused.intersection(entry.counters) if refused else ():
                spend[organization, counter].shadow_refusals += 1
    for (organization, counters), sums in paths.items():
        for counter in counters:
            spend[organization, counter].add(sums)
    if spend:
        await connection.execute(_ADD_SPEND, *packed_columns((*at, *sums.columns()) for at, sums in spend.items()))


async def _record_crossings(
    connection: Connection, recorded: Iterable[RecordedSettlement], reporting: Sequence[str]
) -> None:
    """Records that the spend of a period has reached the threshold of its budget, once. `reporting` are organizations."""
    charged = {
        (organization, counter)
        for entry in recorded
        if (organization := entry.settlement.hold.claims.organization) in reporting
        for counter in entry.counters
    }
    if charged:
        await connection.execute(RECORD_CROSSINGS, *map(list, zip(*sorted(charged), strict=True)))


async def _add_discrepancies(connection: Connection, contradictions: Sequence[tuple[Hold, str]]) -> int:
    if not contradictions:
        return 0
    columns = columns_of((hold.hold_id, hold.claims.organization, detail) for hold, detail in contradictions)
    return len(await connection.fetch(_ADD_DISCREPANCIES, *columns))
