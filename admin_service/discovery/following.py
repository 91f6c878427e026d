"""Keeps what discovery serves equal to what the database says."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg

from admin_service.discovery.configuration import Configuration, read_last_good, write_last_good
from admin_service.discovery.own_keys import OwnKeyFiles
from admin_service.discovery.reading import Wanted
from admin_service.discovery.rendering import Rendered, Rendering, RenderingFailedError
from admin_service.discovery.streams import Answer, Published
from gateway_core.model.deployments.live_configuration import LAST_GOOD_FILE, OPTIONS_FILE, source_of
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_POLL_S: Final = 10.0
"""How late a change is served whose notification was lost."""
_RETRY_S: Final = 0.5
_LOOK_S: Final = 0.5
"""How often the options are looked at."""
_FIRST_READ_S: Final = 10.0
"""How long a configuration without anything of the database is held back at the start, while the database is asked."""


Read = Callable[[], Awaitable[Wanted]]


class Following:
    """Publishes a configuration for each change of the database."""

    def __init__(self, folder: Path, published: Published, rendering: Rendering) -> None:
        """Prepares the work.

        Args:
            folder: the one that Envoy and this service share.
            published: what streams serve.
            rendering: makes the resources.
        """
        self._options_file = folder / OPTIONS_FILE
        self._last_good_file = folder / LAST_GOOD_FILE
        self._own_keys = OwnKeyFiles(folder)
        self._published = published
        self._rendering = rendering
        self._changed = asyncio.Event()

    def note_change(self) -> None:
        """Has the database read again."""
        self._changed.set()

    def answered(self, answer: Answer) -> None:
        """Keeps a configuration that Envoy has accepted, so that a restart needs no database."""
        if not answer.refusal and answer.configuration.is_confirmed:
            write_last_good(self._last_good_file, answer.configuration)

    async def begin(self) -> None:
        """Publishes the last good configuration. One made without the database waits for it for a while."""
        # Envoy writes no event when its files are there.
        while (kept := read_last_good(self._last_good_file)) is None:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        if not kept.is_confirmed:
            await asyncio.sleep(_FIRST_READ_S)
        if self._published.current is None:
            self._published.publish(kept)

    async def follow(self, read: Read) -> None:
        """Publishes every change until canceled. `read` reads the database."""
        while True:
            self._changed.clear()
            options = self._options_time_ns()
            wait_s = _POLL_S if await self._update(read) else _RETRY_S
            deadline_s = asyncio.get_running_loop().time() + wait_s
            while options == self._options_time_ns() and asyncio.get_running_loop().time() < deadline_s:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), min(wait_s, _LOOK_S))
                    break

    def _options_time_ns(self) -> int:
        return self._options_file.stat().st_mtime_ns if self._options_file.exists() else 0

    async def _update(self, read: Read) -> bool:
        """Returns whether what is published is what the database says."""
        try:
            wanted = await read()
            # Before the number is published, which says that calls may carry them. Ten thousand files take seconds.
            await asyncio.to_thread(self._own_keys.write, wanted.own_keys)
            source = source_of(self._options_file.read_bytes(), wanted.public)
            made = self._known(source) or await self._rendering.render(wanted.document)
        except (*UNAVAILABLE, asyncpg.PostgresError, OSError, RenderingFailedError) as error:
            logger.warning("cannot update the live configuration", extra={"error": type(error).__name__})
            return False
        configuration = Configuration(wanted.number, source, made.resources, made.refusal)
        if configuration != self._published.current:
            self._published.publish(configuration)
        return True

    def _known(self, source: str) -> Rendered | None:
        """Returns what was made from a source, if it need not be made again."""
        known = (self._published.current, read_last_good(self._last_good_file))
        return next((Rendered(one.resources, one.refusal) for one in known if one and one.source == source), None)
