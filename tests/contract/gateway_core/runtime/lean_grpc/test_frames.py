"""Frames that a peer may send, and the errors for frames that it must not send (RFC 9113, gRPC over HTTP/2)."""

import struct

import grpc
import pytest

from gateway_core.runtime.lean_grpc.connection import MAX_MESSAGE_BYTES, Connection
from gateway_core.runtime.lean_grpc.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PREFACE,
    PRIORITY_PRESENT,
    ErrorCode,
    Kind,
    Setting,
    frame,
    goaway,
    reset,
    settings_frame,
    window_update,
)
from tests.contract.gateway_core.runtime.lean_grpc.peer import (
    HEAD,
    HEADERS,
    Clock,
    Recorded,
    block,
    call,
    ended_with,
    headers_of,
    message,
    opened,
    sent,
    status_of,
)

E = ErrorCode


def test_a_call_gets_its_answer() -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call())
    ((stream, content),) = calls.begun
    assert (content, stream.head.path, stream.head.timeout_s) == (b"hello", "/test.Test/Echo", 2.0)
    connection.reply(stream, b"world")
    first, data, last = sent(connection)
    assert headers_of(first) == {":status": "200", "content-type": "application/grpc"}
    assert (data.payload, data.stream_id) == (message(b"world"), 1)
    assert (headers_of(last), last.flags) == ({"grpc-status": "0"}, END_HEADERS | END_STREAM)
    assert connection.is_idle


def test_the_head_of_an_answer_may_be_sent_before_its_message() -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call())
    ((stream, _),) = calls.begun
    for _ in range(2):
        connection.begin(stream)
    (head,) = sent(connection)
    assert (headers_of(head), head.flags) == ({":status": "200", "content-type": "application/grpc"}, END_HEADERS)
    connection.reply(stream, b"world")
    data, last = sent(connection)
    assert (data.payload, data.stream_id) == (message(b"world"), 1)
    assert (headers_of(last), last.flags) == ({"grpc-status": "0"}, END_HEADERS | END_STREAM)
    connection.begin(stream)
    assert sent(connection) == []
    assert connection.is_idle


def test_a_call_that_fails_after_the_head_of_its_answer_is_reset() -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call())
    ((stream, _),) = calls.begun
    connection.begin(stream)
    connection.fail(stream, grpc.StatusCode.UNAVAILABLE, "later")
    _, last = sent(connection)
    assert (last.kind, last.payload) == (Kind.RST_STREAM, struct.pack(">L", E.CANCEL))
    assert connection.is_idle


def test_input_split_at_every_byte_is_reassembled() -> None:
    data = PREFACE + settings_frame({}) + call() + call(3, b"x" * 100)
    whole = Recorded()
    Connection(whole, Clock()).receive(data)
    for size in (1, 2, 3, 7, 8, 9, 10, 50):
        calls = Recorded()
        connection = Connection(calls, Clock())
        for begin in range(0, len(data), size):
            connection.receive(data[begin : begin + size])
        assert calls.messages == whole.messages == [b"hello", b"x" * 100]


def test_a_split_header_block_with_padding_and_priority_is_read() -> None:
    calls = Recorded()
    connection = opened(calls)
    whole = block()
    first = b"\x03" + b"\0\0\0\0\x10" + whole[:5] + b"\0\0\0"
    connection.receive(frame(Kind.HEADERS, PADDED | PRIORITY_PRESENT, 1, first))
    connection.receive(frame(Kind.CONTINUATION, 0, 1, whole[5:9]) + frame(Kind.CONTINUATION, END_HEADERS, 1, whole[9:]))
    connection.receive(frame(Kind.DATA, PADDED | END_STREAM, 1, b"\x02" + message() + b"\0\0"))
    assert calls.messages == [b"hello"]


