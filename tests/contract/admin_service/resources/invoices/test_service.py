"""Invoice requests over the API: created once, and sent to the billing contact."""

import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.type.money_pb2 import Money
from megarouter.admin.v1 import audit_log_pb2, credit_pb2
from megarouter.admin.v1.credit_pb2 import InvoiceRequest

from tests.contract.admin_service.conftest import Client

CREDIT = 10**9
CONTACT = "billing@acme.example"
BALANCE = credit_pb2.GetCreditBalanceRequest(name="organizations/acme/creditBalance")


@pytest.fixture
async def contact(owner: asyncpg.Connection, people: None) -> None:
    await owner.execute("UPDATE organizations SET billing_email = $1 WHERE organization_id = 'acme'", CONTACT)


def asked(
    request_id: str = "", units: int = 250, nanos: int = 500_000_000, currency: str = "EUR", **others: Any
) -> Any:
    values = {"parent": "organizations/acme", "amount_nano_credits": 300 * CREDIT, **others}
    amount = Money(currency_code=currency, units=units, nanos=nanos)
    return credit_pb2.RequestInvoiceRequest(amount=amount, request_id=request_id or str(uuid.uuid4()), **values)


@pytest.mark.usefixtures("contact")
async def test_an_invoice_goes_to_the_billing_contact_and_moves_no_credit(
    client: Client, owner: asyncpg.Connection
) -> None:
    made = await client.call("RequestInvoice", asked(note="PO 4711"), "l1")
    assert (made.billing_email, made.note, made.user) == (CONTACT, "PO 4711", "users/l1")
    assert (made.amount.currency_code, made.amount.units, made.amount.nanos) == ("EUR", 250, 500_000_000)
    assert (made.amount_nano_credits, made.state) == (300 * CREDIT, InvoiceRequest.STATE_PENDING)
    assert await client.call("GetInvoiceRequest", credit_pb2.GetInvoiceRequestRequest(name=made.name)) == made
    assert (await client.call("GetCreditBalance", BALANCE)).balance_nano_credits == 0
    (message,) = await owner.fetch("SELECT kind, resource_name, recipient_email, deliver_time FROM outbox_messages")
    assert tuple(message) == ("INVOICE_REQUEST", made.name, CONTACT, None)


async def test_a_request_without_a_billing_contact_is_refused(client: Client, owner: asyncpg.Connection) -> None:
    failure = await client.failure("RequestInvoice", asked())
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BILLING_CONTACT_MISSING")
    assert "billing_email" in failure.message
    assert await owner.fetchval("SELECT count(*) FROM invoice_requests") == 0
    assert await owner.fetchval("SELECT count(*) FROM outbox_messages") == 0


@pytest.mark.usefixtures("contact")
async def test_a_repeated_request_creates_no_second_one(client: Client, owner: asyncpg.Connection) -> None:
    request_id = str(uuid.uuid4())
    first = await client.call("RequestInvoice", asked(request_id))
    assert await client.call("RequestInvoice", asked(request_id)) == first
    assert (await client.failure("RequestInvoice", asked(request_id, units=251))).reason == "REQUEST_ID_REUSED"
    assert await owner.fetchval("SELECT count(*) FROM outbox_messages") == 1


