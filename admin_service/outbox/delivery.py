"""Delivers the messages in the outbox. Today these are invoice requests, sent to billing contacts.

A message is sent inside the transaction that marks it delivered, so only one replica sends it. If that transaction fails after the
mail server accepted the message, it is sent again with the same Message-ID (RFC 5322 section 3.6.4).
"""

import asyncio
import logging
from email.message import EmailMessage
from typing import Final, Protocol

import asyncpg

from admin_service.api.names import parse_name
from admin_service.outbox.mail_channel import MailError
from admin_service.resources.invoices.store import InvoiceRow, get_invoice
from gateway_core.runtime.backoff import pause_s
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
_BATCH: Final = 100
_NANOS: Final = 10**9
_FIRST_PAUSE_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 3_840.0

_DUE: Final = "SELECT DISTINCT organization_id FROM organizations_with_messages_due($1)"
_TAKE: Final = """
SELECT m.outbox_message_id, m.resource_name, m.recipient_email, m.attempts, o.display_name
  FROM outbox_messages m JOIN organizations o USING (organization_id)
 WHERE m.organization_id = $1 AND m.deliver_time IS NULL AND m.attempt_time <= now()
 ORDER BY m.attempt_time LIMIT 1 FOR UPDATE OF m SKIP LOCKED
"""
_DELIVERED: Final = """
WITH delivered AS (
    UPDATE outbox_messages SET deliver_time = now(), attempts = attempts + 1 WHERE organization_id = $1 AND outbox_message_id = $2)
UPDATE invoice_requests SET state = 'DELIVERED' WHERE organization_id = $1 AND invoice_request_id = $3
"""
_POSTPONED: Final = """
UPDATE outbox_messages SET attempts = attempts + 1, attempt_time = now() + make_interval(secs => $3)
 WHERE organization_id = $1 AND outbox_message_id = $2
"""


class Mailer(Protocol):
    """Sends a message, or raises MailError if the mail server does not accept it."""

    async def send(self, message: EmailMessage) -> None:
        """Sends a message.

        Raises:
            MailError: the mail server did not accept it.
        """


class Outbox:
    """The messages that wait in PostgreSQL, with the mailer that sends them."""

    def __init__(self, pool: asyncpg.Pool, mailer: Mailer, sender: str) -> None:
        """Prepares delivery.

        Args:
            pool: logged in as admin_service's role.
            mailer: sends messages.
            sender: the address in `From`.
        """
        self._pool = pool
        self._mailer = mailer
        self._sender = sender

    async def keep_delivering(self, interval_s: float = INTERVAL_S) -> None:
        """Delivers due messages every `interval_s` seconds until canceled."""
        while True:
            try:
                await self.deliver_due()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("cannot deliver messages: PostgreSQL failed", extra={"error": type(error).__name__})
            await asyncio.sleep(interval_s)

    async def deliver_due(self) -> int:
        """Tries each due message once, at most 100 for each organization. Returns how many were delivered."""
        async with self._pool.acquire() as connection:
            organizations = [row[0] for row in await connection.fetch(_DUE, _BATCH)]
        delivered = 0
        for organization in organizations:
            for _ in range(_BATCH):
                outcome = await self._deliver_one(organization)
                if outcome is None:
                    break
                delivered += outcome
        return delivered

    async def _deliver_one(self, organization: str) -> bool | None:
        """Tries the message that has been due longest. Returns whether it was delivered, or None if no message is free to send."""
        async with acting_for(self._pool, organization) as connection:
            waiting = await connection.fetchrow(_TAKE, organization)
            if waiting is None:
                return None
            invoice = await _invoice(connection, waiting["resource_name"])
            message = invoice_mail(
                invoice, waiting["display_name"], self._sender, waiting["recipient_email"], waiting["resource_name"]
            )
            try:
                await self._mailer.send(message)
            except MailError as error:
                next_attempt_s = pause_s(waiting["attempts"] + 1, _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
                logger.warning(
                    "the mail server did not accept a message",
                    extra={"resource": waiting["resource_name"], "error": str(error), "next_attempt_s": next_attempt_s},
                )
                await connection.execute(_POSTPONED, organization, waiting["outbox_message_id"], next_attempt_s)
                return False
            await connection.execute(_DELIVERED, organization, waiting["outbox_message_id"], invoice.invoice_request)
            return True


async def _invoice(connection: Connection, resource_name: str) -> InvoiceRow:
    name = parse_name(resource_name)
    row = name and await get_invoice(connection, name.organization, str(name.resource_id))
    if not row:
        raise ValueError("an outbox message refers to an invoice request that does not exist")
    return row


def invoice_mail(
    invoice: InvoiceRow, organization: str, sender: str, recipient: str, resource_name: str
) -> EmailMessage:
    """Returns the message to the billing contact about a requested invoice."""
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
