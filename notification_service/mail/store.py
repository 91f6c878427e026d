"""The outbox in PostgreSQL: takes the next message of an organization under a lease, and records what came of sending it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.stores.postgres.organization_wall import acting_for
from notification_service.mail.invoices import Invoice

LEASE_S: Final = 60.0
"""Longer than sending a message. If the process dies meanwhile, another sends it again after that."""

_DUE: Final = "SELECT DISTINCT organization_id FROM organizations_with_messages_due($1)"
# The lease moves the time of the next attempt, so that also a service that knows no leases leaves the message alone.
_LEASE: Final = """
WITH leased AS (
    UPDATE outbox_messages SET attempts = attempts + 1, attempt_time = now() + make_interval(secs => $3), claim = $2
     WHERE organization_id = $1 AND outbox_message_id = (
           SELECT outbox_message_id FROM outbox_messages
            WHERE organization_id = $1 AND deliver_time IS NULL AND attempt_time <= now()
            ORDER BY attempt_time, outbox_message_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING outbox_message_id, resource_name, recipient_email, attempts)
SELECT m.*, o.display_name, i.invoice_request_id, i.currency_code, i.amount_units, i.amount_nanos, i.credit_nano_credits, i.note,
       i.create_time
  FROM leased m JOIN organizations o ON o.organization_id = $1
  JOIN invoice_requests i ON i.organization_id = $1
   AND m.resource_name = format('organizations/%s/invoiceRequests/%s', $1, i.invoice_request_id)
"""
_DELIVERED: Final = """
WITH delivered AS (
    UPDATE outbox_messages SET deliver_time = now(), claim = ''
     WHERE organization_id = $1 AND outbox_message_id = $2 AND deliver_time IS NULL)
UPDATE invoice_requests SET state = 'DELIVERED' WHERE organization_id = $1 AND invoice_request_id = $3
"""
_POSTPONED: Final = """
UPDATE outbox_messages SET attempt_time = now() + make_interval(secs => $4), claim = ''
 WHERE organization_id = $1 AND outbox_message_id = $2 AND claim = $3
"""
_TELL: Final = "UPDATE deployment_settings SET sends_mail = $1 WHERE sends_mail <> $1"


@dataclass(frozen=True, slots=True)
class LeasedMail:
    """A message that this process may send until the lease ends."""

    organization: str
    message_id: int
    claim: str
    resource_name: str
    recipient: str
    attempt_number: int
    organization_name: str
    invoice: Invoice


async def organizations_due(pool: asyncpg.Pool, most: int) -> Sequence[str]:
    """Returns organizations with a message that is due."""
    return [row["organization_id"] for row in await pool.fetch(_DUE, most)]


async def lease_mail(pool: asyncpg.Pool, organization: str, claim: str) -> LeasedMail | None:
    """Leases the message that has been due longest; None if no message is free to send.

    Args:
        pool: logged in as notification_service's role.
        organization: whose message.
        claim: a new name for this lease.
    """
    async with acting_for(pool, organization) as connection:
        row = await connection.fetchrow(_LEASE, organization, claim, LEASE_S)
    if row is None:
        return None
    number, resource_name, recipient, attempts, organization_name, *invoice = row
    return LeasedMail(
        organization, number, claim, resource_name, recipient, attempts, organization_name, Invoice(*invoice)
    )


async def record_delivered(pool: asyncpg.Pool, mail: LeasedMail) -> None:
    """Records that the mail server accepted a message, also after the lease."""
    async with acting_for(pool, mail.organization) as connection:
        await connection.execute(_DELIVERED, mail.organization, mail.message_id, mail.invoice.invoice_request)


async def postpone(pool: asyncpg.Pool, mail: LeasedMail, pause_s: float) -> None:
    """Records that the mail server did not accept a message. Changes nothing if the lease has ended."""
    async with acting_for(pool, mail.organization) as connection:
        await connection.execute(_POSTPONED, mail.organization, mail.message_id, mail.claim, pause_s)


async def tell_whether_mail_is_sent(pool: asyncpg.Pool, *, sends_mail: bool) -> None:
    """Notes whether members can get alerts by e-mail."""
    await pool.execute(_TELL, sends_mail)
