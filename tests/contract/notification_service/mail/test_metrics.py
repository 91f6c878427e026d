"""Metrics of the outbox report how many messages wait and for how long, without names."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from deploy.local.stack.database_urls import login_url
from gateway_core.runtime.telemetry.metrics import NO_METRICS, metrics_into
from notification_service.mail.metrics import counted
from notification_service.mail.outbox import MailOutbox
from tests.contract.notification_service.mail.test_outbox import (  # noqa: F401 - fixtures
    account,
    invoice,
    mailbox,
    outbox,
    pool,
)
from tests.support.chats.mail_server import Mailbox

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")

COUNT = "megarouter.outbox.waiting"
AGE = "megarouter.outbox.oldest_age"


def figures(reader: InMemoryMetricReader) -> dict[str, float]:
    """Returns the values by metric name. Asserts that no series has labels."""
    data = reader.get_metrics_data()
    found = {}
    for resource in data.resource_metrics if data else []:
        for metric in resource.scope_metrics[0].metrics:
            for point in metric.data.data_points:
                assert not point.attributes
                found[metric.name] = float(getattr(point, "value", 0))
    return found


async def until(reader: InMemoryMetricReader, condition: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    async with asyncio.timeout(30):
        while not condition(found := figures(reader)):
            await asyncio.sleep(0.02)
    return found


async def test_a_waiting_message_is_counted_until_it_is_delivered(
    pool: asyncpg.Pool,  # noqa: F811
    owner: asyncpg.Connection,
    outbox: MailOutbox,  # noqa: F811
    mailbox: Mailbox,  # noqa: F811
    invoice: object,  # noqa: F811
) -> None:
    reader = InMemoryMetricReader()
    await owner.execute("UPDATE outbox_messages SET create_time = now() - interval '90 minutes'")
    async with counted(pool, metrics_into("notification_service", [reader]), interval_s=0.05):
        found = await until(reader, lambda found: COUNT in found)
        assert found[COUNT] == 1
        assert 5_400 <= found[AGE] < 5_460
        mailbox.answer = "451 later"
        await outbox.send_due()
        await asyncio.sleep(0.2)
        assert figures(reader)[COUNT] == 1, "a message to be retried still waits"
        mailbox.answer = "250 OK"
        await owner.execute("UPDATE outbox_messages SET attempt_time = now()")
        await outbox.send_due()
        assert await until(reader, lambda found: found[COUNT] == 0) == {COUNT: 0, AGE: 0}


async def test_an_unreadable_queue_exports_no_value(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:  # noqa: F811
    """Seen to fail when the last values stay: an unreadable queue looked empty."""
    reader = InMemoryMetricReader()
    async with counted(pool, metrics_into("notification_service", [reader]), interval_s=0.05):
        await until(reader, lambda found: found == {COUNT: 0, AGE: 0})
        await owner.execute("ALTER FUNCTION messages_waiting() RENAME TO hidden")
        await until(reader, lambda found: found == {})
        await owner.execute("ALTER FUNCTION hidden() RENAME TO messages_waiting")
        await until(reader, lambda found: COUNT in found)


async def test_the_queue_is_not_read_without_a_metrics_exporter(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:  # noqa: F811
    await owner.execute("DROP FUNCTION messages_waiting()")
    async with counted(pool, NO_METRICS, interval_s=0.01):
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("role", ["megarouter_authz", "megarouter_usage", "megarouter_admin"])
async def test_only_notification_service_may_count_messages(database_url: str, role: str) -> None:
    connection = await asyncpg.connect(login_url(database_url, role))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT * FROM messages_waiting()")
    await connection.close()
