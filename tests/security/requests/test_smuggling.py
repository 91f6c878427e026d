"""Request smuggling: one request that some parsers read as two. The second one is never answered and never reaches the provider."""

import json
from typing import Final

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import Witness, chat
from tests.support.attacks.accounts import Accounts
from tests.support.attacks.raw_http import exchange
from tests.support.data.tenants import Tenant

MARK: Final = b"SMUGGLED"
KEY: Final = b"{key}"
"""Stands for the attacker's key."""
OUTER: Final = json.dumps(chat()).encode()
INNER: Final = json.dumps(chat(messages=[{"role": "user", "content": MARK.decode()}])).encode()
START: Final = b"POST /v1/chat/completions HTTP/1.1\r\n"
HEAD: Final = b"host: a\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
SECOND: Final = START + HEAD + b"content-length: %d\r\n\r\n" % len(INNER) + INNER
ENDED: Final = b"0\r\n\r\n"
CHUNKED: Final = b"transfer-encoding: chunked\r\n"


def request(headers: bytes, body: bytes, start: bytes = START) -> bytes:
    """Returns a request with a credential and these headers. The lines of `headers` end with CRLF."""
    return start + HEAD + headers + b"\r\n" + body


def length(count: int) -> bytes:
    return b"content-length: %d\r\n" % count


def chunk(content: bytes) -> bytes:
    return b"%x\r\n" % len(content) + content + b"\r\n"


WHOLE: Final = chunk(OUTER) + ENDED
HIDDEN: Final = length(len(ENDED + SECOND))
"""The length of a body whose first bytes end a chunked one."""


def with_coding(header: bytes) -> bytes:
    """CL.TE: the length covers the second request, and the transfer coding ends before it."""
    return request(HIDDEN + header, ENDED + SECOND)


def with_lengths(*headers: bytes) -> bytes:
    """One of the lengths covers the second request, and another ends before it."""
    return request(b"".join(headers), OUTER + SECOND)


def with_chunks(body: bytes) -> bytes:
    """A chunked body in a form that parsers disagree about."""
    return request(CHUNKED, body + SECOND)


