"""Reads an organization's credit pool from the ledger: now, at a past time, and over a period.

A transfer is booked when it is written, under the lock of the ledger's head, so times rise with the sequence. Once the current
postings have committed, no transfer is booked before a time that has passed.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from gateway_core.model.ledger.transfers import Account, TransferKind
from gateway_core.stores.postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class CreditState:
    """The pool now. Amounts are in nano-credits."""

    balance: int
    held: int
    """The open holds in the holds table."""
    sequence: int

    @property
    def available(self) -> int:
        """The balance without open holds."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class PastBalance:
    """The pool before everything booked at or after a time."""

    balance_nano_credits: int
    sequence: int
    """Sequence of the last transfer before that time; 0 if there was none."""


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """All transfers of one kind in a period."""

    kind: TransferKind
    transfer_count: int
    amount_nano_credits: int
    """The sum of their changes to the pool."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A period. Amounts are in nano-credits. The opening balance plus the entries is the closing balance."""

    opening_balance: int
    entries: tuple[StatementEntry, ...]
    closing_balance: int


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transfer as a change to the pool."""

    sequence: int
    kind: TransferKind
    amount_nano_credits: int
    """The change to the pool; negative if the transfer took credit."""
    actor: str
    reason: str
    hold_id: str | None
    create_time: dt.datetime
    actor_name: str
    """Name of the user, or the address; empty for a service."""
    debit_account: Account
    credit_account: Account
    transferred_nano_credits: int
    """What moved from the one account to the other; positive."""
    corrects_sequence: int | None


# One statement, so that balance and sequence belong together.
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

# An intermediate sum may exceed 64 bits even if the result does not.
_BEFORE: Final = f"""
SELECT coalesce(sum({POOL_DELTA}), 0)::bigint, coalesce(max(sequence), 0)
  FROM ledger_transfers WHERE organization_id = $1 AND create_time < $2
"""  # noqa: S608  # a constant expression

_BY_KIND: Final = f"""
SELECT kind, count(*), sum({POOL_DELTA})::bigint
  FROM ledger_transfers WHERE organization_id = $1 AND create_time >= $2 AND create_time < $3 GROUP BY kind
"""  # noqa: S608  # a constant expression

_ACTOR_NAME: Final = """
coalesce((SELECT coalesce(nullif(u.display_name, ''), u.email) FROM users u
           WHERE actor LIKE 'users/%' AND u.user_id = substr(actor, 7)), '')
"""

TRANSACTION_COLUMNS: Final = (
    f"sequence, kind, {POOL_DELTA} AS pool_delta, actor, reason, hold_id, create_time, {_ACTOR_NAME} AS actor_name,"
    " debit_account, credit_account, amount_nano_credits, corrects_sequence"
)

_ONE: Final = f"SELECT {TRANSACTION_COLUMNS} FROM ledger_transfers WHERE organization_id = $1 AND sequence = $2"  # noqa: S608


async def credit_now(connection: Connection, organization: str) -> CreditState:
    """Returns the pool with its holds.

    Raises:
        LookupError: the organization has no ledger.
    """
    row = await connection.fetchrow(_NOW, organization)
    if row is None:
        raise LookupError("the organization has no ledger")
    return CreditState(*row)


async def refundable_nano_credits(connection: Connection, organization: str) -> int:
    """Returns what was topped up and not refunded yet."""
    paid: int = await connection.fetchval(
        "SELECT -balance_nano_credits FROM ledger_accounts WHERE organization_id = $1 AND account = 'TOP_UPS'",
        organization,
    )
    return paid


async def booking_time(connection: Connection) -> dt.datetime:
    """Returns the present time by the clock that books transfers."""
    instant: dt.datetime = await connection.fetchval("SELECT clock_timestamp()")
    return instant


async def has_passed(connection: Connection, instant: dt.datetime) -> bool:
    """Whether the time is not in the future, by the clock that books transfers."""
    answer: bool = await connection.fetchval("SELECT $1::timestamptz <= clock_timestamp()", instant)
    return answer


async def await_postings(connection: Connection, organization: str) -> None:
    """Waits until the current postings have committed. Do not call it inside a transaction, which would keep its lock."""
    await connection.fetchval("SELECT sequence FROM ledger_heads WHERE organization_id = $1 FOR SHARE", organization)


async def balance_before(connection: Connection, organization: str, instant: dt.datetime) -> PastBalance:
    """Returns the sum of everything booked before the time."""
    row = await connection.fetchrow(_BEFORE, organization, instant)
    assert row is not None  # noqa: S101 - an aggregate has one row
    return PastBalance(*row)


async def statement(connection: Connection, organization: str, start: dt.datetime, end: dt.datetime) -> Statement:
    """Returns the period `[start, end)`. The closing balance is summed independently, not derived from the other figures.

    Opens its own transaction, or joins the caller's, which must read one snapshot.
    """
    async with connection.transaction(isolation="repeatable_read"):
        opening = await balance_before(connection, organization, start)
        rows = await connection.fetch(_BY_KIND, organization, start, end)
        closing = await balance_before(connection, organization, end)
    by_kind = {row[0]: StatementEntry(TransferKind(row[0]), row[1], row[2]) for row in rows}
    entries = tuple(by_kind[kind] for kind in TransferKind if kind in by_kind)
    return Statement(opening.balance_nano_credits, entries, closing.balance_nano_credits)


async def get_transaction(connection: Connection, organization: str, sequence: int) -> TransactionRow:
    """Returns a transfer that exists.

    Raises:
        LookupError: there is no such transfer.
    """
    found = await find_transaction(connection, organization, sequence)
    if found is None:
        raise LookupError("no such transfer")
    return found


async def find_transaction(connection: Connection, organization: str, sequence: int) -> TransactionRow | None:
    """Returns the transfer, or None if there is none of this sequence."""
    row = await connection.fetchrow(_ONE, organization, sequence)
    return transaction_of(*row) if row else None


def transaction_of(
    sequence: int,
    kind: str,
    pool_delta: int,
    actor: str,
    reason: str,
    hold_id: str | None,
    create_time: dt.datetime,
    actor_name: str,
    debit_account: str,
    credit_account: str,
    transferred_nano_credits: int,
    corrects_sequence: int | None,
) -> TransactionRow:
    """Makes a row from `TRANSACTION_COLUMNS`."""
    return TransactionRow(
        sequence,
        TransferKind(kind),
        pool_delta,
        actor,
        reason,
        hold_id,
        create_time,
        actor_name,
        Account(debit_account),
        Account(credit_account),
        transferred_nano_credits,
        corrects_sequence,
    )
