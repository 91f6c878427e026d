"""The listener delivers changes, and reports within a second if it no longer can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
from pydantic import SecretStr

from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.notifications import Listener, ListenerTiming, running
from tests.contract.usage_service.settlement_cases import make_settings
from tests.support.running_time import running_time

ROLE = "megarouter_usage"
FAST = ListenerTiming(heartbeat_interval_ms=50, heartbeat_timeout_ms=100, longest_pause_ms=100)


class Log:
    """The events of a listener, for tests to wait for."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.lost = asyncio.Event()
        self.restored = asyncio.Event()
        self.notified = asyncio.Event()

    def listener(self, settings: UsageSettings, timing: ListenerTiming = FAST) -> Listener:
        return Listener(settings, ROLE, ["megarouter_catalog"], self._notify, self.lost.set, self.restored.set, timing)

    def _notify(self, _channel: str, payload: str) -> None:
        self.payloads.append(payload)
        self.notified.set()


@asynccontextmanager
async def stallable_proxy(settings: UsageSettings) -> AsyncIterator[tuple[UsageSettings, asyncio.Event]]:
    """A TCP relay to the database that goes silent, without closing connections, once the event is cleared."""
    target = urlsplit(settings.database_url.get_secret_value())
    flowing = asyncio.Event()
    flowing.set()
    relays: set[asyncio.Task[None]] = set()

    async def relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await flowing.wait()
            sink.write(data)
        sink.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(target.hostname, target.port)
        for task in (relay(reader, upstream_writer), relay(upstream_reader, writer)):
            relays.add(asyncio.create_task(task))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = target._replace(netloc=f"{target.username}:{target.password}@127.0.0.1:{port}").geturl()
    try:
        yield settings.model_copy(update={"usage_database_url": SecretStr(url)}), flowing
    finally:
        server.close()
        for task in relays:
            task.cancel()


async def test_a_change_is_delivered(settings: UsageSettings, owner: asyncpg.Connection) -> None:
    log = Log()
    async with running(log.listener(settings)):
        await asyncio.wait_for(log.restored.wait(), 30)
        await owner.execute("SELECT pg_notify('megarouter_catalog', 'models')")
        await asyncio.wait_for(log.notified.wait(), 30)
    assert log.payloads == ["models"]


async def test_a_silent_connection_is_reported_as_lost_within_a_second(settings: UsageSettings) -> None:
    log = Log()
    async with stallable_proxy(settings) as (proxied, flowing):
        listener = log.listener(proxied, ListenerTiming())
        async with running(listener):
            await asyncio.wait_for(log.restored.wait(), 30)
            flowing.clear()
            async with running_time() as passed_s:
                await asyncio.wait_for(log.lost.wait(), 30)
                assert passed_s() < 1.0
            assert not listener.is_listening


async def test_a_closed_connection_is_reported_as_lost_and_replaced(
    settings: UsageSettings, owner: asyncpg.Connection
) -> None:
    log = Log()
    async with running(log.listener(settings)):
        await asyncio.wait_for(log.restored.wait(), 30)
        log.restored.clear()
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE '%listener' AND datname = current_database()"
        )
        await asyncio.wait_for(log.lost.wait(), 30)
        await asyncio.wait_for(log.restored.wait(), 30)
        await owner.execute("SELECT pg_notify('megarouter_catalog', 'again')")
        await asyncio.wait_for(log.notified.wait(), 30)
    assert log.payloads == ["again"]


async def test_no_loss_is_reported_before_the_first_connection(settings: UsageSettings) -> None:
    log = Log()
    unreachable = make_settings("postgresql://unknown:x@127.0.0.1:1/none", "redis://unused")
    async with running(log.listener(unreachable)):
        await asyncio.sleep(0.2)
    assert not log.lost.is_set()
    assert not log.restored.is_set()
