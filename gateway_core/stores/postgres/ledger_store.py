"""Posts to the ledger. Nothing else may.

A posting locks the heads of the organizations, takes the next sequence numbers, and commits. It locks in the order of
organization ids to avoid deadlocks. So a reader who sees sequence number n also sees every number below it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway_core.model.ledger.transfers import Account, Transfer, TransferKind
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.packed_columns import insert_packed, packed_columns
from gateway_core.stores.postgres.storable_text import storable_text

CHANNEL: Final = "megarouter_ledger"
"""Notified with the organization's id after a posting that is not a settlement, so that Redis follows immediately."""

_TRANSFER_COLUMNS: Final = """
    organization_id, sequence, kind, debit_account, credit_account, amount_nano_credits, idempotency_key, hold_id,
    corrects_sequence, actor, reason
"""

_INSERT_TRANSFERS: Final = insert_packed(
    "ledger_transfers",
    (
        *(
            "organization_id",
            "sequence:bigint",
            "kind",
            "debit_account",
            "credit_account",
            "amount_nano_credits:bigint",
        ),
        *("idempotency_key", "hold_id", "corrects_sequence:bigint", "actor", "reason"),
    ),
)


class UnknownOrganizationError(Exception):
    """The organization has no ledger."""


class IdempotencyConflictError(Exception):
    """The idempotency key was used for another transfer."""


@record(frozen=True, slots=True)
class PostedTransfer:
    """A transfer in the ledger. If `is_replay`, it already existed and nothing was posted."""

    sequence: int
    transfer: Transfer
    is_replay: bool = False


async def post_transfers(
    connection: Connection, organization: str, transfers: Sequence[Transfer]
) -> tuple[PostedTransfer, ...]:
    """Posts transfers of one organization, all or none. Returns an existing transfer if its idempotency key is already
    in use.

    Runs in its own transaction, or in the caller's.

    Raises:
        UnknownOrganizationError: there is no such organization.
        IdempotencyConflictError: a key was already used, before or in this call, for another transfer.
    """
    transfers = [
        replace(transfer, reason=storable_text(transfer.reason, len(transfer.reason))) for transfer in transfers
    ]
    async with connection.transaction():
        heads = await lock_heads(connection, [organization])
        if organization not in heads:
            raise UnknownOrganizationError("the organization has no ledger")
        posted = await _posted(connection, organization, [transfer.idempotency_key for transfer in transfers])
        answers: list[PostedTransfer] = []
        sequence = heads[organization].sequence
        for transfer in transfers:
            before = posted.get(transfer.idempotency_key)
            if before is None:
                sequence += 1
                before = PostedTransfer(sequence, transfer)
                posted[transfer.idempotency_key] = PostedTransfer(sequence, transfer, is_replay=True)
            elif before.transfer != transfer:
                raise IdempotencyConflictError("the idempotency key was used for another transfer")
            answers.append(before)
        new = [(organization, answer) for answer in answers if not answer.is_replay]
        if new:
            await insert_transfers(connection, new)
            await advance_heads(connection, {organization: sequence})
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, organization)
    return tuple(answers)


def columns_of(rows: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Turns rows into columns for `unnest`. Requires at least one row."""
    return list(zip(*rows, strict=True))


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The position of a ledger."""

    sequence: int
    """The sequence number of its last event."""
    cycle_change_time: datetime | None
    """When a budget of the organization last changed its cycle."""
    has_soft_budgets: bool
    """Whether a budget of the organization is reported when its spend reaches a threshold."""
    last_carry_start: datetime | None = None
    """When the latest period began into which something may be carried; None if there is none."""


async def lock_heads(connection: Connection, organizations: Iterable[str]) -> dict[str, LedgerHead]:
    """Locks ledgers until the transaction ends, and returns their positions. Unknown organizations are omitted."""
    rows = await connection.fetch(
        "SELECT organization_id, sequence, cycle_change_time, has_soft_budgets, last_carry_start FROM ledger_heads"
        " WHERE organization_id = ANY($1) ORDER BY organization_id FOR UPDATE",
        list(organizations),
    )
    return {organization: LedgerHead(*head) for organization, *head in rows}


async def insert_transfers(connection: Connection, transfers: Sequence[tuple[str, PostedTransfer]]) -> None:
    """Writes numbered transfers and updates the balances. The caller holds the locks on the heads and advances them."""
    await connection.execute(_INSERT_TRANSFERS, *packed_columns(_transfer_row(*numbered) for numbered in transfers))
    deltas: dict[tuple[str, Account], tuple[int, int]] = {}
    for organization, posted in transfers:
        amount = posted.transfer.amount_nano_credits
        for account, delta in ((posted.transfer.credit_account, amount), (posted.transfer.debit_account, -amount)):
            before, _ = deltas.get((organization, account), (0, 0))
            deltas[organization, account] = (before + delta, posted.sequence)
    await connection.execute(
        "UPDATE ledger_accounts a SET balance_nano_credits = a.balance_nano_credits + d.delta, sequence = d.sequence"
        " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS d (organization_id, account, delta, sequence)"
        " WHERE a.organization_id = d.organization_id AND a.account = d.account",
        [organization for organization, _ in deltas],
        [account for _, account in deltas],
        [delta for delta, _ in deltas.values()],
        [sequence for _, sequence in deltas.values()],
    )


async def advance_heads(connection: Connection, sequences: Mapping[str, int]) -> None:
    """Stores the last sequence number that each locked organization has used."""
    await connection.execute(
        "UPDATE ledger_heads h SET sequence = d.sequence FROM unnest($1::text[], $2::bigint[]) AS d (organization_id, sequence)"
        " WHERE h.organization_id = d.organization_id",
        list(sequences),
        list(sequences.values()),
    )


async def _posted(connection: Connection, organization: str, keys: Sequence[str]) -> dict[str, PostedTransfer]:
    rows = await connection.fetch(
        f"SELECT {_TRANSFER_COLUMNS} FROM ledger_transfers"  # noqa: S608  # our own column names
        " WHERE organization_id = $1 AND idempotency_key = ANY($2)",
        organization,
        keys,
    )
    return {
        row["idempotency_key"]: PostedTransfer(
            row["sequence"],
            Transfer(
                TransferKind(row["kind"]),
                Account(row["debit_account"]),
                Account(row["credit_account"]),
                row["amount_nano_credits"],
                row["idempotency_key"],
                row["actor"],
                row["reason"],
                row["hold_id"],
                row["corrects_sequence"],
            ),
            is_replay=True,
        )
        for row in rows
    }


def _transfer_row(organization: str, posted: PostedTransfer) -> tuple[str | int | None, ...]:
    transfer = posted.transfer
    return (
        organization,
        posted.sequence,
        transfer.kind,
        transfer.debit_account,
        transfer.credit_account,
        transfer.amount_nano_credits,
        transfer.idempotency_key,
        transfer.hold_id,
        transfer.corrects_sequence,
        transfer.actor,
        transfer.reason,
    )
