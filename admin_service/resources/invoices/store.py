"""The rows of invoice requests, and the outbox message for each."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

INVOICE_COLUMNS: Final = """
i.organization_id, i.invoice_request_id, i.user_id, i.currency_code, i.amount_units, i.amount_nanos, i.credit_nano_credits,
i.billing_email, i.note, i.state, i.create_time
"""
_GET: Final = f"""
SELECT {INVOICE_COLUMNS} FROM invoice_requests i WHERE i.organization_id = $1 AND i.invoice_request_id = $2
"""  # noqa: S608
_ADD: Final = f"""
INSERT INTO invoice_requests AS i (organization_id, invoice_request_id, user_id, currency_code, amount_units, amount_nanos,
                                   credit_nano_credits, billing_email, note)
SELECT organization_id, $2, $3, $4, $5, $6, $7, billing_email, $8 FROM organizations
 WHERE organization_id = $1 AND billing_email IS NOT NULL
RETURNING {INVOICE_COLUMNS}
"""  # noqa: S608
_SEND: Final = """
INSERT INTO outbox_messages (organization_id, kind, resource_name, recipient_email) VALUES ($1, 'INVOICE_REQUEST', $2, $3)
"""


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """A stored invoice request."""

    organization: str
    invoice_request: str
    user: str
    currency_code: str
    amount_units: int
    amount_nanos: int
    credit_nano_credits: int
    billing_email: str
    note: str
    state: str
    create_time: dt.datetime


async def get_invoice(connection: Connection, organization: str, invoice_request: str) -> InvoiceRow | None:
    """Returns the request, or None. The transaction must act for its organization."""
    row = await connection.fetchrow(_GET, organization, invoice_request)
    return InvoiceRow(*row) if row else None


async def add_invoice(
    connection: Connection,
    organization: str,
    invoice_request: str,
    *,
    user: str,
    currency_code: str,
    units: int,
    nanos: int,
    credit_nano_credits: int,
    note: str,
) -> InvoiceRow | None:
    """Stores a request to the organization's billing contact. Returns None if the organization has none.

    The transaction must act for the organization. `units` and `nanos` are the price in the currency.
    """
    row = await connection.fetchrow(
        _ADD, organization, invoice_request, user, currency_code, units, nanos, credit_nano_credits, note
    )
    return InvoiceRow(*row) if row else None


async def put_into_outbox(connection: Connection, organization: str, resource_name: str, recipient_email: str) -> None:
    """Queues the message about a request for delivery."""
    await connection.execute(_SEND, organization, resource_name, recipient_email)
