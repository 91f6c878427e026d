"""E-mail that admin_service left in the outbox reaches a real mail server once."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from gateway_core.stores.postgres.connections import open_pool
from notification_service.mail.outbox import MailOutbox
from notification_service.transport.mail_server import MailAccount, MailServer
from notification_service.wiring import ROLE
from tests.contract.notification_service.outbox.deliveries import make_settings
from tests.support.chats.mail_server import PASSWORD, Mailbox, running_mail_server

SENDER = "megarouter@gateway.example"
CONTACT = "billing@acme.example"
INVOICE = "organizations/acme/invoiceRequests/invoice-1"
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")

EVERY_MESSAGE = "SELECT attempts, deliver_time IS NOT NULL, attempt_time > now() FROM outbox_messages"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def account(mailbox: Mailbox, tmp_path: Any) -> AsyncIterator[MailAccount]:
    async with running_mail_server(mailbox, tmp_path) as account:
        yield account


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with open_pool(make_settings(database_url), ROLE) as pool:
        yield pool


def outbox_of(pool: asyncpg.Pool, account: MailAccount) -> MailOutbox:
    return MailOutbox(pool, MailServer(account, ssl.create_default_context()), SENDER, lambda: os.urandom(8).hex())


@pytest.fixture
def outbox(pool: asyncpg.Pool, account: MailAccount) -> MailOutbox:
    return outbox_of(pool, account)


@pytest.fixture
async def invoice(owner: asyncpg.Connection) -> None:
    """A requested invoice with its message, as admin_service writes them."""
    await owner.execute(
        "INSERT INTO organizations (organization_id, display_name, billing_email) VALUES ('acme', 'Acme, Söhne & Co', $1)",
        CONTACT,
    )
    await owner.execute("INSERT INTO users (user_id, email, display_name) VALUES ('l1', 'l1@acme.example', 'L1')")
    await owner.execute(
        "INSERT INTO invoice_requests (organization_id, invoice_request_id, user_id, currency_code, amount_units,"
        " amount_nanos, credit_nano_credits, billing_email, note)"
        " VALUES ('acme', 'invoice-1', 'l1', 'EUR', 250, 500000000, 300000000000, $1, 'PO 4711')",
        CONTACT,
    )
    await owner.execute(
        "INSERT INTO outbox_messages (organization_id, kind, resource_name, recipient_email)"
        " VALUES ('acme', 'INVOICE_REQUEST', $1, $2)",
        INVOICE,
        CONTACT,
    )


async def state_of(owner: asyncpg.Connection) -> str:
    return str(await owner.fetchval("SELECT state FROM invoice_requests"))


async def test_a_request_for_an_invoice_reaches_the_billing_contact_once(
    owner: asyncpg.Connection, outbox: MailOutbox, mailbox: Mailbox, invoice: None
) -> None:
    assert [await outbox.send_due() for _ in range(2)] == [1, 0]
    ((envelope, message),) = mailbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, [CONTACT])
    assert (message["to"], message["from"]) == (CONTACT, SENDER)
    assert message["subject"] == "Invoice requested by Acme, Söhne & Co: EUR 250.50"
    assert message["message-id"] == f"<{INVOICE.replace('/', '.')}@gateway.example>"
    text = message.get_content().replace("\r\n", "\n")
    assert ("Credits:  300\n" in text, "Note:     PO 4711\n" in text, INVOICE in text) == (True, True, True)
    assert await state_of(owner) == "DELIVERED"
    assert tuple(await owner.fetchrow(EVERY_MESSAGE) or ())[:2] == (1, True)


@pytest.mark.parametrize("answer", ["451 later", "550 no such mailbox"])
async def test_a_message_that_the_mail_server_refuses_is_retried_later(
    owner: asyncpg.Connection, outbox: MailOutbox, mailbox: Mailbox, invoice: None, answer: str
) -> None:
    mailbox.answer = answer
    assert [await outbox.send_due() for _ in range(2)] == [0, 0]
    assert tuple(await owner.fetchrow(EVERY_MESSAGE) or ()) == (1, False, True)
    assert await state_of(owner) == "PENDING"
    mailbox.answer = "250 OK"
    await owner.execute("UPDATE outbox_messages SET attempt_time = now()")
    assert await outbox.send_due() == 1
    assert await state_of(owner) == "DELIVERED"


async def test_an_unreachable_mail_server_costs_an_attempt_and_logs_no_address(
    owner: asyncpg.Connection, pool: asyncpg.Pool, invoice: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert await outbox_of(pool, MailAccount("127.0.0.1", 1, "none")).send_due() == 0
    assert tuple(await owner.fetchrow(EVERY_MESSAGE) or ()) == (1, False, True)
    (record,) = [record for record in caplog.records if record.name == "notification_service.mail.outbox"]
    assert "ConnectionRefusedError" in str(record.__dict__["error"])
    assert CONTACT not in str(record.__dict__)


async def test_a_wrong_password_is_a_failed_attempt_and_is_not_logged(
    pool: asyncpg.Pool, account: MailAccount, invoice: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert account.password_file is not None
    assert account.password_file.read_text().strip() == PASSWORD
    account.password_file.write_text("wrong-secret")
    assert await outbox_of(pool, account).send_due() == 0
    assert "refused the account: 535" in str([record.__dict__ for record in caplog.records])
    assert "wrong-secret" not in str([record.__dict__ for record in caplog.records])


async def test_only_one_of_two_replicas_delivers_a_message(outbox: MailOutbox, mailbox: Mailbox, invoice: None) -> None:
    """Seen to fail without the lease: the contact got the message twice."""
    mailbox.pause_s = 0.3
    assert sorted(await asyncio.gather(outbox.send_due(), outbox.send_due())) == [0, 1]
    assert len(mailbox.taken) == 1


async def test_no_transaction_is_open_while_a_message_is_sent(
    owner: asyncpg.Connection, outbox: MailOutbox, mailbox: Mailbox, invoice: None
) -> None:
    """Seen to fail when the message was sent within the transaction that records it."""
    mailbox.pause_s = 0.5
    sending = asyncio.create_task(outbox.send_due())
    async with asyncio.timeout(30):
        while not mailbox.offered:
            await asyncio.sleep(0.01)
    busy = await owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'megarouter_notification'"
        " AND state <> 'idle'"
    )
    assert (busy, await sending) == (0, 1)


async def test_a_process_that_dies_after_sending_leaves_the_message_to_another_with_the_same_id(
    owner: asyncpg.Connection, outbox: MailOutbox, mailbox: Mailbox, invoice: None
) -> None:
    mailbox.pause_s = 0.5
    sending = asyncio.create_task(outbox.send_due())
    async with asyncio.timeout(30):
        while not mailbox.offered:
            await asyncio.sleep(0.01)
    sending.cancel()
    await asyncio.wait([sending])
    mailbox.pause_s = 0.0
    assert await outbox.send_due() == 0  # the lease still holds
    await owner.execute("UPDATE outbox_messages SET attempt_time = now()")
    assert await outbox.send_due() == 1
    assert len({message["message-id"] for _, message in mailbox.offered}) == 1
