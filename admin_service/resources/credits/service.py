"""Serves `megarouter.admin.v1.Credits`."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import credit_pb2

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import FieldViolation, invalid_fields, permission_denied
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, IntegerField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.credits import messages
from admin_service.resources.credits import store as credit_store
from admin_service.resources.credits.lines import credit_line, exceeds_line, line_exceeded, line_message
from admin_service.resources.credits.posting import post_once
from admin_service.resources.credits.statement_shares import statement_shares
from admin_service.resources.credits.top_up_requests import TopUpRequests
from admin_service.resources.invoices.service import Invoices, check_invoice
from admin_service.resources.organizations.personal import refuse_in_personal_account
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.ledger.transfers import Transfer, TransferKind, adjustment, refund, top_up
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

_PERSONAL: Final = "A personal account cannot be topped up. Ask an operator of the deployment for a grant."
_Taking = credit_pb2.AdjustCreditRequest | credit_pb2.RefundCreditRequest


class CreditsApi:
    """The credit pool of an organization."""

    service = credit_pb2.DESCRIPTOR.services_by_name["Credits"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        """Prepares the handlers. `make_id` returns a new id with a prefix."""
        invoices = Invoices(pool, page_tokens, make_id)
        self._requests = TopUpRequests(pool, page_tokens, make_id)
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "GetCreditBalance": self.get_balance,
            "GetCreditLine": self.get_line,
            "GetCreditStatement": self.get_statement,
            "GetCreditTransaction": self.get_transaction,
            "GetInvoiceRequest": invoices.get,
            "GetTopUpRequest": self._requests.get,
            "ListCreditTransactions": self.list,
            "ListInvoiceRequests": invoices.list,
            "ListTopUpRequests": self._requests.list,
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

    async def get_line(self, _request: credit_pb2.GetCreditLineRequest, caller: Caller) -> credit_pb2.CreditLine:
        """GetCreditLine returns how much the organization may top up without an operator."""
        organization = caller.resource.organization
        async with acting_for(self._pool, organization) as connection:
            return line_message(organization, await credit_line(connection, organization))

    async def get_statement(
        self, request: credit_pb2.GetCreditStatementRequest, caller: Caller
    ) -> credit_pb2.CreditStatement:
        """GetCreditStatement returns opening balance, totals and closing balance of a period, and who the charges are of."""
        organization = caller.resource.organization
        start, end = messages.instant_of(request.time_range.start_time), await self._end_of(request, organization)
        if violations := list(messages.span_violations(start, end)):
            raise invalid_fields(*violations)
        await self._await_booked(organization, end, "time_range")
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            statement = await credit_store.statement(connection, organization, start, end)
            division = messages.DIVISIONS.get(request.breakdown)
            shares = (
                await statement_shares(connection, organization, start, end, division, caller.actor) if division else []
            )
        return messages.statement_message(organization, start, end, statement, shares)

    async def get_transaction(
        self, _request: credit_pb2.GetCreditTransactionRequest, caller: Caller
    ) -> credit_pb2.CreditTransaction:
        """GetCreditTransaction returns one transfer."""
        name = caller.resource
        async with acting_for(self._pool, name.organization) as connection:
            row = await credit_store.find_transaction(connection, name.organization, int(str(name.resource_id)))
        if row is None:
            raise permission_denied(Permission.CREDITS_READ, str(name))
        return messages.transaction_message(name.organization, row)

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
        """TopUpCredit adds credit to the pool, or asks an operator if it exceeds the credit line."""
        connection, organization = change.connection, change.caller.resource.organization
        await refuse_in_personal_account(connection, organization, _PERSONAL)
        transfer = _transfer(top_up, "top-up", request, change.caller)
        asked = await self._requests.made_before(connection, organization, transfer)
        if asked is None and await exceeds_line(connection, organization, transfer):
            asked = await self._requests.make(transfer, change)
        if asked:
            state = await credit_store.credit_now(connection, organization)
            balance = messages.balance_message(organization, state)
            return credit_pb2.TopUpCreditResponse(balance=balance, top_up_request=asked)
        row, state = await post_once(transfer, change)
        return credit_pb2.TopUpCreditResponse(
            top_up=credit_pb2.TopUp(
                ledger_sequence=row.sequence,
                amount_nano_credits=row.amount_nano_credits,
                reason=row.reason,
                create_time=timestamp(row.create_time),
            ),
            balance=messages.balance_message(organization, state),
        )

    async def adjust(self, request: credit_pb2.AdjustCreditRequest, change: Change) -> credit_pb2.AdjustCreditResponse:
        """AdjustCredit corrects the balance by an amount."""
        organization = change.caller.resource.organization
        transfer = _transfer(adjustment, "adjustment", request, change.caller)
        if await exceeds_line(change.connection, organization, transfer):
            raise await line_exceeded(change.connection, organization)
        row, state = await post_once(transfer, change, may_overdraw=request.allow_overdraft)
        return credit_pb2.AdjustCreditResponse(
            credit_transaction=messages.transaction_message(organization, row),
            balance=messages.balance_message(organization, state),
        )

    async def refund(self, request: credit_pb2.RefundCreditRequest, change: Change) -> credit_pb2.RefundCreditResponse:
        """RefundCredit takes back credit that was topped up."""
        organization = change.caller.resource.organization
        transfer = _transfer(refund, "refund", request, change.caller)
        row, state = await post_once(transfer, change, may_overdraw=request.allow_overdraft)
        return credit_pb2.RefundCreditResponse(
            credit_transaction=messages.transaction_message(organization, row),
            balance=messages.balance_message(organization, state),
        )

    async def _end_of(self, request: credit_pb2.GetCreditStatementRequest, organization: str) -> dt.datetime:
        """Returns the end of the period, which is now unless the request has one."""
        if request.time_range.HasField("end_time"):
            return messages.instant_of(request.time_range.end_time)
        async with acting_for(self._pool, organization) as connection:
            return await credit_store.booking_time(connection)

    async def _await_booked(self, organization: str, instant: dt.datetime, field: str) -> None:
        """Waits until no more transfers can be booked before this time.

        Raises:
            AdminError: FIELD_INVALID, the time is in the future.
        """
        async with acting_for(self._pool, organization) as connection:
            if not await credit_store.has_passed(connection, instant):
                raise invalid_fields(FieldViolation(field, "must not be in the future"))
            await credit_store.await_postings(connection, organization)


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
