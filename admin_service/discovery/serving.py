"""Runs discovery beside the service: at a socket of its own, which only Envoy's and this service's user can connect to.

It begins before the database answers, so that an Envoy that restarts meanwhile gets the last good configuration.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import grpc

from admin_service.discovery.following import Following
from admin_service.discovery.reading import WantedReader
from admin_service.discovery.rendering import Rendering
from admin_service.discovery.streams import DiscoveryStreams, Published
from gateway_core.model.deployments.live_configuration import OPTIONS_FILE
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AdminSettings, StartRefusedError
from gateway_core.runtime.unix_sockets.handover import ArrivingSockets
from gateway_core.stores.postgres import catalog_store
from gateway_core.stores.postgres.notifications import Listener, running

_SOCKETS_OF_THE_SERVICE: Final = 2
_SOCKET_MODE: Final = 0o600
_UNIX: Final = "unix:"


@dataclass(frozen=True, slots=True)
class Discovery:
    """Discovery that serves the last good configuration, until it also follows the database."""

    folder: Path
    following: Following


@asynccontextmanager
async def serving_discovery(settings: AdminSettings) -> AsyncIterator[Discovery | None]:
    """Serves discovery while the context is open. Yields None if the settings name no socket for it.

    Raises:
        StartRefusedError: the settings are incomplete.
    """
    if settings.discovery_listen is None:
        yield None
        return
    folder = settings.live_folder
    if folder is None:
        raise StartRefusedError("MEGAROUTER_LIVE_FOLDER: not set, and MEGAROUTER_DISCOVERY_LISTEN needs it")
    published, rendering = Published(), Rendering(folder)
    following = Following(folder, published, rendering)
    streams = DiscoveryStreams(published, following.accepted)
    public = Path(settings.discovery_listen.removeprefix(_UNIX))
    sockets = ArrivingSockets([public], first_number=_SOCKETS_OF_THE_SERVICE)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([streams.handler()])
    path = sockets.path_of(public)
    server.add_insecure_port(f"{_UNIX}{path}")
    await server.start()
    os.chmod(path, _SOCKET_MODE)  # noqa: PTH101 - of a socket
    try:
        await sockets.take_over(lambda: True)
        async with in_background(following.begin()):
            yield Discovery(folder, following)
    finally:
        await server.stop(None)
        rendering.close()


def following_database(
    discovery: Discovery | None, settings: AdminSettings, pool: asyncpg.Pool, role: str
) -> AbstractAsyncContextManager[None]:
    """Serves every change of the database while the context is open."""
    return nullcontext() if discovery is None else _following(discovery, settings, pool, role)


@asynccontextmanager
async def _following(
    discovery: Discovery, settings: AdminSettings, pool: asyncpg.Pool, role: str
) -> AsyncIterator[None]:
    following = discovery.following
    listener = Listener(
        settings,
        role,
        [catalog_store.CHANNEL],
        lambda _channel, _payload: following.note_change(),
        on_restored=following.note_change,
    )
    reader = WantedReader(pool, discovery.folder / OPTIONS_FILE)
    async with running(listener), in_background(following.follow(reader.read)):
        yield
