"""The commands `megarouter credits` for statements and invoices."""

import datetime as dt
import enum
from typing import Annotated
from zoneinfo import ZoneInfo

from google.type.money_pb2 import Money
from megarouter.admin.v1.messages import (
    CreditStatement,
    CreditStatementShare,
    GetCreditStatementRequest,
    InvoiceRequest,
    ListInvoiceRequestsRequest,
    RequestInvoiceRequest,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, command, label
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.repeatable import AmountArgument, RequestIdOption, repeatable
from megarouter_admin.command_line.resources.credits.pool import application, kind_of
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import NANO_CREDITS_PER_CREDIT, format_credits, parse_credits
from megarouter_admin.command_line.values.names import short_name
from megarouter_admin.command_line.values.times import moment_of, parse_moment, timestamp


class Breakdown(enum.StrEnum):
    """By what the charges of a statement are divided."""

    GROUP = "group"
    MEMBER = "member"


@command(
    application,
    "statement",
    "credits statement",
    "credits statement --from 2026-10-01 --to 2026-11-01 --by member",
)
def statement(
    session: Session,
    start: Annotated[str, Option("--from", metavar="WHEN", text="Start. Default: the first of this month.")] = "",
    end: Annotated[str, Option("--to", metavar="WHEN", text="End, not included. Default: now.")] = "",
    by: Annotated[Breakdown | None, Option("--by", text="Also divide the charges: group or member.")] = None,
) -> None:
    """Show a period: the opening balance, what moved, and the closing balance. Dates are in the organization's time zone."""
    zone = session.zone
    last = parse_moment(end, session.now, zone) if end else None
    month = (last or session.now).astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    first = parse_moment(start, session.now, zone) if start else month
    request = GetCreditStatementRequest(
        name=f"{session.organization}/creditStatement",
        time_range=TimeRange(start_time=timestamp(first), end_time=timestamp(last) if last else None),
        breakdown=CreditStatement.Breakdown.Value(f"BREAKDOWN_{by.name if by else 'UNSPECIFIED'}"),
    )
    found = session.router.credits.GetCreditStatement(request)
    if session.output.json:
        session.output.one(found, [])
        return
    session.output.remark(
        f"{_moment(first, zone)} to {_moment(moment_of(found.time_range.end_time), zone)}, {zone.key}"
    )
    moves = [
        (f"{kind_of(entry.kind)} ({entry.transaction_count:,})", entry.amount_nano_credits) for entry in found.entries
    ]
    lines = [("opening", found.opening_balance_nano_credits), *moves, ("closing", found.closing_balance_nano_credits)]
    session.output.rows(
        [Column("", lambda line: line[0]), Column("credits", lambda line: line[1], Kind.AMOUNT)], lines, "nothing moved"
    )
    if by:
        session.output.document("\n")
        session.output.rows(_share_columns(by), found.shares, "no charges")


def _moment(moment: dt.datetime, zone: ZoneInfo) -> str:
    """Returns a time in a zone, without the time of day at midnight."""
    local = moment.astimezone(zone)
    return local.date().isoformat() if local.time() == dt.time() else local.isoformat(" ", "seconds")[:19]


def _share_columns(by: Breakdown) -> list[Column[CreditStatementShare]]:
    return [
        Column(by.value, lambda share: "all others" if share.is_remainder else short_name(share.scope) or "no group"),
        Column("name", lambda share: share.scope_display_name),
        Column("charges", lambda share: share.transaction_count, Kind.NUMBER),
        Column("credits", lambda share: share.amount_nano_credits, Kind.AMOUNT),
    ]


@command(application, "invoice", "credits invoice 500 --price 500 --currency EUR")
def invoice(
    session: Session,
    amount: AmountArgument,
    price: Annotated[str, Option(metavar="MONEY", text="Price, such as 499.90.")],
    currency: Annotated[str, Option(metavar="CODE", text="Currency (ISO 4217), such as EUR.")],
    note: Annotated[str, Option(metavar="TEXT", text="Note to the billing contact.")] = "",
    request_id: RequestIdOption = "",
) -> None:
    """Request an invoice. The request goes to the billing contact by e-mail."""
    units, nanos = divmod(parse_credits(price), NANO_CREDITS_PER_CREDIT)  # one unit of Money also has 10^9 nanos
    with repeatable(session, request_id) as identified:
        request = RequestInvoiceRequest(
            parent=session.organization,
            amount=Money(currency_code=currency, units=units, nanos=nanos),
            amount_nano_credits=parse_credits(amount),
            note=note,
            request_id=identified,
        )
        answer = session.router.credits.RequestInvoice(request)
    session.output.one(
        answer,
        [
            ("request", answer.name),
            ("credits", format_credits(answer.amount_nano_credits)),
            ("goes to", answer.billing_email),
        ],
    )


@command(application, "invoices", "credits invoices", "credits invoices --filter 'state = STATE_PENDING'")
def invoices(session: Session, filter_text: FilterOption = "", limit: LimitOption = 100) -> None:
    """List the invoice requests, newest first, and whether a mail server accepted each."""
    request = ListInvoiceRequestsRequest(parent=session.organization, filter=filter_text)
    found = session.listed(session.router.credits.ListInvoiceRequests, request, "invoice_requests", limit)
    columns = [
        Column[InvoiceRequest]("request", lambda one: one.name.rpartition("/")[2]),
        Column[InvoiceRequest]("when", lambda one: session.ago(one.create_time)),
        Column[InvoiceRequest]("credits", lambda one: one.amount_nano_credits, Kind.AMOUNT),
        Column[InvoiceRequest]("price", lambda one: _price(one.amount), Kind.MEASURE),
        Column[InvoiceRequest]("state", lambda one: label(InvoiceRequest.State.Name(one.state), "STATE_")),
        Column[InvoiceRequest]("to", lambda one: one.billing_email),
        Column[InvoiceRequest]("note", lambda one: one.note),
    ]
    session.output.rows(columns, found, "no invoice requests")


def _price(amount: Money) -> str:
    """Returns an amount of money; one unit of it has 10^9 nanos, like a credit."""
    return f"{format_credits(amount.units * NANO_CREDITS_PER_CREDIT + amount.nanos)} {amount.currency_code}"
