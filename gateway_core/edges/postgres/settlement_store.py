"""Writes resolved calls: usage records, ledger transfers, holds and spend of a whole batch in one transaction.

The lock on the ledger heads is taken first, so everything an organization owns is written by one settler at a time, and what
was settled before is seen. A hold is resolved exactly once (INV-04): a repeated report changes nothing (INV-08).
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import asyncpg

from gateway_core.domain.holds import Hold, HoldState
from gateway_core.domain.ledger import usage_transfer
from gateway_core.domain.pricing import ChargeLine
from gateway_core.domain.settlement import CallReport, Resolution
from gateway_core.domain.usage import TokenUsage
from gateway_core.edges.postgres.connections import Connection
from gateway_core.edges.postgres.ledger_store import (
    PostedTransfer,
    UnknownOrganizationError,
    advance_heads,
    columns_of,
    insert_transfers,
    lock_heads,
)

logger = logging.getLogger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_EXISTING: Final = """
SELECT hold_id, outcome, charge_nano_credits, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
       output_tokens, reasoning_tokens
  FROM usage_records WHERE hold_id = ANY($1)
"""

_RESOLVE_HOLDS: Final = """
UPDATE holds h SET state = d.state, resolve_time = now()
  FROM unnest($1::text[], $2::text[], $3::text[]) AS d (hold_id, organization_id, state)
 WHERE h.hold_id = d.hold_id AND h.organization_id = d.organization_id AND h.state = 'HELD'
RETURNING h.hold_id
"""

_INSERT_RESOLVED_HOLDS: Final = """
INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters, place_time,
                   expire_time, state, resolve_time)
SELECT hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters, place_time,
       expire_time, state, now()
  FROM json_populate_recordset(NULL::holds, $1)
 ORDER BY hold_id
ON CONFLICT (hold_id) DO NOTHING
RETURNING hold_id
"""

_RECORD_COLUMNS: Final = """
    hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id, endpoint, streamed,
    requested_model, answered_model, provider_id, provider_response_id, service_tier, price_version, input_tokens,
    cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, hold_nano_credits,
    charge_nano_credits, charge_lines, counters, http_status, response_flags, duration_ms, time_to_first_byte_ms, request_id,
    trace_id, place_time
"""

_INSERT_RECORDS: Final = (
    f"INSERT INTO usage_records ({_RECORD_COLUMNS})"  # noqa: S608  # our own column names
    f" SELECT {_RECORD_COLUMNS} FROM json_populate_recordset(NULL::usage_records, $1)"
)

_ADD_SPEND: Final = """
INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) ORDER BY 1, 2
ON CONFLICT (organization_id, counter) DO UPDATE
   SET settled_nano_credits = scope_spend.settled_nano_credits + excluded.settled_nano_credits,
       call_count = scope_spend.call_count + excluded.call_count
"""

_ADD_DISCREPANCIES: Final = """
INSERT INTO usage_discrepancies (hold_id, organization_id, detail)
SELECT hold_id, organization_id, detail
  FROM unnest($1::text[], $2::text[], $3::text[]) AS d (hold_id, organization_id, detail)
 WHERE NOT EXISTS (SELECT FROM usage_discrepancies known WHERE known.hold_id = d.hold_id)
RETURNING hold_id
"""


@dataclass(frozen=True)
class Settlement:
    """A call and what was decided about it."""

    hold: Hold
    report: CallReport
    resolution: Resolution

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """The hold's counters, encoded."""
        return tuple(counter.encode() for counter in self.hold.counters)


@dataclass(frozen=True, slots=True)
class RecordedSettlement:
    """A settlement that is on the books."""

    sequence: int
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a committed batch did; the rest of it had been settled before."""

    recorded: tuple[RecordedSettlement, ...]
    """In the order of each organization's ledger."""
    discrepancy_count: int
    """Reports that contradicted what was settled, and were not known to."""


