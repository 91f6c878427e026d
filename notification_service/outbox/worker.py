"""Sends what is due: the deliveries of one channel one after the other, those of different channels at the same time."""

import asyncio
import datetime as dt
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import end, in_background, start
from gateway_core.runtime.backoff import Backoff
from gateway_core.stores.postgres.connections import UNAVAILABLE
from notification_service.metrics import AttemptMetrics
from notification_service.outbox import store
from notification_service.outbox.attempts import Sender
from notification_service.outbox.store import ChannelKey, Lease, Sent, Turn
from notification_service.outbox.turns import Turns
from notification_service.transport.lines import Line

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 0.25
MOST_CHANNELS: Final = 256
"""That are sent to at the same time."""
MOST_OF_AN_ORGANIZATION: Final = 16
"""Of these, so that no organization with slow receivers takes the place of others."""
_MOST_DUE: Final = 1_000
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_RECORDING_S: Final = 30.0
"""How long a result is tried to be recorded. Within the lease: after that, the delivery is sent again."""


class Worker:
    """Sends deliveries."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        sender: Sender,
        metrics: AttemptMetrics,
        new_claim: Callable[[], str],
        moment: Callable[[], dt.datetime | None] = lambda: None,
    ) -> None:
        """Prepares sending.

        Args:
            pool: logged in as notification_service's role.
            sender: makes the attempts.
            metrics: counts them.
            new_claim: returns an id that no other lease has.
            moment: returns the time that decides what is due; None for PostgreSQL's, which is the same for all processes.
        """
        self._pool = pool
        self._sender = sender
        self._metrics = metrics
        self._new_claim = new_claim
        self._moment = moment
        self._turns = Turns(pool, moment)
        self._is_stopping = False
        self._tasks: dict[ChannelKey, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Looks for channels with something due, until canceled."""
        while True:
            try:
                await self.begin_due()
            except _FAILURES as error:
                logger.info("deliveries are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(INTERVAL_S)

    async def begin_due(self) -> None:
        """Begins to send to the channels with something due, as far as there is room."""
        if len(self._tasks) >= MOST_CHANNELS:
            return
        busy = Counter(key.organization for key in self._tasks)
        for key in await store.channels_due(self._pool, _MOST_DUE, self._moment()):
            if len(self._tasks) >= MOST_CHANNELS:
                return
            if key in self._tasks or busy[key.organization] >= MOST_OF_AN_ORGANIZATION:
                continue
            busy[key.organization] += 1
            self._tasks[key] = task = start(self._send_all(key))
            task.add_done_callback(lambda _, ended=key: self._tasks.pop(ended))  # type: ignore[misc]

    async def until_idle(self) -> None:
        """Waits for what has begun."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def stop(self, grace_s: float) -> None:
        """Lets what has begun finish within `grace_s`, and cancels the rest, which is sent again when its lease ends."""
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace_s)
        await end(*self._tasks.values())

    async def _send_all(self, key: ChannelKey) -> None:
        """Sends the deliveries of a channel, until none is due."""
        line = Line()
        try:
            lease = (await self._turns.take(Turn(key, None, self._new_claim()))).next
            if lease is None:
                await store.cancel_of_deleted(self._pool, key)
            while lease is not None:
                lease = await self._send(lease, line)
        except _FAILURES as error:
            logger.info("a channel is waiting for PostgreSQL", extra={"error": type(error).__name__})
        finally:
            await line.aclose()

    async def _send(self, lease: Lease, line: Line) -> Lease | None:
        """Makes an attempt and records it. Returns the next lease of the channel, if there is one."""
        attempted = await self._sender.attempt(lease, line)
        self._metrics.attempted(lease.kind, attempted.attempt.outcome, attempted.attempt.duration_ms / 1_000)
        if attempted.following.disable_reason:
            logger.warning(
                "disabling a channel", extra={"kind": lease.kind, "reason": attempted.following.disable_reason}
            )
        return await self._record(Sent(lease, attempted.attempt, attempted.following))

    async def _record(self, sent: Sent) -> Lease | None:
        backoff, has_failed = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S), False
        try:
            async with asyncio.timeout(_RECORDING_S):
                while True:
                    # What comes next must not keep from being recorded what was sent.
                    claim = "" if self._is_stopping or has_failed else self._new_claim()
                    try:
                        taken = await self._turns.take(Turn(sent.lease.key, sent, claim))
                    except _FAILURES as error:
                        has_failed = True
                        logger.info("cannot record an attempt yet", extra={"error": type(error).__name__})
                        await asyncio.sleep(backoff.failed())
                    else:
                        break
        except TimeoutError:
            logger.warning("an attempt was not recorded, so the message will be sent again")
            return None
        if not taken.holds:
            logger.warning("a lease ended before its attempt was recorded")
        return taken.next


@asynccontextmanager
async def running(worker: Worker, grace_ms: int) -> AsyncIterator[None]:
    """Sends while the context is open. On exit, lets what has begun finish within `grace_ms`."""
    try:
        async with in_background(worker.run()):
            yield
    finally:
        await worker.stop(grace_ms / 1_000)
