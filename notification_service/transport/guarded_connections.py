"""Opens connections to public addresses only.

It resolves the name, checks every address, and connects to an address that it has checked. So a name that resolves to
something else a moment later changes nothing, and an address in an odd form, such as `0x7f.1`, is checked as what it means.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpcore

from gateway_core.model.alerts.addresses import is_public
from gateway_core.model.alerts.targets import AllowedTargets

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the numeric addresses of a host, for a port."""

_CONNECT_TIMEOUT_S: Final = 5.0
_RESOLVING_THREADS: Final = 64
"""A name server that does not answer keeps a thread busy. Only its own channel may wait for that."""


class RefusedAddressError(Exception):
    """The host has an address that is not public."""


class UnreachableError(Exception):
    """The host has no address, or none that answers."""


class SystemResolver:
    """The resolver of the system, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, "resolve")

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Returns the addresses of a host.

        Raises:
            OSError: there are none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(place[0]) for *_, place in found))

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The network as one connection may use it. Remembers the address that it connected to."""

    def __init__(self, resolve: Resolve, allowed: AllowedTargets) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()
        self._stream: httpcore.AsyncNetworkStream | None = None
        self.address = ""
        """Of the last connection; empty if there was none."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects to the first address of the host that answers.

        Raises:
            RefusedAddressError: one of its addresses is not public.
            UnreachableError: no address answers, or there is none.
        """
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise UnreachableError("the host name cannot be resolved") from error
        if not self._allowed.has(host, port) and not all(map(is_public, addresses)):
            raise RefusedAddressError("the host has an address that is not public")
        for address in addresses:
            try:
                stream = await self._inner.connect_tcp(
                    address, port, min(timeout or _CONNECT_TIMEOUT_S, _CONNECT_TIMEOUT_S), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
            self.address, self._stream = address, stream
            return stream
        raise UnreachableError("no address of the host can be connected to")

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await self._inner.sleep(seconds)

    async def aclose(self) -> None:
        """Closes the last connection. httpcore leaves it open if an attempt ends while TLS begins."""
        if self._stream is not None:
            await self._stream.aclose()
