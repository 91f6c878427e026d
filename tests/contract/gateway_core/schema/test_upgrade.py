"""Migrates data of the first release to the current schema."""

from email.message import EmailMessage
from pathlib import Path

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.runtime.settings import NotificationSettings
from gateway_core.schema.files import load_migrations
from gateway_core.schema.migrate import apply_migrations, migrate
from gateway_core.stores.postgres.connections import open_pool
from notification_service.mail.outbox import MailOutbox
from notification_service.transport.posting import Answer, Exchange
from tests.contract.usage_service.audit.books import audit, broken

BOOKS = Path(__file__).with_name("books_at_baseline.sql")
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    tables = [row[0] for row in await connection.fetch(TABLES)]
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


async def test_rows_of_the_first_release_survive_every_later_migration(
    empty: asyncpg.Connection, empty_url: str
) -> None:
    await apply_migrations(empty, load_migrations()[:1])
    # Like restoring a backup: the rows already contain what triggers would write.
    await empty.execute("SET session_replication_role = replica")
    await empty.execute(BOOKS.read_text(encoding="utf-8"))
    await empty.execute("RESET ALL")
    before = await counts(empty)
    assert [table for table, count in before.items() if count == 0] == []
    await migrate(empty, {})
    after = await counts(empty)
    assert {table: after.get(table) for table in before if table != "schema_migrations"} == {
        table: count for table, count in before.items() if table != "schema_migrations"
    }
    report = await audit(empty_url)
    assert broken(report) == {}
    assert report.figures.record_count == before["usage_records"]


async def test_a_mail_that_waited_in_the_first_release_is_sent(empty: asyncpg.Connection, empty_url: str) -> None:
    await apply_migrations(empty, load_migrations()[:1])
    await empty.execute("SET session_replication_role = replica")
    await empty.execute(BOOKS.read_text(encoding="utf-8"))
    await empty.execute("RESET ALL")
    await migrate(empty, {})
    mailer = Mailer()
    settings = NotificationSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "notification_database_url": login_url(empty_url, "megarouter_notification"),
            "channel_key": "00" * 32,
        }
    )
    async with open_pool(settings, "megarouter_notification") as pool:
        outbox = MailOutbox(pool, mailer, "gateway@megarouter.example", lambda: "claim")
        assert await outbox.send_due() == 1
    (message,) = mailer.sent
    assert message["To"] == "billing@acme.example"
    assert "organizations/acme/invoiceRequests/invoice-1" in message.get_content()
    assert await empty.fetchval("SELECT state FROM invoice_requests") == "DELIVERED"


class Mailer:
    """Takes every message."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []

    async def send(self, message: EmailMessage) -> Exchange:
        self.sent.append(message)
        return Exchange(0.0, "", Answer(250, b"OK", ""), "")
