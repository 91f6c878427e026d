"""Changes pushed by PostgreSQL, with a guarantee that they are still being pushed.

The absence of a notification does not prove that nothing changed, because the connection may be dead without a sign. So
the listener sends heartbeats on the connection, and calls `on_lost` when they fail.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.settings import DatabaseSettings
from gateway_core.stores.postgres.connecting.hosts import connect
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_FIRST_DELAY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class ListenerTiming:
    """How fast a dead connection is noticed: within `heartbeat_interval_ms + heartbeat_timeout_ms`.

    The defaults add up to 650 ms. That leaves a third of the second within which a revoked key must be refused
    (INV-13).
    """

    heartbeat_interval_ms: int = 250
    heartbeat_timeout_ms: int = 400
    connect_timeout_ms: int = 2_000
    longest_pause_ms: int = 1_000


DEFAULT_TIMING: Final = ListenerTiming()


class Listener:
    """Listens to channels on its own connection, and reconnects forever.

    Notifications between `on_lost` and `on_restored` are lost. A user that keeps a copy must not trust it in between,
    and must read it again afterward. The callbacks run in the event loop and must not block or raise.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        role: str,
        channels: Sequence[str],
        on_notification: Callable[[str, str], None],
        on_lost: Callable[[], None] = lambda: None,
        on_restored: Callable[[], None] = lambda: None,
        timing: ListenerTiming = DEFAULT_TIMING,
    ) -> None:
        """Creates a listener; `run` does the work.

        Args:
            settings: where the database is.
            role: the role that the settings log in as. It names the connection.
            channels: the channels to listen to.
            on_notification: called with channel and payload.
            on_lost: called each time the connection stops answering, but not before the first `on_restored`.
            on_restored: called each time listening has begun, including the first time.
            timing: heartbeats and pauses.
        """
        self._settings = settings
        self._role = role
        self._channels = tuple(channels)
        self._on_notification = on_notification
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._timing = timing
        self._listening = False

    @property
    def is_listening(self) -> bool:
        """Whether the connection listens and the last heartbeat was answered."""
        return self._listening

    async def run(self) -> None:
        """Listens until canceled."""
        backoff = Backoff(_FIRST_DELAY_S, self._timing.longest_pause_ms / 1_000)
        while True:
            try:
                connection = await self._connect()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.debug("cannot listen yet", extra={"error": type(error).__name__})
            else:
                backoff.succeeded()
                await self._listen(connection)
            await asyncio.sleep(backoff.failed())

    async def _connect(self) -> asyncpg.Connection:
        return await connect(
            self._settings.database_url.get_secret_value(),
            timeout=self._timing.connect_timeout_ms / 1_000,
            command_timeout=self._timing.heartbeat_timeout_ms / 1_000,
            server_settings={"application_name": f"{self._role} listener"},
        )

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """Listens on one connection until it is dead, and always closes it."""
        closed = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _connection: closed.set())
            for channel in self._channels:
                await connection.add_listener(channel, self._notified)
            self._listening = True
            logger.info("listening", extra={"channels": self._channels})
            self._on_restored()
            await self._keep_alive(connection, closed)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("listening connection lost", extra={"error": type(error).__name__})
        finally:
            if self._listening:
                self._listening = False
                self._on_lost()
            connection.terminate()

    async def _keep_alive(self, connection: asyncpg.Connection, closed: asyncio.Event) -> None:
        """Sends heartbeats until one fails.

        Raises:
            TimeoutError: the server did not answer in time.
            Other errors of asyncpg: the connection broke.
        """
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), self._timing.heartbeat_interval_ms / 1_000)
            if closed.is_set():
                raise ConnectionResetError("the listening connection was closed")
            await connection.execute("SELECT 1")

    def _notified(self, _connection: object, _process_id: int, channel: str, payload: object) -> None:
        self._on_notification(channel, str(payload))


@asynccontextmanager
async def running(listener: Listener) -> AsyncIterator[Listener]:
    """Runs a listener in the background while the context is open."""
    async with in_background(listener.run()):
        yield listener