async def settle_batch(connection: Connection, settlements: Sequence[Settlement]) -> BatchResult:
    """Settles calls of any organizations in one transaction, in any order, as often as they are reported.

    Raises:
        UnknownOrganizationError: an organization of the batch has no ledger; nothing was written.
    """
    async with connection.transaction():
        heads = await lock_heads(connection, {settlement.hold.organization for settlement in settlements})
        new, contradictions = await _sort_out_repeats(connection, settlements)
        recorded = _number(new, heads)
        if recorded:
            await _resolve_holds(connection, new)
            await connection.execute(_INSERT_RECORDS, json.dumps([_record_row(entry) for entry in recorded]))
            await _post(connection, recorded)
            await _add_spend(connection, new)
        discrepancy_count = await _add_discrepancies(connection, contradictions)
    return BatchResult(recorded, discrepancy_count)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What two reports of one call must agree in."""

    outcome: str
    charge_nano_credits: int
    usage: TokenUsage

    def __str__(self) -> str:
        return f"{self.outcome} {self.charge_nano_credits} nano-credits, tokens {astuple(self.usage)}"


async def _sort_out_repeats(
    connection: Connection, settlements: Sequence[Settlement]
) -> tuple[list[Settlement], list[tuple[Hold, str]]]:
    """Gives what is not settled yet, and what contradicts a settlement."""
    rows = await connection.fetch(_EXISTING, [settlement.hold.hold_id for settlement in settlements])
    known = {row["hold_id"]: _outcome_of_row(row) for row in rows}
    new: list[Settlement] = []
    contradictions: dict[str, tuple[Hold, str]] = {}
    for settlement in settlements:
        hold = settlement.hold
        resolution = settlement.resolution
        outcome = _Outcome(resolution.outcome, resolution.charge_nano_credits, resolution.usage)
        first = known.setdefault(hold.hold_id, outcome)
        if first is outcome:
            new.append(settlement)
        elif first != outcome:
            contradictions.setdefault(hold.hold_id, (hold, f"recorded: {first}; reported later: {outcome}"))
    return new, list(contradictions.values())


def _outcome_of_row(row: asyncpg.Record) -> _Outcome:
    _, outcome, charge, *tokens = row
    return _Outcome(outcome, charge, TokenUsage(*tokens))


def _number(settlements: Iterable[Settlement], heads: dict[str, int]) -> tuple[RecordedSettlement, ...]:
    """Gives each settlement the next number of its organization."""
    recorded = []
    for settlement in settlements:
        organization = settlement.hold.organization
        if organization not in heads:
            raise UnknownOrganizationError("a hold names an organization without a ledger")
        heads[organization] += 1
        recorded.append(RecordedSettlement(heads[organization], settlement))
    return tuple(recorded)


async def _resolve_holds(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Marks the holds resolved; one that has not reached the register yet is recorded from its token (fault C5)."""
    missing = await _resolve_registered(connection, settlements)
    if not missing:
        return
    rows = await connection.fetch(_INSERT_RESOLVED_HOLDS, json.dumps([_hold_row(settlement) for settlement in missing]))
    inserted = {row["hold_id"] for row in rows}
    # What is neither open nor absent was registered in between.
    raced = [settlement for settlement in missing if settlement.hold.hold_id not in inserted]
    for settlement in await _resolve_registered(connection, raced) if raced else ():
        # INV-20: contradictory state is told, not repaired. The call is charged: it has no usage record.
        logger.error("hold was resolved without a usage record", extra={"hold_id": settlement.hold.hold_id})


