"""Sends the messages in the outbox. Today these are invoice requests, sent to billing contacts.

A message is leased in one transaction, sent without any, and recorded in another. A process that ends between sending and recording
makes it be sent again, with the same Message-ID (RFC 5322 section 3.6.4).
"""

import asyncio
import logging
from collections.abc import Callable
from email.message import EmailMessage
from typing import Final, Protocol

import asyncpg

from gateway_core.runtime.backoff import pause_s
from gateway_core.stores.postgres.connections import UNAVAILABLE
from notification_service.mail import store
from notification_service.mail.invoices import invoice_mail
from notification_service.mail.store import LeasedMail
from notification_service.transport.mail_server import ACCEPTED
from notification_service.transport.posting import Exchange

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
_BATCH: Final = 100
_ORGANIZATIONS_AT_A_TIME: Final = 8
_FIRST_PAUSE_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 3_840.0


class Mailer(Protocol):
    """Sends messages."""

    async def send(self, message: EmailMessage) -> Exchange:
        """Returns what came of it, also a failure."""


class MailOutbox:
    """The messages that wait in PostgreSQL, with the mailer that sends them."""

    def __init__(self, pool: asyncpg.Pool, mailer: Mailer, sender: str, new_claim: Callable[[], str]) -> None:
        """Prepares sending.

        Args:
            pool: logged in as notification_service's role.
            mailer: sends messages.
            sender: the address in `From`.
            new_claim: returns an id that no other lease has.
        """
        self._pool = pool
        self._mailer = mailer
        self._sender = sender
        self._new_claim = new_claim

    async def keep_sending(self, interval_s: float = INTERVAL_S) -> None:
        """Sends what is due every `interval_s` seconds until canceled."""
        while True:
            try:
                await self.send_due()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("cannot send messages: PostgreSQL failed", extra={"error": type(error).__name__})
            await asyncio.sleep(interval_s)

    async def send_due(self) -> int:
        """Tries each due message once, at most 100 for each organization. Returns how many were delivered."""
        organizations = await store.organizations_due(self._pool, _BATCH)
        room = asyncio.Semaphore(_ORGANIZATIONS_AT_A_TIME)
        return sum(await asyncio.gather(*(self._send_all(organization, room) for organization in organizations)))

    async def _send_all(self, organization: str, room: asyncio.Semaphore) -> int:
        delivered = 0
        async with room:
            for _ in range(_BATCH):
                mail = await store.lease_mail(self._pool, organization, self._new_claim())
                if mail is None:
                    break
                delivered += await self._send(mail)
        return delivered

    async def _send(self, mail: LeasedMail) -> bool:
        """Tries a message. Returns whether it was delivered."""
        message = invoice_mail(mail.invoice, mail.organization_name, self._sender, mail.recipient, mail.resource_name)
        exchange = await self._mailer.send(message)
        answer = exchange.answer
        if answer is not None and answer.status == ACCEPTED:
            await store.record_delivered(self._pool, mail)
            return True
        next_attempt_s = pause_s(mail.attempt_number, _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        logger.warning(
            "the mail server did not accept a message",
            extra={
                "resource": mail.resource_name,
                # Not the text of the answer, which may quote the address.
                "error": exchange.error if answer is None else f"SMTP {answer.status}",
                "next_attempt_s": next_attempt_s,
            },
        )
        await store.postpone(self._pool, mail, next_attempt_s)
        return False