def test_a_split_message_and_a_message_with_trailers_are_read() -> None:
    calls = Recorded()
    connection = opened(calls)
    whole = message(b"a" * 40_000)
    connection.receive(frame(Kind.HEADERS, END_HEADERS, 1, block()))
    for begin in range(0, len(whole), 10_000):
        connection.receive(frame(Kind.DATA, 0, 1, whole[begin : begin + 10_000]))
    connection.receive(frame(Kind.HEADERS, END_HEADERS | END_STREAM, 1, block([("x-checksum", "1")])))
    assert calls.messages == [b"a" * 40_000]


def test_a_peer_may_use_a_header_table_until_it_acknowledges_the_settings() -> None:
    """Until then, the meaning of its header blocks depends on the earlier ones."""
    import hpack  # noqa: PLC0415

    calls = Recorded()
    connection = Connection(calls, Clock())
    connection.receive(PREFACE + settings_frame({}))
    encoder = hpack.Encoder()
    for stream_id, path in ((1, "/a"), (3, "/b"), (5, "/a"), (7, "/b")):
        headers = [(name, path if name == ":path" else value) for name, value in HEADERS]
        connection.receive(frame(Kind.HEADERS, END_HEADERS, stream_id, encoder.encode(headers)))
        connection.receive(frame(Kind.DATA, END_STREAM, stream_id, message()))
    connection.receive(frame(Kind.SETTINGS, ACK, 0))
    encoder.header_table_size = 0
    for stream_id, path in ((9, "/c"), (11, "/d"), (13, "/c")):
        headers = [(name, path if name == ":path" else value) for name, value in HEADERS]
        connection.receive(frame(Kind.HEADERS, END_HEADERS, stream_id, encoder.encode(headers)))
        connection.receive(frame(Kind.DATA, END_STREAM, stream_id, message()))
    assert [stream.head.path for stream, _ in calls.begun] == ["/a", "/b", "/a", "/b", "/c", "/d", "/c"]


def test_a_peer_that_uses_a_header_table_after_its_acknowledgment_is_disconnected() -> None:
    connection = opened()
    connection.receive(frame(Kind.HEADERS, END_HEADERS, 1, block(table_bytes=4_096)))
    assert ended_with(connection) is E.COMPRESSION_ERROR


def replaced(name: str, value: str | None) -> list[tuple[str, str]]:
    kept = [header for header in HEADERS if header[0] != name or value is not None]
    return [(key, value if value is not None and key == name else old) for key, old in kept]


@pytest.mark.parametrize(
    "headers",
    [
        replaced(":path", None),
        replaced(":method", None),
        [*HEADERS, (":path", "/twice")],
        [*HEADERS, ("Upper", "x")],
        [*HEADERS, ("connection", "close")],
        [("x-before", "1"), *HEADERS],
        [*HEADERS, (":status", "200")],
    ],
)
def test_malformed_headers_end_only_their_call(headers: list[tuple[str, str]]) -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call(1, headers=headers) + call(3))
    assert [(one.kind, one.stream_id, one.payload[-1]) for one in sent(connection)] == [(Kind.RST_STREAM, 1, 1)]
    assert calls.messages == [b"hello"]


