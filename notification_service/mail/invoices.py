"""The message to a billing contact about a requested invoice. Pure."""

import datetime as dt
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final

_NANOS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Invoice:
    """What an organization requested."""

    invoice_request: str
    currency_code: str
    amount_units: int
    amount_nanos: int
    credit_nano_credits: int
    note: str
    create_time: dt.datetime


def invoice_mail(invoice: Invoice, organization: str, sender: str, recipient: str, resource_name: str) -> EmailMessage:
    """Returns the message, with the same Message-ID each time (RFC 5322 section 3.6.4)."""
    message = EmailMessage()
    price = f"{invoice.currency_code} {_decimal(invoice.amount_units, invoice.amount_nanos, 2)}"
    credits_text = _decimal(*divmod(invoice.credit_nano_credits, _NANOS), 0)
    message["Subject"] = f"Invoice requested by {_one_line(organization)}: {price}"
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = invoice.create_time
    message["Message-ID"] = f"<{resource_name.replace('/', '.')}@{sender.rpartition('@')[2]}>"
    lines = [
        f"{_one_line(organization)} requests an invoice.",
        "",
        f"Amount:   {price}",
        f"Credits:  {credits_text}",
        f"Note:     {_one_line(invoice.note) or '-'}",
        f"Time:     {invoice.create_time:%Y-%m-%d %H:%M} UTC",
        f"Request:  {resource_name}",
        "",
        "The credits are added when the invoice is paid. This request added none.",
    ]
    message.set_content("\n".join(lines) + "\n")
    return message


def _decimal(units: int, nanos: int, least_places: int) -> str:
    digits = f"{nanos:09d}".rstrip("0").ljust(least_places, "0")
    return f"{units:,}.{digits}" if digits else f"{units:,}"


def _one_line(text: str) -> str:
    """Joins the lines of a text: headers and table rows must not contain line breaks."""
    return " ".join(text.split())