ALL: Final = len(OUTER + SECOND)
ATTACKS: Final[dict[str, bytes]] = {
    "CL.TE": with_coding(b"transfer-encoding: chunked\r\n"),
    "TE.CL": request(b"transfer-encoding: chunked\r\n" + length(4), chunk(SECOND) + ENDED),
    "TE.CL with length 0": request(b"transfer-encoding: chunked\r\n" + length(0), chunk(SECOND) + ENDED),
    "TE before CL": request(b"transfer-encoding: chunked\r\n" + HIDDEN, ENDED + SECOND),
    "TE.TE: unknown coding": with_coding(b"transfer-encoding: xchunked\r\n"),
    "TE.TE: space before the colon": with_coding(b"transfer-encoding : chunked\r\n"),
    "TE.TE: tab before the colon": with_coding(b"transfer-encoding\t: chunked\r\n"),
    "TE.TE: tab after the colon": with_coding(b"transfer-encoding:\tchunked\r\n"),
    "TE.TE: twice, the last unknown": with_coding(b"transfer-encoding: chunked\r\ntransfer-encoding: x\r\n"),
    "TE.TE: twice, the first unknown": with_coding(b"transfer-encoding: x\r\ntransfer-encoding: chunked\r\n"),
    "TE.TE: folded value": with_coding(b"transfer-encoding:\r\n chunked\r\n"),
    "TE.TE: folded into another header": with_coding(b"x: y\r\n transfer-encoding: chunked\r\n"),
    "TE.TE: name on two lines": with_coding(b"transfer-encoding\r\n : chunked\r\n"),
    "TE.TE: leading space": with_coding(b" transfer-encoding: chunked\r\n"),
    "TE.TE: chunked, identity": with_coding(b"transfer-encoding: chunked, identity\r\n"),
    "TE.TE: identity, chunked": with_coding(b"transfer-encoding: identity, chunked\r\n"),
    "TE.TE: gzip, chunked": with_coding(b"transfer-encoding: gzip, chunked\r\n"),
    "TE.TE: chunked, chunked": with_coding(b"transfer-encoding: chunked, chunked\r\n"),
    "TE.TE: quoted": with_coding(b'transfer-encoding: "chunked"\r\n'),
    "TE.TE: with a parameter": with_coding(b"transfer-encoding: chunked;q=1\r\n"),
    "TE.TE: vertical tab": with_coding(b"transfer-encoding: chunked\x0b\r\n"),
    "TE.TE: NUL": with_coding(b"transfer-encoding: \x00chunked\r\n"),
    "TE.TE: capitals": with_coding(b"TRANSFER-ENCODING: CHUNKED\r\n"),
    "TE.TE: underscore": with_coding(b"transfer_encoding: chunked\r\n"),
    "TE.TE: after a bare LF": with_coding(b"x: y\ntransfer-encoding: chunked\r\n"),
    "TE.TE: after a bare CR": with_coding(b"x: y\rtransfer-encoding: chunked\r\n"),
    "TE.TE: after an empty name": with_coding(b": y\r\ntransfer-encoding: chunked\r\n"),
    "CL.CL: short first": with_lengths(length(len(OUTER)), length(ALL)),
    "CL.CL: long first": with_lengths(length(ALL), length(len(OUTER))),
    "CL.CL: in one line": with_lengths(b"content-length: %d, %d\r\n" % (len(OUTER), ALL)),
    "CL: with a plus sign": with_lengths(b"content-length: +%d\r\n" % len(OUTER)),
    "CL: negative": with_lengths(b"content-length: -1\r\n"),
    "CL: hexadecimal": with_lengths(b"content-length: 0x%x\r\n" % len(OUTER)),
    "CL: with a space inside": with_lengths(b"content-length: %d 5\r\n" % len(OUTER)),
    "CL: empty": with_lengths(b"content-length: \r\n"),
    "CL: NUL at its end": with_lengths(b"content-length: %d\x00\r\n" % len(OUTER)),
    "CL: with an exponent": with_lengths(b"content-length: 1e1\r\n"),
    "CL: fraction": with_lengths(b"content-length: %d.0\r\n" % len(OUTER)),
    "CL: beyond 64 bits": with_lengths(b"content-length: %d\r\n" % (2**64 + len(OUTER))),
    "CL: space before the colon": with_lengths(length(ALL), b"content-length : %d\r\n" % len(OUTER)),
    "CL: folded": with_lengths(length(ALL), b"content-length:\r\n %d\r\n" % len(OUTER)),
    "CL: underscore": with_lengths(length(ALL), b"content_length: %d\r\n" % len(OUTER)),
    "CL: after a bare LF": with_lengths(length(ALL), b"x: y\ncontent-length: %d\r\n" % len(OUTER)),
    "CL: Unicode digits": with_lengths("content-length: \u0661\r\n".encode()),
    "chunks: size with 0x": with_chunks(b"0x0\r\n\r\n"),
    "chunks: size with a sign": with_chunks(b"+0\r\n\r\n"),
    "chunks: negative size": with_chunks(b"-1\r\n\r\n"),
    "chunks: size after a space": with_chunks(b" 0\r\n\r\n"),
    "chunks: size beyond 64 bits": with_chunks(b"1" + b"0" * 16 + b"\r\n\r\n"),
    "chunks: empty size": with_chunks(b"\r\n\r\n"),
    "chunks: bare LF": with_chunks(b"0\n\n"),
    "chunks: bare CR": with_chunks(b"0\r\r"),
    "chunks: no end": with_chunks(b"5\r\nhelloX"),
    "chunks: LF in an extension": request(
        HIDDEN + b"transfer-encoding: chunked\r\n", b"0;a\n\r\n" + SECOND
    ),
    "chunks: quoted line end in an extension": with_chunks(b'1;a="\r\n\r\n{\r\n'),
    "HTTP/1.0 with chunks": request(HIDDEN + b"transfer-encoding: chunked\r\n", ENDED + SECOND, START.replace(b"1.1", b"1.0")),
    "HTTP/0.9": START.replace(b" HTTP/1.1", b"") + b"\r\n" + SECOND,
    "line end in the path": request(b"", SECOND, b"POST /v1/models\x0dx HTTP/1.1\r\n"),
    "request line in the path": request(length(0), SECOND, b"POST /v1/models HTTP/1.1 /x HTTP/1.1\r\n"),
    "absolute form": request(length(len(SECOND)), SECOND, b"POST http://127.0.0.1/v1/models HTTP/1.1\r\n"),
    "GET with a body": request(length(len(SECOND)), SECOND, b"GET /v1/models HTTP/1.1\r\n"),
    "HEAD with a body": request(length(len(SECOND)), SECOND, b"HEAD /v1/models HTTP/1.1\r\n"),
    "CONNECT": request(b"", SECOND, b"CONNECT a:443 HTTP/1.1\r\n"),
    "upgrade to WebSocket": request(
        b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + HIDDEN, ENDED + SECOND,
    ),
    "upgrade to h2c": request(
        b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n" + HIDDEN,
        ENDED + SECOND,
    ),
    "expect 100-continue": request(b"expect: 100-continue\r\n" + HIDDEN + b"transfer-encoding: chunked\r\n", ENDED + SECOND),
    "length named by connection": request(b"connection: content-length\r\n" + length(ALL), OUTER + SECOND),
}  # fmt: skip

