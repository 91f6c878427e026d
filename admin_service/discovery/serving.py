"""Runs discovery beside the service: at a socket of its own, which only the user of Envoy and this service can connect to.

It begins before the database answers, so that an Envoy that restarts meanwhile gets the last good configuration.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import grpc

from admin_service.discovery.answers import Answers
from admin_service.discovery.following import Following
from admin_service.discovery.reading import WantedReader
from admin_service.discovery.rendering import Rendering
from admin_service.discovery.streams import Answer, DiscoveryStreams, Published
from admin_service.resources.catalog_changes.sealing import CredentialKeys
from gateway_core.model.deployments.live_configuration import OPTIONS_FILE
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AdminSettings, StartRefusedError
from gateway_core.runtime.unix_sockets.handover import ArrivingSockets
from gateway_core.stores.postgres import catalog_store
from gateway_core.stores.postgres.notifications import Listener, running

_SOCKET_MODE: Final = 0o600
_WARM_AFTER_S: Final = 5.0
_UNIX: Final = "unix:"


@dataclass(frozen=True, slots=True)
class Discovery:
    """Discovery that serves the last good configuration, until it also follows the database."""

    folder: Path
    following: Following
    streams: DiscoveryStreams
    answers: Answers
    rendering: Rendering


@asynccontextmanager
async def serving_discovery(settings: AdminSettings) -> AsyncIterator[Discovery | None]:
    """Serves discovery while the context is open. Yields None if the settings name no socket for it.

    Raises:
        StartRefusedError: the settings are incomplete.
    """
    if settings.discovery_listen is None:
        yield None
        return
    if settings.live_folder is None:
        raise StartRefusedError("MEGAROUTER_LIVE_FOLDER: not set, and MEGAROUTER_DISCOVERY_LISTEN needs it")
    discovery = _discovery(settings.live_folder)
    public = Path(settings.discovery_listen.removeprefix(_UNIX))
    sockets = ArrivingSockets([public])
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([discovery.streams.handler()])
    path = sockets.path_of(public)
    server.add_insecure_port(f"{_UNIX}{path}")
    await server.start()
    path.chmod(_SOCKET_MODE)
    try:
        await sockets.take_over(lambda: True)
        async with in_background(discovery.following.begin()):
            yield discovery
    finally:
        await server.stop(None)
        discovery.rendering.close()


def _discovery(folder: Path) -> Discovery:
    published, rendering, answers = Published(), Rendering(folder), Answers(folder)
    following = Following(folder, published, rendering)

    def on_answer(answer: Answer) -> None:
        following.answered(answer)
        answers.note(answer)

    return Discovery(folder, following, DiscoveryStreams(published, on_answer), answers, rendering)


def following_database(
    discovery: Discovery | None,
    settings: AdminSettings,
    pool: asyncpg.Pool,
    keys: CredentialKeys | None,
    role: str,
) -> AbstractAsyncContextManager[None]:
    """Serves every change of the database while the context is open."""
    return nullcontext() if discovery is None else _following(discovery, settings, pool, keys, role)


@asynccontextmanager
async def _following(
    discovery: Discovery, settings: AdminSettings, pool: asyncpg.Pool, keys: CredentialKeys | None, role: str
) -> AsyncIterator[None]:
    following = discovery.following
    listener = Listener(
        settings,
        role,
        [catalog_store.CHANNEL],
        lambda _channel, _payload: following.note_change(),
        on_restored=following.note_change,
    )
    reader = WantedReader(pool, discovery.folder / OPTIONS_FILE, keys)
    async with (
        running(listener),
        in_background(following.follow(reader.read)),
        in_background(discovery.answers.keep_writing(pool, discovery.streams)),
        in_background(_warm(discovery.rendering)),
    ):
        yield


async def _warm(rendering: Rendering) -> None:
    """Starts the process that renders, once everything else has started, so that the first change waits for nothing."""
    await asyncio.sleep(_WARM_AFTER_S)
    await rendering.warm()
