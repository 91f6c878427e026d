"""HTTP/2: malformed requests are refused and reach no provider, and floods of frames cost the attacker the connection."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import Post, Witness, chat
from tests.support.attacks.accounts import Accounts
from tests.support.attacks.http2_frames import (
    END_HEADERS,
    END_STREAM,
    PADDED,
    Header,
    Kind,
    block,
    exchange,
    frame,
    headers_frame,
    number,
)
from tests.support.data.tenants import Tenant

BODY: Final = json.dumps(chat()).encode()
SECOND: Final = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n\r\n"
DATA: Final = frame(Kind.DATA, BODY, END_STREAM, 1)
KEY: Final = "{key}"
PSEUDO: Final[tuple[tuple[str, str], ...]] = (
    (":method", "POST"), (":scheme", "http"), (":path", "/v1/chat/completions"), (":authority", "a"),
)  # fmt: skip
PLAIN: Final[tuple[Header, ...]] = (("authorization", f"Bearer {KEY}"), ("content-type", "application/json"))
HONEST: Final = (*PSEUDO, *PLAIN)


def replaced(name: str, value: str | bytes) -> tuple[Header, ...]:
    return tuple((name, value) if known == name else (known, old) for known, old in HONEST)


def without(name: str) -> tuple[Header, ...]:
    return tuple(header for header in HONEST if header[0] != name)


BAD_HEADERS: Final[dict[str, tuple[Header, ...]]] = {
    **{f"{name} twice": ((name, value), *HONEST) for name, value in PSEUDO[:3]},
    "two authorities": ((":authority", "b"), *HONEST),
    ":authority with a comma": replaced(":authority", "a,b"),
    **{f"{name} missing": without(name) for name, _ in PSEUDO[:3]},
    **{f"{name} empty": replaced(name, "") for name, _ in PSEUDO[:3]},
    ":path after other headers": (*without(":path"), (":path", "/v1/chat/completions")),
    ":path of the second kind in a trailer position": (*HONEST, (":path", "/v1/models")),
    "unknown pseudo header": ((":user", "admin"), *HONEST),
    ":status in a request": ((":status", "200"), *HONEST),
    ":protocol without an extended CONNECT": ((":protocol", "websocket"), *HONEST),
    ":path with a space": replaced(":path", "/v1/chat/completions HTTP/1.1"),
    ":path with CRLF": replaced(":path", b"/v1/chat/completions HTTP/1.1\r\nx: y\r\n\r\n" + SECOND),
    ":path with a NUL": replaced(":path", b"/v1/chat/completions\x00"),
    ":path with a fragment": replaced(":path", "/v1/chat/completions#/v1/models"),
    ":path with a tab": replaced(":path", "/v1/chat/completions\t"),
    ":path without a slash": replaced(":path", "v1/chat/completions"),
    ":path as an asterisk": replaced(":path", "*"),
    ":path with another host": replaced(":path", "http://b/v1/chat/completions"),
    ":path with an at sign": replaced(":path", "@127.0.0.1/v1/chat/completions"),
    ":path with a backslash": replaced(":path", "\\v1\\chat\\completions"),
    ":path with an escaped slash": replaced(":path", "/v1%2Fchat/completions"),
    ":path with bytes beyond ASCII": replaced(":path", b"/v1/chat/completions\xff"),
    ":method with a space": replaced(":method", "POST /v1/models HTTP/1.1\r\nx: "),
    ":method with CRLF": replaced(":method", b"POST / HTTP/1.1\r\n\r\nPOST"),
    ":method in lower case": replaced(":method", "post"),
    ":method TRACE": replaced(":method", "TRACE"),
    ":method CONNECT with a path": replaced(":method", "CONNECT"),
    ":scheme with a path": replaced(":scheme", "http://b/v1/models?"),
    ":authority with CRLF": replaced(":authority", b"a\r\nx: y"),
    ":authority with a user": replaced(":authority", "admin@a"),
    **{
        f"{name}: {value}": (*HONEST, (name, value))
        for name, value in (
            ("connection", "keep-alive"), ("connection", "x-api-key"), ("keep-alive", "timeout=5"), ("proxy-connection", "a"),
            ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "gzip"),
        )
    },
    "name in upper case": (*HONEST, ("X-Upper", "a")),
    "name with CRLF": (*HONEST, (b"x: y\r\nx-api-key", "a")),
    "name with a colon": (*HONEST, ("x:y", "a")),
    "name with a space": (*HONEST, ("transfer-encoding ", "chunked")),
    "name with an underscore": (*HONEST, ("x_megarouter_cluster", "usage_service")),
    "empty name": (*HONEST, ("", "a")),
    "value with CRLF": (*HONEST, ("x", b"a\r\nx-api-key: b")),
    "value with LF": (*HONEST, ("x", b"a\nx-api-key: b")),
    "value with NUL": (*HONEST, ("x", b"a\x00b")),
    "content-length too small": (*HONEST, ("content-length", str(len(BODY) - 1))),
    "content-length too large": (*HONEST, ("content-length", str(len(BODY) + 1))),
    "content-length twice": (*HONEST, ("content-length", str(len(BODY))), ("content-length", "0")),
    "content-length with a sign": (*HONEST, ("content-length", f"+{len(BODY)}")),
    "content-length that is no number": (*HONEST, ("content-length", "many")),
    "host beside :authority": (*HONEST, ("host", "b")),
    "two authorizations": (*HONEST, ("authorization", "Bearer x")),
}  # fmt: skip
HARMLESS: Final = frozenset({"host beside :authority"})
"""Envoy reads only `:authority`, as HTTP/2 demands, and no other reader sees the other host."""

Frames = Callable[[bytes], bytes]
HALF: Final = len(BODY) // 2


def _trailers(*headers: Header) -> Frames:
    return lambda head: (
        frame(Kind.HEADERS, head, END_HEADERS, 1)
        + frame(Kind.DATA, BODY, 0, 1)
        + frame(Kind.HEADERS, block(headers), END_HEADERS | END_STREAM, 1)
    )


BAD_FRAMES: Final[dict[str, Frames]] = {
    "data before headers": lambda head: DATA + frame(Kind.HEADERS, head, END_HEADERS | END_STREAM, 1),
    "data after the end": lambda head: frame(Kind.HEADERS, head, END_HEADERS | END_STREAM, 1) + DATA,
    "headers on stream 0": lambda head: frame(Kind.HEADERS, head, END_HEADERS, 0) + DATA,
    "headers on an even stream": lambda head: frame(Kind.HEADERS, head, END_HEADERS, 2) + frame(Kind.DATA, BODY, END_STREAM, 2),
    "padding longer than the frame": lambda head: frame(Kind.HEADERS, b"\xff" + head[:20], END_HEADERS | PADDED, 1) + DATA,
    "another frame between headers and continuation": lambda head: (
        frame(Kind.HEADERS, head[:9], 0, 1)
        + frame(Kind.PING, b"12345678")
        + frame(Kind.CONTINUATION, head[9:], END_HEADERS, 1)
        + DATA
    ),
    "continuation of another stream": lambda head: (
        frame(Kind.HEADERS, head[:9], 0, 1) + frame(Kind.CONTINUATION, head[9:], END_HEADERS, 3) + DATA
    ),
    "a frame beyond the largest": lambda head: (
        frame(Kind.HEADERS, head, END_HEADERS, 1) + frame(Kind.DATA, BODY + b" " * 70_000, END_STREAM, 1)
    ),
    "pushed by a client": lambda head: frame(Kind.PUSH_PROMISE, b"\0\0\0\2" + head, END_HEADERS, 1) + DATA,
    "settings of a wrong length": lambda head: frame(Kind.SETTINGS, b"12345") + frame(Kind.HEADERS, head, END_HEADERS, 1) + DATA,
    "a window beyond 31 bits": lambda head: (
        frame(Kind.WINDOW_UPDATE, b"\x7f\xff\xff\xff") + frame(Kind.HEADERS, head, END_HEADERS, 1) + DATA
    ),
    "a window update of 0": lambda head: (
        frame(Kind.WINDOW_UPDATE, bytes(4)) + frame(Kind.HEADERS, head, END_HEADERS, 1) + DATA
    ),
    "a table beyond the setting": lambda head: (
        frame(Kind.HEADERS, number(2**30, 5, 0x20) + head, END_HEADERS, 1) + DATA
    ),
    "an index that does not exist": lambda head: frame(Kind.HEADERS, b"\xff\x80\x01" + head, END_HEADERS, 1) + DATA,
    "an index of 0": lambda head: frame(Kind.HEADERS, b"\x80" + head, END_HEADERS, 1) + DATA,
    "a number that never ends": lambda head: frame(Kind.HEADERS, b"\xff" + b"\xff" * 40 + head, END_HEADERS, 1) + DATA,
    "a pseudo header in the trailers": _trailers((":path", "/v1/models")),
    "a length in the trailers": _trailers(("content-length", "5"), (":method", "POST")),
    "a line end in the trailers": _trailers(("x", b"a\r\nb: c")),
}  # fmt: skip


@pytest.fixture
async def accounts(tenant: Tenant, witness: Witness) -> Accounts:
    opened = Accounts(tenant, witness)
    await opened.open()
    return opened


def keyed(headers: tuple[Header, ...], key: str) -> tuple[Header, ...]:
    return tuple((name, value.replace(KEY, key) if isinstance(value, str) else value) for name, value in headers)


async def test_an_honest_request_is_served(stack: Stack, accounts: Accounts) -> None:
    """The bytes of these tests are HTTP/2, so what is refused is refused for its fault."""
    outcome = await exchange(stack.ports.model, headers_frame(keyed(HONEST, accounts.tenant.key), ends=False), DATA)
    assert outcome.statuses == [200]
    await accounts.close(1)


@pytest.mark.parametrize("case", BAD_HEADERS)
async def test_malformed_headers_are_refused(stack: Stack, accounts: Accounts, case: str) -> None:
    headers = keyed(BAD_HEADERS[case], accounts.tenant.key)
    outcome = await exchange(stack.ports.model, headers_frame(headers, ends=False), DATA)
    if case in HARMLESS and outcome.statuses == [200]:
        await accounts.close(1)
        return
    assert outcome.is_refused, outcome
    await accounts.close(0)


@pytest.mark.parametrize("case", BAD_FRAMES)
async def test_malformed_frames_are_refused(stack: Stack, accounts: Accounts, case: str) -> None:
    head = block(keyed(HONEST, accounts.tenant.key))
    outcome = await exchange(stack.ports.model, BAD_FRAMES[case](head))
    assert outcome.is_refused, outcome
    await accounts.close(0)


OPENED: Final = frame(Kind.HEADERS, block(PSEUDO), 0, 1)
MANY: Final = 20_000
FLOODS: Final[dict[str, Callable[[], bytes]]] = {
    "rapid reset": lambda: b"".join(
        headers_frame(PSEUDO, stream) + frame(Kind.RST_STREAM, bytes(4), 0, stream) for stream in range(1, 2 * MANY, 2)
    ),
    "rapid reset by errors": lambda: b"".join(
        headers_frame(PSEUDO, stream) + frame(Kind.WINDOW_UPDATE, bytes(4), 0, stream) for stream in range(1, 2 * MANY, 2)
    ),
    "continuations without an end": lambda: OPENED + frame(Kind.CONTINUATION, block([("x", "y" * 1_000)]), 0, 1) * MANY,
    "empty continuations": lambda: OPENED + frame(Kind.CONTINUATION, b"", 0, 1) * MANY,
    "settings": lambda: frame(Kind.SETTINGS, b"\0\4\0\0\xff\xff") * MANY,
    "pings": lambda: frame(Kind.PING, b"12345678") * MANY,
    "priorities": lambda: frame(Kind.PRIORITY, b"\0\0\0\0\1", 0, 1) * MANY,
    "empty data": lambda: headers_frame(PSEUDO, ends=False) + frame(Kind.DATA, b"", 0, 1) * MANY,
    "window updates": lambda: frame(Kind.WINDOW_UPDATE, b"\0\0\0\1") * MANY,
    "a table filled and named again": lambda: frame(
        Kind.HEADERS, block(PSEUDO) + b"\x40\x01x" + number(4_000, 7) + b"y" * 4_000 + b"\xbe" * 10_000, END_HEADERS | END_STREAM, 1
    ),
    "one-byte headers by the thousand": lambda: frame(
        Kind.HEADERS, block([*PSEUDO, *[("x", "y")] * 3_000]), END_HEADERS | END_STREAM, 1
    ),
}  # fmt: skip
GROWTH_MAX_KIB: Final = 64 * 1024
FLOOD_MAX_S: Final = 20.0


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_frames_ends_the_connection_and_costs_customers_nothing(
    stack: Stack, post: Post, flood: str
) -> None:
    """The server ends the connection, its memory does not grow with the flood, and a customer is served after it."""
    before_kib = _resident_kib(stack)
    start_s = time.monotonic()
    outcome = await exchange(stack.ports.model, FLOODS[flood]())
    assert time.monotonic() - start_s < FLOOD_MAX_S
    assert outcome.is_closed or outcome.goaway is not None or outcome.is_refused, outcome
    assert _resident_kib(stack) - before_kib < GROWTH_MAX_KIB
    assert (await post()).status == 200


def _resident_kib(stack: Stack) -> int:
    status = Path(f"/proc/{stack.identity('envoy').pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0])
