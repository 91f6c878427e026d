"""Serves `megarouter.admin.v1.Credits`."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import credit_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, IntegerField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.credits import messages
from admin_service.resources.credits import store as credit_store
from admin_service.resources.credits.store import CreditState, TransactionRow
from admin_service.resources.invoices.service import Invoices, check_invoice
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.ledger.transfers import Transfer, TransferKind, adjustment, refund, top_up
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.ledger_store import IdempotencyConflictError, post_transfers
from gateway_core.stores.postgres.organization_wall import acting_for

_SEQUENCE: Final = SortColumn("sequence", "bigint")
_TRANSACTIONS: Final = Listing(
    columns=credit_store.TRANSACTION_COLUMNS,
    source="ledger_transfers",
    make=credit_store.transaction_of,
    permission=Permission.CREDITS_READ,
    orders={"ledger_sequence": _SEQUENCE},
    unique=_SEQUENCE,
    default_order="ledger_sequence",
    fields={
        "ledger_sequence": IntegerField("sequence"),
        "kind": EnumField("kind", {kind.name: kind.value for kind in TransferKind}, "KIND_"),
        "amount_nano_credits": IntegerField(f"({credit_store.POOL_DELTA})"),
        "actor": TextField("actor"),
        "reason": TextField("reason"),
        "hold_id": TextField("hold_id"),
        "create_time": TimeField("create_time"),
    },
    searched=("actor", "reason"),
)

_Taking = credit_pb2.AdjustCreditRequest | credit_pb2.RefundCreditRequest


class CreditsApi:
    """The credit pool of an organization."""

    service = credit_pb2.DESCRIPTOR.services_by_name["Credits"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        """Prepares the handlers. `make_id` returns a new id with a prefix."""
        invoices = Invoices(pool, page_tokens, make_id)
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "GetCreditBalance": self.get_balance,
            "GetCreditStatement": self.get_statement,
            "GetInvoiceRequest": invoices.get,
            "ListCreditTransactions": self.list,
            "ListInvoiceRequests": invoices.list,
        }
        self.changes: Mapping[str, MakeChange] = {
            "TopUpCredit": self.top_up,
            "AdjustCredit": self.adjust,
            "RefundCredit": self.refund,
            "RequestInvoice": invoices.request,
        }
        self.rules: Mapping[str, Rule] = {
            "GetCreditBalance": messages.check_balance,
            "GetCreditStatement": messages.check_statement,
            "RequestInvoice": check_invoice,
        }

    async def get_balance(
        self, request: credit_pb2.GetCreditBalanceRequest, caller: Caller
    ) -> credit_pb2.CreditBalance:
        """GetCreditBalance returns the balance now or at a past time."""
        organization = caller.resource.organization
        if not request.HasField("as_of_time"):
            async with acting_for(self._pool, organization) as connection:
                return messages.balance_message(organization, await credit_store.credit_now(connection, organization))
        as_of = messages.instant_of(request.as_of_time)
        await self._await_booked(organization, as_of, "as_of_time")
        async with acting_for(self._pool, organization) as connection:
            past = await credit_store.balance_before(connection, organization, as_of)
        return messages.past_balance_message(organization, past, as_of)

    async def get_statement(
        self, request: credit_pb2.GetCreditStatementRequest, caller: Caller
    ) -> credit_pb2.CreditStatement:
        """GetCreditStatement returns opening balance, totals and closing balance of an interval."""
        organization = caller.resource.organization
        start = messages.instant_of(request.interval.start_time)
        end = messages.instant_of(request.interval.end_time)
        await self._await_booked(organization, end, "interval")
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            statement = await credit_store.statement(connection, organization, start, end)
        return messages.statement_message(organization, request.interval, statement)

    async def list(
        self, request: credit_pb2.ListCreditTransactionsRequest, caller: Caller
    ) -> credit_pb2.ListCreditTransactionsResponse:
        """ListCreditTransactions returns the transfers that changed the pool."""
        organization = caller.resource.organization
        own = Condition("organization_id = {}", organization)
        query = _TRANSACTIONS.query(request, self._page_tokens, organization, own)
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return credit_pb2.ListCreditTransactionsResponse(
            credit_transactions=[messages.transaction_message(organization, row) for row in page.rows],
            next_page_token=page.next_page_token,
        )

    async def top_up(self, request: credit_pb2.TopUpCreditRequest, change: Change) -> credit_pb2.TopUpCreditResponse:
        """TopUpCredit adds credit to the pool."""
        row, state = await _post(_transfer(top_up, "top-up", request, change.caller), change)
        return credit_pb2.TopUpCreditResponse(
            top_up=credit_pb2.TopUp(
                ledger_sequence=row.sequence,
                amount_nano_credits=row.amount_nano_credits,
                reason=row.reason,
                create_time=timestamp(row.create_time),
            ),
            balance=messages.balance_message(change.caller.resource.organization, state),
        )

    async def adjust(self, request: credit_pb2.AdjustCreditRequest, change: Change) -> credit_pb2.AdjustCreditResponse:
        """AdjustCredit corrects the balance by an amount."""
        organization = change.caller.resource.organization
        transfer = _transfer(adjustment, "adjustment", request, change.caller)
        row, state = await _post(transfer, change, may_overdraw=request.allow_overdraft)
        return credit_pb2.AdjustCreditResponse(
            credit_transaction=messages.transaction_message(organization, row),
            balance=messages.balance_message(organization, state),
        )

    async def refund(self, request: credit_pb2.RefundCreditRequest, change: Change) -> credit_pb2.RefundCreditResponse:
        """RefundCredit takes back credit that was topped up."""
        organization = change.caller.resource.organization
        transfer = _transfer(refund, "refund", request, change.caller)
        row, state = await _post(transfer, change, may_overdraw=request.allow_overdraft)
        return credit_pb2.RefundCreditResponse(
            credit_transaction=messages.transaction_message(organization, row),
            balance=messages.balance_message(organization, state),
        )

    async def _await_booked(self, organization: str, instant: dt.datetime, field: str) -> None:
        """Waits until no more transfers can be booked before this time.

        Raises:
            AdminError: FIELD_INVALID, the time is in the future.
        """
        async with acting_for(self._pool, organization) as connection:
            if not await credit_store.has_passed(connection, instant):
                raise invalid_fields(FieldViolation(field, "must not be in the future"))
            await credit_store.await_postings(connection, organization)


async def _post(
    transfer: Transfer, change: Change, *, may_overdraw: bool = False
) -> tuple[TransactionRow, CreditState]:
    """Posts a transfer once for each idempotency key (INV-15).

    The resulting balance is checked under the ledger's lock, so no other transfer changes the pool before an excess is rolled back.
    """
    connection, organization = change.connection, change.caller.resource.organization
    try:
        (posted,) = await post_transfers(connection, organization, [transfer])
    except IdempotencyConflictError as error:
        message = "This request_id was used for a different request. Use a new UUID for each new request."
        raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.REQUEST_ID_REUSED, message) from error
    except asyncpg.NumericValueOutOfRangeError as error:
        message = "The balance would exceed the ledger's range. Use a smaller amount."
        raise AdminError(grpc.StatusCode.OUT_OF_RANGE, ErrorReason.BALANCE_OUT_OF_RANGE, message) from error
    state = await credit_store.credit_now(connection, organization)
    row = await credit_store.get_transaction(connection, organization, posted.sequence)
    if not posted.is_replay:
        await _refuse_excess(connection, organization, transfer, state, may_overdraw=may_overdraw)
        made = messages.transaction_message(organization, row)
        change.record(made.name, None, made)
    return row, state


def _transfer(
    make: Callable[..., Transfer], name: str, request: credit_pb2.TopUpCreditRequest | _Taking, caller: Caller
) -> Transfer:
    """Makes the requested transfer. The caller's user id is part of its idempotency key."""
    return make(
        request.amount_nano_credits,
        idempotency_key=f"{name}:{caller.user}:{uuid.UUID(request.request_id)}",
        actor=f"users/{caller.user}",
        reason=request.reason,
    )


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
