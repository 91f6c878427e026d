"""Posts a message to a target, with a bound on everything: addresses, redirects, sizes and time."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from notification_service.transport.guarded_connections import (
    GuardedBackend,
    RefusedAddressError,
    Resolve,
    UnreachableError,
)
from notification_service.transport.targets import AllowedTargets, TargetError, checked_url

MAX_BODY_BYTES: Final = 64 * 1024
"""Of a request and of an answer. Of a longer answer, only the beginning is read."""
DEADLINE_S: Final = 15.0
"""For everything, from resolving the name to the last byte of the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    body: bytes
    """Its beginning."""
    retry_after: str
    """The header; empty without one."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of posting a message."""

    duration_s: float
    address: str
    """That was connected to; empty if none was."""
    answer: Answer | None
    error: str
    """Why there is no answer. Contains nothing of the URL."""


class Poster:
    """Posts messages. Each has a connection of its own, so one target never waits for another."""

    def __init__(
        self, resolve: Resolve, allowed: AllowedTargets, tls: ssl.SSLContext, deadline_s: float = DEADLINE_S
    ) -> None:
        """Prepares posting.

        Args:
            resolve: finds the addresses of hosts.
            allowed: internal servers that may be posted to.
            tls: decides which certificates are trusted.
            deadline_s: for each message.
        """
        self._resolve = resolve
        self._allowed = allowed
        self._tls = tls
        self._deadline_s = deadline_s
        # They log whole URLs and headers, and a chat's URL is a secret.
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Exchange:
        """Posts a message. Returns failures, too."""
        start_s = time.monotonic()
        backend = GuardedBackend(self._resolve, self._allowed)
        answer, error = None, ""
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await self._answer(backend, url, headers, body)
        except TimeoutError:
            error = f"no complete answer within {self._deadline_s:g} seconds"
        except (TargetError, RefusedAddressError) as refusal:
            error = str(refusal)
        except UnreachableError as failure:
            error = str(failure)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as failure:
            error = _text(failure, f"the connection failed: {type(failure).__name__}")
        return Exchange(time.monotonic() - start_s, backend.address, answer, error)

    async def _answer(self, backend: GuardedBackend, url: str, headers: dict[str, str], body: bytes) -> Answer:
        target = checked_url(url, self._allowed)
        if len(body) > MAX_BODY_BYTES:
            raise TargetError(f"the message is longer than {MAX_BODY_BYTES:,} bytes")
        async with (
            httpx.AsyncClient(
                transport=_Transport(backend, self._tls),
                trust_env=False,
                follow_redirects=False,
                timeout=self._deadline_s,
            ) as client,
            # Compressed content could be many times as long as what is sent.
            client.stream("POST", target, content=body, headers={**headers, "accept-encoding": "identity"}) as response,
        ):
            return Answer(response.status_code, await _beginning(response), response.headers.get("retry-after", ""))


async def _beginning(response: httpx.Response) -> bytes:
    content = bytearray()
    async for part in response.aiter_raw():
        content += part
        if len(content) >= MAX_BODY_BYTES:
            break
    return bytes(content[:MAX_BODY_BYTES])


def _text(error: BaseException, otherwise: str) -> str:
    """Returns what a failure of TLS says, which is below the errors of the libraries; `otherwise` if there was none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {cause.reason or type(cause).__name__}"
    return otherwise


class _Transport(httpx.AsyncBaseTransport):
    """Connects httpx with the guarded network. httpx's own transport has no place for it."""

    def __init__(self, backend: GuardedBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=1, max_keepalive_connections=0, network_backend=backend
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request. The errors are httpcore's."""
        answered = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.content,
            )
        )
        return httpx.Response(
            answered.status, headers=answered.headers, stream=_Stream(answered), extensions=answered.extensions
        )

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    """The body of an answer."""

    def __init__(self, answered: httpcore.Response) -> None:
        self._answered = answered

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts: AsyncIterator[bytes] = self._answered.aiter_stream()
        async for part in parts:
            yield part

    async def aclose(self) -> None:
        """Stops reading."""
        await self._answered.aclose()