async def _resolve_registered(connection: Connection, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Resolves the open holds of the register; gives those that are not among them."""
    columns = columns_of((s.hold.hold_id, s.hold.organization, s.resolution.outcome) for s in settlements)
    resolved = {row["hold_id"] for row in await connection.fetch(_RESOLVE_HOLDS, *columns)}
    return [settlement for settlement in settlements if settlement.hold.hold_id not in resolved]


async def _post(connection: Connection, recorded: Sequence[RecordedSettlement]) -> None:
    """Posts the charges under the numbers of their records, and moves the heads."""
    transfers = []
    heads: dict[str, int] = {}
    for entry in recorded:
        hold, charge = entry.settlement.hold, entry.settlement.resolution.charge_nano_credits
        heads[hold.organization] = entry.sequence
        if charge > 0:
            transfers.append((hold.organization, PostedTransfer(entry.sequence, usage_transfer(hold.hold_id, charge))))
    if transfers:
        await insert_transfers(connection, transfers)
    await advance_heads(connection, heads)


async def _add_spend(connection: Connection, settlements: Iterable[Settlement]) -> None:
    """Adds the charges to every counter of their holds. A voided call was never made and is not counted."""
    spend: dict[tuple[str, str], tuple[int, int]] = {}
    for settlement in settlements:
        if settlement.resolution.outcome is not HoldState.SETTLED:
            continue
        charge = settlement.resolution.charge_nano_credits
        for counter in settlement.counters:
            place = (settlement.hold.organization, counter)
            settled, call_count = spend.get(place, (0, 0))
            spend[place] = (settled + charge, call_count + 1)
    if spend:
        await connection.execute(_ADD_SPEND, *columns_of((*place, *sums) for place, sums in spend.items()))


async def _add_discrepancies(connection: Connection, contradictions: Sequence[tuple[Hold, str]]) -> int:
    if not contradictions:
        return 0
    columns = columns_of((hold.hold_id, hold.organization, detail) for hold, detail in contradictions)
    return len(await connection.fetch(_ADD_DISCREPANCIES, *columns))


def _hold_row(settlement: Settlement) -> dict[str, object]:
    hold = settlement.hold
    return {
        "hold_id": hold.hold_id,
        "organization_id": hold.organization,
        "member_id": hold.member,
        "api_key_id": hold.api_key,
        "amount_nano_credits": hold.amount_nano_credits,
        "token": settlement.report.token,
        "counters": settlement.counters,
        "place_time": _instant(hold.placed_epoch_us),
        "expire_time": _instant(hold.expires_epoch_us),
        "state": settlement.resolution.outcome,
    }


def _record_row(entry: RecordedSettlement) -> dict[str, object]:
    hold, report, resolution = entry.settlement.hold, entry.settlement.report, entry.settlement.resolution
    usage = resolution.usage
    return {
        "hold_id": hold.hold_id,
        "organization_id": hold.organization,
        "sequence": entry.sequence,
        "outcome": resolution.outcome,
        "source": resolution.source,
        "detail": resolution.detail,
        "group_path": hold.group_path,
        "member_id": hold.member,
        "api_key_id": hold.api_key,
        "endpoint": hold.endpoint,
        "streamed": hold.streams,
        "requested_model": hold.requested_model,
        "answered_model": report.answered_model,
        "provider_id": hold.provider,
        "provider_response_id": report.provider_response_id,
        "service_tier": report.service_tier,
        "price_version": hold.price_version,
        "input_tokens": usage.input,
        "cache_read_tokens": usage.cache_read,
        "cache_write_5m_tokens": usage.cache_write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.output_reasoning,
        "hold_nano_credits": hold.amount_nano_credits,
        "charge_nano_credits": resolution.charge_nano_credits,
        "charge_lines": [_line(line) for line in resolution.lines],
        "counters": entry.settlement.counters,
        "http_status": report.http_status,
        "response_flags": ",".join(sorted(report.flags)) or "-",
        "duration_ms": report.duration_ms,
        "time_to_first_byte_ms": report.time_to_first_byte_ms,
        "request_id": report.request_id,
        "trace_id": report.trace_id,
        "place_time": _instant(hold.placed_epoch_us),
    }


def _line(line: ChargeLine) -> tuple[str, int, int, int]:
    return (line.category, line.token_count, line.price_nano_credits_per_million_tokens, line.amount_nano_credits)


def _instant(epoch_us: int) -> str:
    """ISO 8601, exact to the microsecond."""
    return (_EPOCH + timedelta(microseconds=epoch_us)).isoformat()
