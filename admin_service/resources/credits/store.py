"""What the ledger says of an organization's credit pool: now, as of a past moment, and over a period.

A transfer is booked at the moment it is written, under the lock of the ledger's head: so time follows the sequence, and once the
postings under way are committed nothing is booked any more before a moment that has passed.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from gateway_core.model.ledger.transfers import TransferKind
from gateway_core.stores.postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class CreditState:
    """The pool now; amounts in nano-credits."""

    balance: int
    held: int
    """What the register says is held by calls under way."""
    sequence: int

    @property
    def available(self) -> int:
        """What no call holds."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class PastBalance:
    """The pool before everything booked at or after a moment."""

    balance_nano_credits: int
    sequence: int
    """Of the last transfer before that moment; 0 when there was none."""


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """All transfers of one kind in a period."""

    kind: TransferKind
    transfer_count: int
    amount_nano_credits: int
    """By how much they let the pool grow."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A period; amounts in nano-credits. Opening balance and entries add up to the closing balance."""

    opening_balance: int
    entries: tuple[StatementEntry, ...]
    closing_balance: int


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transfer as the pool sees it."""

    sequence: int
    kind: TransferKind
    amount_nano_credits: int
    """By how much the pool grew."""
    actor: str
    reason: str
    hold_id: str | None
    create_time: dt.datetime


# One statement, so that the sequence is the one the balance is true for.
_NOW: Final = """
SELECT a.balance_nano_credits,
       (SELECT coalesce(sum(amount_nano_credits), 0)::bigint FROM holds WHERE organization_id = $1 AND state = 'HELD'),
       h.sequence
  FROM ledger_heads h
  JOIN ledger_accounts a ON a.organization_id = h.organization_id AND a.account = 'CREDIT_POOL'
 WHERE h.organization_id = $1
"""

POOL_DELTA: Final = """
CASE 'CREDIT_POOL' WHEN credit_account THEN amount_nano_credits WHEN debit_account THEN -amount_nano_credits ELSE 0 END
"""

# A sum in between may exceed 64 bits where the result does not.
_BEFORE: Final = f"""
SELECT coalesce(sum({POOL_DELTA}), 0)::bigint, coalesce(max(sequence), 0)
  FROM ledger_transfers WHERE organization_id = $1 AND create_time < $2
"""  # noqa: S608  # our own expression

_BY_KIND: Final = f"""
SELECT kind, count(*), sum({POOL_DELTA})::bigint
  FROM ledger_transfers WHERE organization_id = $1 AND create_time >= $2 AND create_time < $3 GROUP BY kind
"""  # noqa: S608  # our own expression

TRANSACTION_COLUMNS: Final = f"sequence, kind, {POOL_DELTA} AS pool_delta, actor, reason, hold_id, create_time"

_ONE: Final = f"SELECT {TRANSACTION_COLUMNS} FROM ledger_transfers WHERE organization_id = $1 AND sequence = $2"  # noqa: S608


async def credit_now(connection: Connection, organization: str) -> CreditState:
    """The pool with its holds.

    Raises:
        LookupError: the organization has no ledger.
    """
    row = await connection.fetchrow(_NOW, organization)
    if row is None:
        raise LookupError("the organization has no ledger")
    return CreditState(*row)


async def refundable_nano_credits(connection: Connection, organization: str) -> int:
    """What was paid in and not refunded yet."""
    paid: int = await connection.fetchval(
        "SELECT -balance_nano_credits FROM ledger_accounts WHERE organization_id = $1 AND account = 'TOP_UPS'",
        organization,
    )
    return paid


async def has_passed(connection: Connection, instant: dt.datetime) -> bool:
    """Whether the moment is not in the future, by the clock that transfers are booked by."""
    answer: bool = await connection.fetchval("SELECT $1::timestamptz <= clock_timestamp()", instant)
    return answer


async def await_postings(connection: Connection, organization: str) -> None:
    """Waits until the postings under way are committed. Not inside a transaction, which would keep others waiting."""
    await connection.fetchval("SELECT sequence FROM ledger_heads WHERE organization_id = $1 FOR SHARE", organization)


async def balance_before(connection: Connection, organization: str, instant: dt.datetime) -> PastBalance:
    """The sum of everything booked before the moment."""
    row = await connection.fetchrow(_BEFORE, organization, instant)
    assert row is not None  # noqa: S101 - an aggregate has one row
    return PastBalance(*row)


async def statement(connection: Connection, organization: str, start: dt.datetime, end: dt.datetime) -> Statement:
    """The period `[start, end)`. The closing balance is summed on its own, not derived from the others.

    In a transaction of its own, or in the caller's if that is one snapshot.
    """
    async with connection.transaction(isolation="repeatable_read"):
        opening = await balance_before(connection, organization, start)
        rows = await connection.fetch(_BY_KIND, organization, start, end)
        closing = await balance_before(connection, organization, end)
    by_kind = {row[0]: StatementEntry(TransferKind(row[0]), row[1], row[2]) for row in rows}
    entries = tuple(by_kind[kind] for kind in TransferKind if kind in by_kind)
    return Statement(opening.balance_nano_credits, entries, closing.balance_nano_credits)


async def get_transaction(connection: Connection, organization: str, sequence: int) -> TransactionRow:
    """A transfer that is there."""
    row = await connection.fetchrow(_ONE, organization, sequence)
    if row is None:
        raise LookupError("no such transfer")
    return transaction_of(*row)


def transaction_of(
    sequence: int, kind: str, pool_delta: int, actor: str, reason: str, hold_id: str | None, create_time: dt.datetime
) -> TransactionRow:
    """The transfer in the TRANSACTION_COLUMNS."""
    return TransactionRow(sequence, TransferKind(kind), pool_delta, actor, reason, hold_id, create_time)
