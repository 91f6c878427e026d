"""The connection of a channel, kept from one message to the next while the channel is being sent to."""

import ssl
import time
from dataclasses import dataclass, field
from typing import Final

import httpcore
import httpx

from notification_service.transport.guarded_connections import GuardedBackend
from notification_service.transport.targets import port_of

OLDEST_S: Final = 30.0
"""A connection that is older is replaced, so that the addresses of the host are looked up and checked again."""


@dataclass(slots=True)
class Connection:
    """A connection to one server. It carries one message at a time."""

    origin: httpcore.Origin
    backend: GuardedBackend
    http: httpcore.AsyncHTTPConnection
    opened_s: float = field(default_factory=time.monotonic)

    def has_more(self) -> bool:
        """Returns whether the server has sent more than the answer, which would be taken for the answer to the next message."""
        # httpcore keeps it to itself.
        http = self.http._connection  # noqa: SLF001
        return isinstance(http, httpcore.AsyncHTTP11Connection) and bool(http._h11_state.trailing_data[0])  # noqa: SLF001

    async def aclose(self) -> None:
        """Closes it, also if TLS has not begun yet."""
        await self.http.aclose()
        await self.backend.aclose()


class Line:
    """Keeps at most one connection that nothing is sent on. Whoever opens a line closes it."""

    def __init__(self, oldest_s: float = OLDEST_S) -> None:
        """Keeps nothing yet.

        Args:
            oldest_s: how old a connection may be that carries a message.
        """
        self._oldest_s = oldest_s
        self._kept: Connection | None = None

    async def take(self, url: httpx.URL) -> Connection | None:
        """Returns the kept connection, which belongs to the caller then; None if there is none that can be used for this URL."""
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        is_young = time.monotonic() - kept.opened_s < self._oldest_s
        if is_young and kept.origin == origin_of(url) and kept.http.is_idle() and not kept.http.has_expired():
            return kept
        await kept.aclose()
        return None

    async def keep(self, connection: Connection) -> None:
        """Keeps a connection if another message can be sent on it, and closes it otherwise."""
        if connection.http.is_idle() and not connection.has_more():
            self._kept = connection
        else:
            await connection.aclose()

    async def aclose(self) -> None:
        """Closes what is kept."""
        if self._kept is not None:
            await self._kept.aclose()


def new_connection(url: httpx.URL, backend: GuardedBackend, tls: ssl.SSLContext) -> Connection:
    """Returns a connection that connects when the first message is sent."""
    origin = origin_of(url)
    return Connection(origin, backend, httpcore.AsyncHTTPConnection(origin, ssl_context=tls, network_backend=backend))


def origin_of(url: httpx.URL) -> httpcore.Origin:
    """Returns the server of a URL."""
    return httpcore.Origin(url.raw_scheme, url.raw_host, port_of(url))
