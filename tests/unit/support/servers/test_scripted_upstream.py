"""The scripted upstream sends what the script says, and tells what it received."""

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.servers.scripted_upstream import (
    Abort,
    Pause,
    ScriptedUpstream,
    Send,
    UntilClientLeaves,
    answer,
    chunk,
    event,
    head,
    json_answer,
    running_upstream,
    stream,
    stream_head,
)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture
def connection(upstream: ScriptedUpstream) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(upstream.url).netloc, timeout=5)
    yield connection
    connection.close()


def _get(connection: http.client.HTTPConnection, body: bytes = b"") -> tuple[int, bytes]:
    connection.request("POST", "/v1/x?y=1", body, {"X-Name": "Value"})
    response = connection.getresponse()
    return response.status, response.read()


def test_scripts_answer_requests_in_order_and_then_the_function_does(
    upstream: ScriptedUpstream, connection: http.client.HTTPConnection
) -> None:
    upstream.answer(json_answer({"a": 1}), answer(b"no", 429))
    upstream.choose(lambda request: answer(request.body))
    assert [_get(connection, b"mine") for _ in range(3)] == [(200, b'{"a": 1}'), (429, b"no"), (200, b"mine")]


def test_a_request_is_kept_as_it_came(upstream: ScriptedUpstream, connection: http.client.HTTPConnection) -> None:
    upstream.answer(answer(b""))
    _get(connection, b'{"n":1}')
    (request,) = upstream.requests
    assert (request.method, request.path, request.json, request.header("x-name")) == (
        "POST", "/v1/x?y=1", {"n": 1}, "Value",
    )  # fmt: skip
    assert request.ended.wait(1)
    assert not request.cut_off


def test_a_chunked_request_body_is_put_together(
    upstream: ScriptedUpstream, connection: http.client.HTTPConnection
) -> None:
    upstream.answer(answer(b""))
    connection.request("POST", "/", iter([b"ab", b"c"]), encode_chunked=True)
    connection.getresponse().read()
    assert upstream.requests[0].body == b"abc"


def test_events_are_named_after_their_type(upstream: ScriptedUpstream, connection: http.client.HTTPConnection) -> None:
    upstream.answer(stream({"type": "a"}, {"b": 1}, done=True))
    assert _get(connection) == (200, b'event: a\ndata: {"type": "a"}\n\ndata: {"b": 1}\n\ndata: [DONE]\n\n')


def test_an_abort_resets_the_connection(upstream: ScriptedUpstream, connection: http.client.HTTPConnection) -> None:
    upstream.answer([Send(head(headers={"content-length": "9"}) + b"part"), Pause(0.05), Abort()])
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        _get(connection)
    assert upstream.requests[0].bytes_sent > 4


@pytest.mark.parametrize("wait", [Pause(5), UntilClientLeaves()])
def test_a_caller_that_leaves_is_noticed(upstream: ScriptedUpstream, wait: Pause | UntilClientLeaves) -> None:
    upstream.answer([Send(stream_head()), chunk(event("x")), wait, chunk(b"")])
    address = urlsplit(upstream.url)
    with socket.create_connection((address.hostname, address.port)) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
        caller.recv(10)
    (request,) = upstream.requests
    assert request.ended.wait(2)
    assert request.cut_off


def test_a_request_without_a_script_says_so(upstream: ScriptedUpstream, connection: http.client.HTTPConnection) -> None:
    assert _get(connection) == (501, b"the test has no script for this request")
    upstream.reset()
    assert upstream.requests == []
