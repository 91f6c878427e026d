"""Serves the invoice RPCs of `megarouter.admin.v1.Credits`."""

from collections.abc import Callable, Iterable
from typing import Final

import asyncpg
import grpc
from google.type.money_pb2 import Money
from megarouter.admin.v1 import credit_pb2
from megarouter.admin.v1.credit_pb2 import InvoiceRequest
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, FieldViolation, permission_denied
from admin_service.api.names import INVOICE_REQUESTS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, IntegerField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.invoices.currencies import DECIMALS, MIN_UNITS, is_payable
from admin_service.resources.invoices.store import (
    INVOICE_COLUMNS,
    InvoiceRow,
    add_invoice,
    get_invoice,
    put_into_outbox,
)
from admin_service.serving.change_transaction import Change
from gateway_core.stores.postgres.organization_wall import acting_for

_MAX_UNITS: Final = 10**12 - 1
_NANOS: Final = 10**9
_INVOICES: Final = Listing(
    columns=INVOICE_COLUMNS,
    source="invoice_requests i",
    make=InvoiceRow,
    permission=Permission.CREDITS_READ,
    orders={"name": SortColumn("i.invoice_request_id")},
    unique=SortColumn("i.invoice_request_id"),
    default_order="name desc",  # ids increase with time
    fields={
        "state": EnumField("i.state", {"PENDING": "PENDING", "DELIVERED": "DELIVERED"}, "STATE_"),
        "user": NameField("i.user_id", "users/{id}"),
        "billing_email": TextField("i.billing_email"),
        "note": TextField("i.note"),
        "create_time": TimeField("i.create_time"),
        "amount_nano_credits": IntegerField("i.credit_nano_credits"),
    },
    searched=("i.note", "i.billing_email"),
)


class Invoices:
    """Requests for invoices."""

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, make_id: Callable[[str], str]) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id

    async def get(self, _request: credit_pb2.GetInvoiceRequestRequest, caller: Caller) -> InvoiceRequest:
        """GetInvoiceRequest returns one request."""
        name = caller.resource
        async with acting_for(self._pool, name.organization) as connection:
            row = await get_invoice(connection, name.organization, str(name.resource_id))
        if row is None:
            raise permission_denied(Permission.CREDITS_READ, str(name))
        return _message(row)

    async def list(
        self, request: credit_pb2.ListInvoiceRequestsRequest, caller: Caller
    ) -> credit_pb2.ListInvoiceRequestsResponse:
        """ListInvoiceRequests returns the organization's requests."""
        organization = caller.resource.organization
        own = Condition("i.organization_id = {}", organization)
        query = _INVOICES.query(request, self._page_tokens, organization, own)
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return credit_pb2.ListInvoiceRequestsResponse(
            invoice_requests=map(_message, page.rows), next_page_token=page.next_page_token
        )

    async def request(self, request: credit_pb2.RequestInvoiceRequest, change: Change) -> InvoiceRequest:
        """RequestInvoice stores a request, and puts the message to the billing contact into the outbox in the same transaction."""
        organization = change.caller.resource.organization
        row = await add_invoice(
            change.connection,
            organization,
            self._make_id("inv"),
            user=change.caller.user,
            currency_code=request.amount.currency_code,
            units=request.amount.units,
            nanos=request.amount.nanos,
            credit_nano_credits=request.amount_nano_credits,
            note=request.note,
        )
        if row is None:
            message = "The organization has no billing contact. Set its billing_email first."
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.BILLING_CONTACT_MISSING, message)
        made = _message(row)
        await put_into_outbox(change.connection, organization, made.name, row.billing_email)
        change.record(made.name, None, made, group_path=change.own_group_path)
        return made


def check_invoice(request: credit_pb2.RequestInvoiceRequest) -> Iterable[FieldViolation]:
    """Checks the amount to be paid."""
    amount = request.amount
    decimals = DECIMALS.get(amount.currency_code)
    if decimals is None:
        yield FieldViolation("amount.currency_code", "must be the code of a currency in ISO 4217, such as USD")
    if not 0 <= amount.units <= _MAX_UNITS:
        yield FieldViolation("amount.units", f"must be 0 to {_MAX_UNITS}")
    if not 0 <= amount.nanos < _NANOS:
        yield FieldViolation("amount.nanos", f"must be 0 to {_NANOS - 1}")
    elif decimals is not None and not is_payable(amount.nanos, decimals):
        most = "no decimals" if decimals == 0 else f"at most {decimals} decimals"
        yield FieldViolation("amount.nanos", f"must have {most} in {amount.currency_code}")
    if 0 <= amount.units < MIN_UNITS:
        yield FieldViolation("amount", f"must be at least {MIN_UNITS} unit of the currency")


def _message(row: InvoiceRow) -> InvoiceRequest:
    return InvoiceRequest(
        name=str(ResourceName(row.organization, INVOICE_REQUESTS, row.invoice_request)),
        amount=Money(currency_code=row.currency_code, units=row.amount_units, nanos=row.amount_nanos),
        amount_nano_credits=row.credit_nano_credits,
        billing_email=row.billing_email,
        note=row.note,
        state=InvoiceRequest.State.Value(f"STATE_{row.state}"),
        user=str(UserResourceName(row.user)),
        create_time=timestamp(row.create_time),
    )
