"""Calls through a running stack to a scripted upstream, and what was charged for them."""

import asyncio
import contextlib
import json
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import yaml

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import wait_settled
from tests.support.data.tenants import Tenant
from tests.support.servers.scripted_upstream import ScriptedUpstream
from tests.support.unanswered_calls import UnreadAnswerWarning, confirmed_bytes, describe

CALL_TIMEOUT_S = 30.0
_TOKEN_COLUMNS_SUFFIX = "_tokens"


def catalog_for(source: Path, upstream_url: str, target: Path) -> Mapping[str, str]:
    """Writes a copy of a catalog whose providers are all at one upstream, each under its own base path.

    Returns:
        The credentials with which the stack calls the upstream and not the mock provider, by variable name.
    """
    catalog = yaml.safe_load(source.read_text(encoding="utf-8"))
    for provider in catalog["providers"]:
        provider["dialects"] = {
            dialect: upstream_url + urlsplit(url).path for dialect, url in provider["dialects"].items()
        }
    target.write_text(yaml.safe_dump(catalog, sort_keys=False), encoding="utf-8")
    return {provider["credential_env"]: f"credential-of-{provider['name']}" for provider in catalog["providers"]}


@dataclass(frozen=True)
class Reply:
    """What the caller received; after it hung up, what had come until then."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Charged:
    """The usage record of a call."""

    record: asyncpg.Record

    @property
    def nano_credits(self) -> int:
        return int(self.record["charge_nano_credits"])

    @property
    def hold_nano_credits(self) -> int:
        return int(self.record["hold_nano_credits"])

    @property
    def source(self) -> str:
        return str(self.record["source"])

    @property
    def detail(self) -> str:
        return str(self.record["detail"])

    @property
    def lines(self) -> dict[str, tuple[int, int]]:
        """Count and amount in nano-credits of each charge line, by category."""
        lines = json.loads(self.record["charge_lines"])
        return {category: (count, amount) for category, count, _, amount in lines}

    @property
    def tokens(self) -> dict[str, int]:
        """The token counts of the record that are not zero, by category: `input`, `cache_read`, ..., `output`."""
        columns = {name: value for name, value in self.record.items() if name.endswith(_TOKEN_COLUMNS_SUFFIX)}
        return {name.removesuffix(_TOKEN_COLUMNS_SUFFIX): value for name, value in columns.items() if value}


class Metering:
    """Makes the calls of one tenant, and waits for their records."""

    def __init__(self, stack: Stack, tenant: Tenant, upstream: ScriptedUpstream) -> None:
        self._stack = stack
        self._url = urlsplit(stack.environment["MEGAROUTER_BASE_URL"])
        self.tenant = tenant
        self.upstream = upstream

    async def call(
        self,
        body: object,
        path: str = "/v1/chat/completions",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        hang_up_after_bytes: int | None = None,
        hang_up_after_events: int | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Reply:
        """Makes a call and reads its answer to the end, or until so many bytes or events of its body have come.

        Args:
            body: sent as it is if it is bytes, otherwise as JSON.
            path: with its query.
            method: of the request.
            headers: replace those that this sends otherwise; an empty value removes one.
            hang_up_after_bytes: closes the connection once this many bytes of the body, as it is framed, have come.
            hang_up_after_events: the same for server-sent events.
            timeout_s: how long the whole call may take.

        Raises:
            TimeoutError: there was no answer, or no end of it, in time. The message tells how far the call came.

        Warns:
            UnreadAnswerWarning: the whole answer was in the socket, and the event loop had not read it. It is read then.
        """
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "host": self._url.netloc,
            "authorization": f"Bearer {self.tenant.key}",
            "content-type": "application/json",
            "content-length": str(len(content)),
            "connection": "close",
            **(headers or {}),
        }
        head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items() if value)]
        requests_before = len(self.upstream.requests)
        request = "\r\n".join([*head, "", ""]).encode() + content
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        except TimeoutError as error:
            raise TimeoutError(
                f"no connection within {timeout_s} s\n" + await self._describe(requests_before)
            ) from error
        received = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                writer.write(request)
                await writer.drain()
                return await _read(reader, received, hang_up_after_bytes, hang_up_after_events)
        except TimeoutError as error:
            where = await self._describe(requests_before, writer, bytes(received))
            unread = _unread(writer)
            if unread is not None and not received:
                warnings.warn(UnreadAnswerWarning(where), stacklevel=1)
                return await _read(unread, received, hang_up_after_bytes, hang_up_after_events)
            raise TimeoutError(f"no end of the answer within {timeout_s} s to {request[:1_000]!r}\n{where}") from error
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _describe(
        self, requests_before: int, writer: asyncio.StreamWriter | None = None, received: bytes = b""
    ) -> str:
        own_port = writer.get_extra_info("sockname")[1] if writer else 0
        where = await describe(
            self._stack, self.upstream, self.tenant.organization, requests_before, own_port, received
        )
        return f"{confirmed_bytes(writer.transport)}\n{where}" if writer else where

    async def charged(self, calls: int = 1) -> Charged:
        """Waits until the tenant has exactly this many records and no open hold. Returns the last one."""
        records = await wait_settled(self.tenant, calls)
        return Charged(records[-1])

    async def finding(self) -> asyncpg.Record | None:
        """Returns the only finding about the calls of the tenant; None if there is none."""
        rows = await self.tenant.database.fetch(
            "SELECT * FROM usage_findings WHERE organization_id = $1", self.tenant.organization
        )
        assert len(rows) <= 1
        return rows[0] if rows else None


async def _read(
    reader: asyncio.StreamReader, received: bytearray, most_bytes: int | None, most_events: int | None
) -> Reply:
    """Reads an answer into `received`, and returns it."""
    while (head_end := received.find(b"\r\n\r\n")) < 0:
        part = await reader.read(65_536)
        if not part:
            raise asyncio.IncompleteReadError(bytes(received), None)
        received += part
    status_line, *lines = received[:head_end].decode("latin-1").splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = bytes(received[head_end + 4 :])
    while not _is_enough(body, most_bytes, most_events) and (part := await reader.read(65_536)):
        received += part
        body += part
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Reply(int(status_line.split()[1]), headers, body)


def _unread(writer: asyncio.StreamWriter) -> asyncio.StreamReader | None:
    """Returns what has come to the socket and was not read; None unless the other side has closed, so that it is everything."""
    content = b""
    with socket.fromfd(writer.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM) as own:
        own.settimeout(0)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while part := own.recv(65_536):
                content += part
            if content:
                reader = asyncio.StreamReader()
                reader.feed_data(content)
                reader.feed_eof()
                return reader
    return None


def _is_enough(body: bytes, most_bytes: int | None, most_events: int | None) -> bool:
    if most_bytes is not None and len(body) >= most_bytes:
        return True
    return most_events is not None and body.count(b"\n\n") >= most_events


def _unchunked(body: bytes) -> bytes:
    """Returns the content of chunks. The last one may be cut."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        content, body = content + rest[:length], rest[length + 2 :]
    return content