FRAMED: Final = length(len(OUTER))
ODD: Final[dict[str, bytes]] = {
    "HTTP/1.0": request(FRAMED, OUTER, START.replace(b"1.1", b"1.0")),
    "HTTP/1.2": request(FRAMED, OUTER, START.replace(b"1.1", b"1.2")),
    "version in lower case": request(FRAMED, OUTER, START.replace(b"HTTP", b"http")),
    "two spaces in the request line": request(FRAMED, OUTER, START.replace(b" ", b"  ")),
    "tab in the request line": request(FRAMED, OUTER, START.replace(b" ", b"\t")),
    "bare LF in the request line": request(FRAMED, OUTER, START.replace(b"\r\n", b"\n")),
    "bare LF everywhere": request(FRAMED, b"").replace(b"\r\n", b"\n") + OUTER,
    "NUL in a header": request(b"x-api-key: a\x00b\r\n" + FRAMED, OUTER),
    "CR in a header": request(b"user-agent: a\rx-api-key: b\r\n" + FRAMED, OUTER),
    "CR in a header name": request(b"x\r: a\r\n" + FRAMED, OUTER),
    "header without a colon": request(b"x\r\n" + FRAMED, OUTER),
    "header without a name": request(b": x\r\n" + FRAMED, OUTER),
    "space before the first header": START + b" x: y\r\n" + HEAD + FRAMED + b"\r\n" + OUTER,
    "two hosts": request(b"host: b\r\n" + FRAMED, OUTER),
    "the same host twice": request(b"host: a\r\n" + FRAMED, OUTER),
    "two hosts in one line": request(FRAMED, OUTER).replace(b"host: a", b"host: a,b"),
    "a comma after the host": request(FRAMED, OUTER).replace(b"host: a", b"host: a,"),
    "a host beside that of the absolute form": request(FRAMED, OUTER, START.replace(b"/v1", b"http://b/v1")),
    "chunks: NUL in an extension": request(CHUNKED, WHOLE.replace(b"\r\n", b";\x00\r\n", 1)),
    "chunks: long extension": request(CHUNKED, WHOLE.replace(b"\r\n", b";" + b"a" * 100_000 + b"\r\n", 1)),
    "chunks: trailer that folds": request(CHUNKED, chunk(OUTER) + b"0\r\nx: y\r\n z\r\n\r\n"),
    "chunks: trailer with a length": request(CHUNKED, chunk(OUTER) + b"0\r\ncontent-length: 5\r\n\r\n"),
    "chunks: trailer with a key": request(CHUNKED, chunk(OUTER) + b"0\r\nx-api-key: 5\r\n\r\n"),
}
SERVED: Final = frozenset(
    {
        "CR in a header",
        "a host beside that of the absolute form",
        "bare LF everywhere",
        "bare LF in the request line",
        "chunks: NUL in an extension",
        "chunks: long extension",
        "chunks: trailer that folds",
        "chunks: trailer with a key",
        "chunks: trailer with a length",
        "tab in the request line",
        "two spaces in the request line",
    }
)
"""Odd forms that Envoy reads in only one way. They are served once, and nothing of them reaches the provider."""
SEVERAL_HOSTS: Final = frozenset(
    {"two hosts", "the same host twice", "two hosts in one line", "a comma after the host"}
)