@pytest.mark.usefixtures("contact")
async def test_a_request_keeps_the_contact_of_its_creation(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.call("RequestInvoice", asked())
    await owner.execute("UPDATE organizations SET billing_email = 'new@acme.example' WHERE organization_id = 'acme'")
    again = await client.call("GetInvoiceRequest", credit_pb2.GetInvoiceRequestRequest(name=made.name))
    assert again.billing_email == CONTACT


@pytest.mark.usefixtures("contact")
async def test_a_request_is_in_the_audit_log(client: Client) -> None:
    made = await client.call("RequestInvoice", asked(), "l1")
    request = audit_log_pb2.ListAuditLogEntriesRequest(parent="organizations/acme")
    (entry,) = (await client.call("ListAuditLogEntries", request)).audit_log_entries
    assert (entry.method, entry.resource) == ("megarouter.admin.v1.Credits/RequestInvoice", made.name)
    assert (entry.user, entry.HasField("before")) == ("users/l1", False)
    assert MessageToDict(entry)["after"]["billingEmail"] == CONTACT


@pytest.mark.usefixtures("contact")
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("amount.currency_code", {"currency": "euro"}),
        ("amount.currency_code", {"currency": "ABC"}),
        ("amount.currency_code", {"currency": "XAU"}),
        ("amount.currency_code", {"currency": "eur"}),
        ("amount.nanos", {"currency": "EUR", "nanos": 1_000_000}),
        ("amount.nanos", {"currency": "JPY", "units": 10, "nanos": 500_000_000}),
        ("amount.nanos", {"currency": "KWD", "units": 10, "nanos": 500_000}),
        ("amount", {"currency": "EUR", "units": 0, "nanos": 10_000_000}),
        ("amount.units", {"units": -1}),
        ("amount.units", {"units": 10**12}),
        ("amount.nanos", {"nanos": -1}),
        ("amount.nanos", {"nanos": 10**9}),
        ("amount", {"units": 0, "nanos": 0}),
        ("amount_nano_credits", {"amount_nano_credits": 0}),
        ("amount_nano_credits", {"amount_nano_credits": 10**18 + 1}),
        ("request_id", {"request_id": "7"}),
        ("note", {"note": "x" * 201}),
    ],
)
async def test_an_invalid_field_is_named(
    client: Client, owner: asyncpg.Connection, field: str, wrong: dict[str, Any]
) -> None:
    failure = await client.failure("RequestInvoice", asked(**wrong))
    assert (failure.reason, failure.fields) == ("FIELD_INVALID", (field,))
    assert await owner.fetchval("SELECT count(*) FROM invoice_requests") == 0


@pytest.mark.usefixtures("contact")
async def test_a_caller_who_may_not_request_invoices_sees_none(client: Client) -> None:
    made = await client.call("RequestInvoice", asked())
    listed = credit_pb2.ListInvoiceRequestsRequest(parent="organizations/acme")
    for member in ("sub", "member", "stranger"):
        assert await client.code("RequestInvoice", asked(), member) is grpc.StatusCode.PERMISSION_DENIED
        assert await client.code("ListInvoiceRequests", listed, member) is grpc.StatusCode.PERMISSION_DENIED
        got = credit_pb2.GetInvoiceRequestRequest(name=made.name)
        assert await client.code("GetInvoiceRequest", got, member) is grpc.StatusCode.PERMISSION_DENIED
    absent = credit_pb2.GetInvoiceRequestRequest(name="organizations/acme/invoiceRequests/inv-none")
    assert await client.code("GetInvoiceRequest", absent, "super") is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.usefixtures("contact")
async def test_requests_are_listed_newest_first_filtered_and_paged(client: Client) -> None:
    made = [await client.call("RequestInvoice", asked(note=note)) for note in ("one", "two", "three")]
    request = credit_pb2.ListInvoiceRequestsRequest(parent="organizations/acme", page_size=2)
    first = await client.call("ListInvoiceRequests", request)
    request.page_token = first.next_page_token
    second = await client.call("ListInvoiceRequests", request)
    assert [*first.invoice_requests, *second.invoice_requests] == sorted(made, key=lambda each: each.name, reverse=True)
    for text, notes in (('note = "two"', ["two"]), ("state = STATE_DELIVERED", []), ('user = "users/l1"', [])):
        filtered = credit_pb2.ListInvoiceRequestsRequest(parent="organizations/acme", filter=text)
        assert [each.note for each in (await client.call("ListInvoiceRequests", filtered)).invoice_requests] == notes


@pytest.mark.usefixtures("contact")
@pytest.mark.parametrize(
    ("currency", "units", "nanos"),
    [("EUR", 1, 0), ("EUR", 10, 990_000_000), ("JPY", 1_000, 0), ("KWD", 10, 125_000_000), ("CHF", 5, 50_000_000)],
)
async def test_an_amount_has_the_decimals_of_its_currency(
    client: Client, currency: str, units: int, nanos: int
) -> None:
    made = await client.call("RequestInvoice", asked(currency=currency, units=units, nanos=nanos))
    assert (made.amount.currency_code, made.amount.units, made.amount.nanos) == (currency, units, nanos)