@pytest.mark.parametrize("headers", [replaced(":method", "GET"), replaced("content-type", "application/json")])
def test_a_request_that_is_not_grpc_gets_unsupported_media_type(headers: list[tuple[str, str]]) -> None:
    connection = opened()
    connection.receive(call(headers=headers))
    assert headers_of(sent(connection)[0]) == {":status": "415"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", grpc.StatusCode.INTERNAL),
        (b"\0\0\0", grpc.StatusCode.INTERNAL),
        (message()[:-1], grpc.StatusCode.INTERNAL),
        (message() + b"x", grpc.StatusCode.INTERNAL),
        (message() + message(), grpc.StatusCode.INTERNAL),
        (message(compressed=1), grpc.StatusCode.UNIMPLEMENTED),
        (struct.pack(">BL", 0, MAX_MESSAGE_BYTES + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_a_body_that_is_not_one_plain_message_is_refused(body: bytes, code: grpc.StatusCode) -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(frame(Kind.HEADERS, END_HEADERS, 1, block()) + frame(Kind.DATA, END_STREAM, 1, body))
    assert status_of(connection) == str(code.value[0])
    assert not calls.begun


BROKEN: dict[str, tuple[bytes, ErrorCode]] = {
    "a frame that is too long": (struct.pack(">BHBBL", 0, 16_385, 0, 0, 1), E.FRAME_SIZE_ERROR),
    "DATA on the connection": (frame(Kind.DATA, 0, 0, b"x"), E.PROTOCOL_ERROR),
    "DATA on a stream not opened": (frame(Kind.DATA, 0, 5, b"x"), E.PROTOCOL_ERROR),
    "HEADERS on the connection": (frame(Kind.HEADERS, END_HEADERS, 0, block()), E.PROTOCOL_ERROR),
    "HEADERS on an even stream": (frame(Kind.HEADERS, END_HEADERS, 2, block()), E.PROTOCOL_ERROR),
    "HEADERS with only padding": (frame(Kind.HEADERS, END_HEADERS | PADDED, 1, b"\xff"), E.PROTOCOL_ERROR),
    "HEADERS padded without a length": (frame(Kind.HEADERS, END_HEADERS | PADDED, 1), E.FRAME_SIZE_ERROR),
    "HEADERS that cannot be decoded": (frame(Kind.HEADERS, END_HEADERS, 1, b"\xff\xff\xff"), E.COMPRESSION_ERROR),
    "an endless header block": (
        frame(Kind.HEADERS, 0, 1, b"") + frame(Kind.CONTINUATION, 0, 1, b"\0" * 9_000) * 3, E.ENHANCE_YOUR_CALM,
    ),
    "headers that decompress to too much": (
        frame(Kind.HEADERS, END_HEADERS, 1, block([("x", "y" * 10_000)] * 4)[:16_000]), E.COMPRESSION_ERROR,
    ),
    "CONTINUATION of nothing": (frame(Kind.CONTINUATION, END_HEADERS, 1, block()), E.PROTOCOL_ERROR),
    "CONTINUATION of another stream": (
        frame(Kind.HEADERS, 0, 1, b"") + frame(Kind.CONTINUATION, END_HEADERS, 3, block()), E.PROTOCOL_ERROR,
    ),
    "a frame inside a header block": (
        frame(Kind.HEADERS, 0, 1, b"") + frame(Kind.PING, 0, 0, b"12345678"), E.PROTOCOL_ERROR,
    ),
    "PRIORITY on the connection": (frame(Kind.PRIORITY, 0, 0, b"\0" * 5), E.PROTOCOL_ERROR),
    "PRIORITY too short": (frame(Kind.PRIORITY, 0, 1, b"\0" * 4), E.FRAME_SIZE_ERROR),
    "RST_STREAM on an idle stream": (reset(7, E.CANCEL), E.PROTOCOL_ERROR),
    "RST_STREAM on the connection": (reset(0, E.CANCEL), E.PROTOCOL_ERROR),
    "RST_STREAM too short": (HEAD + frame(Kind.RST_STREAM, 0, 1, b"\0"), E.FRAME_SIZE_ERROR),
    "SETTINGS of a stream": (frame(Kind.SETTINGS, 0, 1), E.PROTOCOL_ERROR),
    "SETTINGS cut": (frame(Kind.SETTINGS, 0, 0, b"\0" * 5), E.FRAME_SIZE_ERROR),
    "SETTINGS acknowledged with content": (frame(Kind.SETTINGS, ACK, 0, b"\0" * 6), E.FRAME_SIZE_ERROR),
    "ENABLE_PUSH of 2": (settings_frame({Setting.ENABLE_PUSH: 2}), E.PROTOCOL_ERROR),
    "MAX_FRAME_SIZE too small": (settings_frame({Setting.MAX_FRAME_SIZE: 1}), E.PROTOCOL_ERROR),
    "INITIAL_WINDOW_SIZE too large": (settings_frame({Setting.INITIAL_WINDOW_SIZE: 2**31}), E.FLOW_CONTROL_ERROR),
    "PUSH_PROMISE": (frame(Kind.PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"), E.PROTOCOL_ERROR),
    "PING of a stream": (frame(Kind.PING, 0, 1, b"12345678"), E.PROTOCOL_ERROR),
    "PING too long": (frame(Kind.PING, 0, 0, b"123456789"), E.FRAME_SIZE_ERROR),
    "GOAWAY of a stream": (frame(Kind.GOAWAY, 0, 1, b"\0" * 8), E.PROTOCOL_ERROR),
    "GOAWAY too short": (frame(Kind.GOAWAY, 0, 0, b"\0" * 7), E.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of nothing": (window_update(0, 0), E.FLOW_CONTROL_ERROR),
    "WINDOW_UPDATE past the largest window": (window_update(0, 2**31 - 1), E.FLOW_CONTROL_ERROR),
    "WINDOW_UPDATE of no stream": (window_update(9, 1), E.PROTOCOL_ERROR),
    "WINDOW_UPDATE too short": (frame(Kind.WINDOW_UPDATE, 0, 0, b"\0"), E.FRAME_SIZE_ERROR),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_connection_error_closes_the_connection_with_its_code(what: str) -> None:
    data, code = BROKEN[what]
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call(1) if "stream not opened" in what else b"")
    connection.receive(data)
    assert ended_with(connection) is code
    connection.receive(call(101))
    assert (len(calls.begun) <= 1, sent(connection)) == (True, [])


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", PREFACE[:-1] + b"x", PREFACE + frame(Kind.PING, 0, 0, b"12345678")]
)
def test_a_connection_without_the_http2_preface_is_closed(data: bytes) -> None:
    connection = Connection(Recorded(), Clock())
    connection.output.clear()
    connection.receive(data)
    assert ended_with(connection) is E.PROTOCOL_ERROR


STREAM_FAULTS: dict[str, tuple[bytes, ErrorCode]] = {
    "DATA after the end": (call(1) + frame(Kind.DATA, 0, 1, b"x"), E.STREAM_CLOSED),
    "HEADERS after the end": (call(1) + HEAD, E.PROTOCOL_ERROR),
    "trailers that do not end the stream": (HEAD + HEAD, E.PROTOCOL_ERROR),
    "a window of nothing": (HEAD + window_update(1, 0), E.FLOW_CONTROL_ERROR),
    "a window too large": (HEAD + window_update(1, 2**31 - 1), E.FLOW_CONTROL_ERROR),
    "more than its window": (HEAD + frame(Kind.DATA, 0, 1, b"x" * 16_000) * 66, E.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("what", STREAM_FAULTS)
def test_a_stream_error_ends_only_that_stream(what: str) -> None:
    data, code = STREAM_FAULTS[what]
    calls = Recorded()
    connection = opened(calls)
    connection.receive(data)
    (ended,) = [one for one in sent(connection) if one.kind is Kind.RST_STREAM]
    assert (ended.stream_id, ended.payload[-1]) == (1, code)
    assert calls.canceled == [stream.stream_id for stream, _ in calls.begun]
    connection.receive(call(3))
    assert (calls.messages[-1], connection.is_over) == (b"hello", False)


def test_a_peer_that_sends_goaway_still_gets_its_answers() -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call() + goaway(0, E.NO_ERROR))
    assert not connection.is_over
    connection.reply(calls.begun[0][0], b"x")
    assert connection.is_over


def test_calls_after_goaway_are_not_started() -> None:
    calls = Recorded()
    connection = opened(calls)
    connection.receive(call(1))
    connection.finish()
    connection.receive(call(3))
    assert (len(calls.begun), [one.kind for one in sent(connection)]) == (1, [Kind.GOAWAY])


def test_pings_but_not_their_acknowledgments_are_answered() -> None:
    connection = opened()
    connection.receive(frame(Kind.PING, 0, 0, b"12345678") + frame(Kind.PING, ACK, 0, b"12345678"))
    assert [(one.kind, one.flags, one.payload) for one in sent(connection)] == [(Kind.PING, ACK, b"12345678")]