@pytest.fixture
async def accounts(tenant: Tenant, witness: Witness) -> Accounts:
    opened = Accounts(tenant, witness)
    await opened.open()
    return opened


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_a_smuggled_request_is_neither_answered_nor_sent(stack: Stack, accounts: Accounts, attack: bytes) -> None:
    answers = await exchange(stack.ports.model, attack.replace(KEY, accounts.tenant.key.encode()))
    assert len(answers) <= 1, answers
    await accounts.close(sum(answer.status == 200 and b"choices" in answer.body for answer in answers))
    assert not any(MARK in body for body in accounts.bodies)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_the_admin_listener_answers_no_smuggled_request(stack: Stack, attack: bytes) -> None:
    token = stack.environment["MEGAROUTER_ADMIN_TOKEN"].encode()
    answers = await exchange(stack.ports.admin, attack.replace(KEY, token))
    assert len(answers) <= 1, answers
    assert not any(answer.status == 200 for answer in answers)


async def test_the_attacks_are_told_from_two_honest_requests(stack: Stack, accounts: Accounts) -> None:
    """Two requests, one behind the other, get two answers. So a smuggled one would be seen."""
    honest = request(length(len(OUTER)), OUTER) + SECOND
    answers = await exchange(stack.ports.model, honest.replace(KEY, accounts.tenant.key.encode()))
    assert [answer.status for answer in answers] == [200, 200]
    await accounts.close(2)
    assert any(MARK in body for body in accounts.bodies)


@pytest.mark.parametrize("case", sorted(SEVERAL_HOSTS))
@pytest.mark.parametrize("kind", [b"application/json", b"application/grpc"])
async def test_the_admin_listener_refuses_several_hosts(stack: Stack, case: str, kind: bytes) -> None:
    token = stack.environment["MEGAROUTER_ADMIN_TOKEN"].encode()
    asked = ODD[case].replace(KEY, token).replace(b"application/json", kind)
    (answer,) = await exchange(stack.ports.admin, asked)
    assert answer.status == (400 if kind == b"application/json" else 200)
    if kind == b"application/json":
        assert json.loads(answer.body)["code"] == 3


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_request_is_refused_or_served_once(stack: Stack, accounts: Accounts, case: str) -> None:
    answers = await exchange(stack.ports.model, ODD[case].replace(KEY, accounts.tenant.key.encode()))
    assert len(answers) <= 1
    answer = answers[0] if answers else None
    served = answer is not None and answer.status == 200
    assert served == (case in SERVED), answer
    assert served or answer is None or 400 <= answer.status < 500, answer
    if case in SEVERAL_HOSTS:
        assert answer is not None
        assert (answer.status, b"several_hosts" in answer.body) == (400, True)
    await accounts.close(int(served))
    assert accounts.bodies == [OUTER] * served
