"""Posts a transfer of credit in a change, and refuses one that takes too much."""

import asyncpg
import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError
from admin_service.resources.credits import messages
from admin_service.resources.credits import store as credit_store
from admin_service.resources.credits.store import CreditState, TransactionRow
from admin_service.serving.change_transaction import Change
from gateway_core.model.ledger.transfers import Transfer, TransferKind
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.ledger_store import IdempotencyConflictError, post_transfers


async def post_once(
    transfer: Transfer, change: Change, *, may_overdraw: bool = False
) -> tuple[TransactionRow, CreditState]:
    """Posts a transfer once for each idempotency key (INV-15).

    The resulting balance is checked under the ledger's lock, so no other transfer changes the pool before an excess is rolled back.
    """
    connection, organization = change.connection, change.caller.resource.organization
    try:
        (posted,) = await post_transfers(connection, organization, [transfer])
    except IdempotencyConflictError as error:
        raise request_id_reused() from error
    except asyncpg.NumericValueOutOfRangeError as error:
        message = "The balance would exceed the ledger's range. Use a smaller amount."
        raise AdminError(grpc.StatusCode.OUT_OF_RANGE, ErrorReason.BALANCE_OUT_OF_RANGE, message) from error
    state = await credit_store.credit_now(connection, organization)
    row = await credit_store.get_transaction(connection, organization, posted.sequence)
    if not posted.is_replay:
        await _refuse_excess(connection, organization, transfer, state, may_overdraw=may_overdraw)
        made = messages.transaction_message(organization, row)
        change.record(made.name, None, made, group_path=change.own_group_path)
    return row, state


async def _refuse_excess(
    connection: Connection, organization: str, transfer: Transfer, state: CreditState, *, may_overdraw: bool
) -> None:
    """Refuses a transfer that took more than was available.

    Args:
        connection: in the transaction that posted the transfer.
        organization: id of the owner of the pool.
        transfer: the posted transfer.
        state: the pool after it.
        may_overdraw: the caller allows the balance to fall below zero.

    Raises:
        AdminError: REFUND_EXCEEDS_TOP_UPS or CREDIT_INSUFFICIENT.
    """
    if transfer.kind is TransferKind.REFUND:
        left = await credit_store.refundable_nano_credits(connection, organization)
        if left < 0:
            message = "The refund exceeds what was topped up and not refunded yet. Refund a smaller amount."
            metadata = {"refundableNanoCredits": str(left + transfer.amount_nano_credits)}
            reason = ErrorReason.REFUND_EXCEEDS_TOP_UPS
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata)
    if transfer.pool_delta_nano_credits < 0 and state.available < 0 and not may_overdraw:
        message = "The amount exceeds the credit that is not held by calls. Take less, or set allow_overdraft."
        metadata = {"availableNanoCredits": str(state.available + transfer.amount_nano_credits)}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CREDIT_INSUFFICIENT, message, metadata)


def request_id_reused() -> AdminError:
    """The error for a request id that the ledger knows from a different request."""
    message = "This request_id was used for a different request. Use a new UUID for each new request."
    return AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.REQUEST_ID_REUSED, message)
