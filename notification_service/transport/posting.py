"""Posts a message to a target, with a bound on everything: addresses, redirects, sizes and time."""

import asyncio
import logging
import ssl
import time
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.transport.guarded_connections import (
    GuardedBackend,
    RefusedAddressError,
    Resolve,
    UnreachableError,
)
from notification_service.transport.lines import Connection, Line, new_connection
from notification_service.transport.targets import TargetError, checked_url

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
    """Posts messages. Each line has a connection of its own, so one target never waits for another."""

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

    async def post(self, url: str, headers: dict[str, str], body: bytes, line: Line) -> Exchange:
        """Posts a message on the connection of the line, if it is to the same server, or on a new one. Returns failures, too."""
        start_s = time.monotonic()
        connection, answer, error = None, None, ""
        try:
            async with asyncio.timeout(self._deadline_s):
                target = checked_url(url, self._allowed)
                if len(body) > MAX_BODY_BYTES:
                    raise TargetError(f"the message is longer than {MAX_BODY_BYTES:,} bytes")  # noqa: TRY301
                connection = await line.take(target) or self._new_connection(target)
                answer = await _answer(connection, target, headers, body)
        except TimeoutError:
            error = f"no complete answer within {self._deadline_s:g} seconds"
        except (TargetError, RefusedAddressError) as refusal:
            error = str(refusal)
        except UnreachableError as failure:
            error = str(failure)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as failure:
            error = _text(failure, f"the connection failed: {type(failure).__name__}")
        finally:
            if connection is not None:
                await (connection.aclose() if answer is None else line.keep(connection))
        address = "" if connection is None else connection.backend.address
        return Exchange(time.monotonic() - start_s, address, answer, error)

    def _new_connection(self, target: httpx.URL) -> Connection:
        return new_connection(target, GuardedBackend(self._resolve, self._allowed), self._tls)


async def _answer(connection: Connection, target: httpx.URL, headers: dict[str, str], body: bytes) -> Answer:
    # Without a client of httpx, which would keep cookies, follow redirects and read the environment.
    # Compressed content could be many times as long as what is sent.
    request = httpx.Request("POST", target, headers={**headers, "accept-encoding": "identity"}, content=body)
    answered = await connection.http.handle_async_request(
        httpcore.Request(
            method="POST",
            url=httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
            headers=request.headers.raw,
            content=body,
        )
    )
    try:
        content = await _beginning(answered)
    finally:
        await answered.aclose()
    retry_after = next((value for name, value in answered.headers if name.lower() == b"retry-after"), b"")
    return Answer(answered.status, content, retry_after.decode("ascii", errors="replace"))


async def _beginning(answered: httpcore.Response) -> bytes:
    content = bytearray()
    async for part in answered.aiter_stream():
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
