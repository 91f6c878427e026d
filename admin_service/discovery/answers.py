"""Writes to the database what Envoys say, because the change that they answer to may have been made by another process."""

import asyncio
import logging
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg

from admin_service.discovery.streams import Answer, DiscoveryStreams
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_AGAIN_S: Final = 5.0
"""How often it is said that an Envoy still listens. After three times that, changes do not wait for it."""
_WRITE: Final = """
INSERT INTO configuration_answers (teller, number, refusal) VALUES ($1, $2, $3)
ON CONFLICT (teller) DO UPDATE SET number = excluded.number, refusal = excluded.refusal, seen_time = clock_timestamp()
"""
_FORGET: Final = "DELETE FROM configuration_answers WHERE seen_time < clock_timestamp() - interval '1 day'"


class Answers:
    """The newest answer of the Envoys that this process serves."""

    def __init__(self, folder: Path) -> None:
        """Prepares the work. The folder distinguishes the processes of a machine."""
        self._teller = f"{socket.gethostname()}:{folder}"
        self._newest: Answer | None = None
        self._changed = asyncio.Event()

    def note(self, answer: Answer) -> None:
        """Has an answer written."""
        if answer.refusal:
            logger.error("Envoy refused a configuration: %s", answer.refusal)
        self._newest = answer
        self._changed.set()

    async def keep_writing(self, pool: asyncpg.Pool, streams: DiscoveryStreams) -> None:
        """Writes every answer until canceled, and that an Envoy still listens."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _AGAIN_S)
            self._changed.clear()
            if self._newest is None or not streams.open_count:
                continue
            try:
                await pool.execute(_WRITE, self._teller, self._newest.configuration.number, self._newest.refusal)
                await pool.execute(_FORGET)
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("cannot write what Envoy answered", extra={"error": type(error).__name__})
                await asyncio.sleep(_AGAIN_S)
                self._changed.set()
