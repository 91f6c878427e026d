"""One HTTP/2 connection with unary gRPC calls, without any I/O: bytes in, calls and bytes out.

Everything that a peer can make the server do or store is bounded: concurrent calls, the bytes of a message, of a header
block and of what waits for flow control, and how many useless frames it may send (`Patience`).
"""

import struct
from collections.abc import Callable
from typing import Final

import grpc

from gateway_core.runtime.lean_grpc.frame_reader import FrameReader
from gateway_core.runtime.lean_grpc.frames import (
    ACK,
    DEFAULT_WINDOW_BYTES,
    END_HEADERS,
    END_STREAM,
    MAX_FRAME_BYTES,
    MAX_WINDOW_BYTES,
    PADDED,
    ErrorCode,
    Kind,
    PeerError,
    Setting,
    frame,
    goaway,
    reset,
    settings_frame,
    unpadded,
    window_update,
)
from gateway_core.runtime.lean_grpc.header_blocks import (
    ANSWER_BLOCK,
    MAX_LIST_BYTES,
    OK_BLOCK,
    UNSUPPORTED_BLOCK,
    RequestHeads,
    failure_block,
)
from gateway_core.runtime.lean_grpc.send_windows import SendWindows
from gateway_core.runtime.lean_grpc.streams import ABANDONED_FRAMES, RESET_FRAMES, Calls, Patience, Stream

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Envoy's requests have a few kilobytes. Their headers are limited to 60 KiB."""
MAX_CALLS: Final = 4_096
"""Concurrent calls on one connection."""
LONGEST_CALL_S: Final = 30.0
"""Deadline of calls without a deadline or with a later one."""
_PREFIX_BYTES: Final = 5
_STREAM_WINDOW_BYTES: Final = MAX_MESSAGE_BYTES + _PREFIX_BYTES + 1
"""Large enough for every message. The byte beyond the maximum reveals a message that is too long."""
_CONNECTION_WINDOW_BYTES: Final = 16 * 1024 * 1024
_REPLY: Final = struct.Struct(f">BHBBL{len(ANSWER_BLOCK)}sBHBBLBL")
"""HEADERS and the beginning of DATA, up to the message."""
_END: Final = struct.Struct(f">BHBBL{len(OK_BLOCK)}s")
_SETTING: Final = struct.Struct(">HL")


class Connection:
    """The server's side of a connection."""

    def __init__(self, calls: Calls, monotonic: Callable[[], float], max_calls: int = MAX_CALLS) -> None:
        """Creates a connection. `output` holds what must be sent first.

        Args:
            calls: answers the calls.
            monotonic: returns monotonic seconds, for deadlines.
            max_calls: maximum of concurrent calls. More are refused before any provider is called.
        """
        self._calls = calls
        self._monotonic = monotonic
        self._max_calls = max_calls
        self._patience = Patience(monotonic)
        self._reader = FrameReader(self._patience)
        self._heads = RequestHeads()
        self._streams: dict[int, Stream] = {}
        self._coming = 0
        """Calls whose request is not complete yet."""
        self._under_way = 0
        """Calls that were started and have not ended, including those reset meanwhile."""
        self._last_id = 0
        self._received_bytes = 0
        self._ending = False
        self.is_over = False
        """Whether the connection must be closed after `output` is sent."""
        self.output: list[bytes] = [
            settings_frame(
                {
                    Setting.HEADER_TABLE_SIZE: 0,
                    Setting.MAX_CONCURRENT_STREAMS: max_calls,
                    Setting.INITIAL_WINDOW_SIZE: _STREAM_WINDOW_BYTES,
                    Setting.MAX_HEADER_LIST_SIZE: MAX_LIST_BYTES,
                }
            )
            + window_update(0, _CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES)
        ]
        self._windows = SendWindows(self.output)
        self._on_frame: tuple[Callable[[int, int, bytes], None], ...] = (
            self._on_data,
            self._on_headers,
            self._on_priority,
            self._on_reset,
            self._on_settings,
            self._on_push_promise,
            self._on_ping,
            self._on_goaway,
            self._on_window_update,
        )

    @property
    def is_idle(self) -> bool:
        """Whether no call is in progress."""
        return not self._streams

    def receive(self, data: bytes) -> None:
        """Processes received bytes. Never raises: if the peer breaks a rule, it receives GOAWAY and the connection is over."""
        if self.is_over:
            return
        try:
            for kind, flags, stream_id, payload in self._reader.frames(data):
                self._on_frame[kind](flags, stream_id, payload)
                if self.is_over:
                    return
        except PeerError as failure:
            self._give_up(failure.code, str(failure))

    def begin(self, stream: Stream) -> None:
        """Sends the head of a reply that follows later. Does nothing if it was sent, or if the caller no longer waits."""
        if self._streams.get(stream.stream_id) is stream and not stream.is_begun:
            stream.is_begun = True
            self.output.append(frame(Kind.HEADERS, END_HEADERS, stream.stream_id, ANSWER_BLOCK))

    def reply(self, stream: Stream, message: bytes) -> None:
        """Answers a call. Does nothing if its caller no longer waits."""
        if self._streams.get(stream.stream_id) is not stream:
            return
        size = len(message) + _PREFIX_BYTES
        stream_id = stream.stream_id
        if stream.is_begun or not self._windows.take(stream, size):
            self.begin(stream)
            self._end_all(self._windows.wait(stream, b"\0" + len(message).to_bytes(4, "big") + message))
            return
        begin = _REPLY.pack(
            *(0, len(ANSWER_BLOCK), Kind.HEADERS, END_HEADERS, stream_id, ANSWER_BLOCK),
            *(0, size, Kind.DATA, 0, stream_id, 0, size - _PREFIX_BYTES),
        )
        end = _END.pack(0, len(OK_BLOCK), Kind.HEADERS, END_HEADERS | END_STREAM, stream_id, OK_BLOCK)
        self.output += (begin, message, end)
        self._answered(stream)

    def fail(self, stream: Stream, code: grpc.StatusCode, text: str) -> None:
        """Answers a call with an error status. Does nothing if its caller no longer waits."""
        if self._streams.get(stream.stream_id) is not stream:
            return
        if stream.is_begun:
            self._reset(stream.stream_id, ErrorCode.CANCEL)
            return
        self._end_with(stream, failure_block(code, text))

    def ended(self) -> None:
        """Records that a started call has ended, even if its caller no longer waited."""
        self._under_way -= 1

    def expire(self) -> None:
        """Fails the calls that are past their deadlines."""
        now_s = self._monotonic()
        for stream in [stream for stream in self._streams.values() if stream.deadline_s <= now_s]:
            self.fail(stream, grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline of the call has passed")
            if stream.body is None:
                self._calls.cancel(stream)

    def finish(self) -> None:
        """Accepts no new calls, and sends GOAWAY so that the peer opens none here."""
        if not self._ending and not self.is_over:
            self._ending = True
            self.output.append(goaway(self._last_id, ErrorCode.NO_ERROR))
            self._close_if_done()

    def close(self) -> None:
        """Drops all calls, because the connection is gone."""
        self.is_over = True
        streams = [stream for stream in self._streams.values() if stream.body is None]
        self._streams.clear()
        self._windows.clear()
        for stream in streams:
            self._calls.cancel(stream)

    def _on_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._on_trailers(stream, flags, block)
            return
        if stream_id <= self._last_id:
            # Probably of a stream that was reset. Decode the block anyway, because later blocks depend on it.
            self._heads.decode(block)
            self._patience.spend()
            return
        head = self._heads.read(block)
        self._last_id = stream_id
        if self._ending:
            return  # the peer knows from GOAWAY that these calls are not answered
        if self._coming + self._under_way >= self._max_calls:
            self._refuse(stream_id, ErrorCode.REFUSED_STREAM)
            return
        if head.problem:
            self._refuse(stream_id, ErrorCode.PROTOCOL_ERROR)
            return
        longest_s = LONGEST_CALL_S if head.timeout_s is None else min(head.timeout_s, LONGEST_CALL_S)
        stream = Stream(stream_id, head, self._monotonic() + longest_s, self._windows.initial_bytes)
        self._streams[stream_id] = stream
        self._coming += 1
        if flags & END_STREAM:
            self._on_whole_request(stream, b"")

    def _on_trailers(self, stream: Stream, flags: int, block: bytes) -> None:
        self._heads.decode(block)
        if stream.body is None or not flags & END_STREAM:
            self._drop(stream, ErrorCode.PROTOCOL_ERROR)
        else:
            self._on_whole_request(stream, b"".join(stream.body))

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._received_bytes += len(payload)
        if self._received_bytes > _CONNECTION_WINDOW_BYTES:
            raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window")
        if self._received_bytes > _CONNECTION_WINDOW_BYTES // 2:
            self.output.append(window_update(0, self._received_bytes))
            self._received_bytes = 0
        stream = self._streams.get(stream_id)
        if stream is None or stream.body is None:
            self._on_stray_data(stream_id, stream)
            return
        if flags & PADDED:
            content = unpadded(flags & PADDED, payload)
            if not flags & END_STREAM:
                self.output.append(window_update(stream_id, len(payload) - len(content)))
            payload = content
        stream.received_bytes += len(payload)
        if stream.received_bytes > _STREAM_WINDOW_BYTES:
            self._drop(stream, ErrorCode.FLOW_CONTROL_ERROR)
        elif flags & END_STREAM:
            self._on_whole_request(stream, b"".join((*stream.body, payload)) if stream.body else payload)
        else:
            self._patience.spend()  # Envoy sends a request in one frame
            stream.body.append(payload)

    def _on_stray_data(self, stream_id: int, stream: Stream | None) -> None:
        if stream is not None:
            self._drop(stream, ErrorCode.STREAM_CLOSED)
        elif stream_id == 0 or stream_id > self._last_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "DATA on no stream")
        else:
            self._patience.spend()

    def _on_whole_request(self, stream: Stream, body: bytes) -> None:
        stream.body = None
        self._coming -= 1
        if stream.head.method != "POST" or not stream.head.content_type.startswith("application/grpc"):
            self._end_with(stream, UNSUPPORTED_BLOCK)
            return
        length = int.from_bytes(body[1:_PREFIX_BYTES], "big")
        if len(body) < _PREFIX_BYTES:
            self.fail(stream, grpc.StatusCode.INTERNAL, "the request contains no message")
        elif length > MAX_MESSAGE_BYTES:
            text = f"a message may have at most {MAX_MESSAGE_BYTES} bytes, this one has {length}"
            self.fail(stream, grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        elif body[0]:
            self.fail(stream, grpc.StatusCode.UNIMPLEMENTED, "compressed messages are not supported")
        elif len(body) != length + _PREFIX_BYTES:
            self.fail(stream, grpc.StatusCode.INTERNAL, "the request does not contain exactly one message")
        else:
            self._under_way += 1
            self._calls.begin(stream, body[_PREFIX_BYTES:])

    def _on_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "PRIORITY of the connection")
        if len(payload) != 5:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has 5 bytes")
        self._patience.spend()

    def _on_reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has 4 bytes")
        if stream_id == 0 or stream_id > self._last_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "RST_STREAM of no stream")
        stream = self._streams.get(stream_id)
        self._patience.spend(ABANDONED_FRAMES if stream and stream.body is None else RESET_FRAMES)
        if stream is not None:
            self._forget(stream)
            self._close_if_done()

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & ACK:
            if payload:
                raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS is empty")
            self._heads.forbid_table()
            self._patience.spend()
            return
        if len(payload) % _SETTING.size:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "settings have 6 bytes each")
        self._patience.spend(1 + len(payload) / _SETTING.size)
        for identifier, value in _SETTING.iter_unpack(payload):
            self._set(identifier, value)
        self.output.append(frame(Kind.SETTINGS, ACK, 0))

    def _set(self, identifier: int, value: int) -> None:
        if identifier == Setting.ENABLE_PUSH and value > 1:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
        if identifier == Setting.MAX_FRAME_SIZE and not MAX_FRAME_BYTES <= value < 2**24:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is 2^14 to 2^24 - 1")
        if identifier == Setting.INITIAL_WINDOW_SIZE:
            self._windows.set_initial(value, self._streams.values())
            self._end_all(self._windows.send())

    def _on_push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise PeerError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE of a client")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "PING of a stream")
        if len(payload) != 8:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "PING has 8 bytes")
        self._patience.spend()
        if not flags & ACK:
            self.output.append(frame(Kind.PING, ACK, 0, payload))

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream")
        if len(payload) < 8:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has 8 bytes or more")
        self._patience.spend()
        self.finish()

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has 4 bytes")
        self._patience.spend()
        increment = int.from_bytes(payload, "big") & MAX_WINDOW_BYTES
        if stream_id == 0:
            self._windows.widen(increment)
        elif stream_id > self._last_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of no stream")
        elif (stream := self._streams.get(stream_id)) is not None:
            stream.window_bytes += increment
            if not increment or stream.window_bytes > MAX_WINDOW_BYTES:
                self._drop(stream, ErrorCode.FLOW_CONTROL_ERROR)
        self._end_all(self._windows.send())

    def _end_all(self, streams: list[Stream]) -> None:
        for stream in streams:
            self._end_with(stream, OK_BLOCK)

    def _end_with(self, stream: Stream, block: bytes) -> None:
        self.output.append(frame(Kind.HEADERS, END_HEADERS | END_STREAM, stream.stream_id, block))
        if stream.body is not None:  # the rest of the request is not needed (RFC 9113 section 8.1)
            self.output.append(reset(stream.stream_id, ErrorCode.NO_ERROR))
            self._coming -= 1
        self._answered(stream)

    def _answered(self, stream: Stream) -> None:
        del self._streams[stream.stream_id]
        self._patience.earn()
        if self._ending:
            self._close_if_done()

    def _refuse(self, stream_id: int, code: ErrorCode) -> None:
        self._patience.spend(RESET_FRAMES)
        self.output.append(reset(stream_id, code))

    def _drop(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream on which the peer broke a rule."""
        self._patience.spend(RESET_FRAMES)
        self._reset(stream.stream_id, code)

    def _reset(self, stream_id: int, code: ErrorCode) -> None:
        self.output.append(reset(stream_id, code))
        self._forget(self._streams[stream_id])
        self._close_if_done()

    def _forget(self, stream: Stream) -> None:
        del self._streams[stream.stream_id]
        self._windows.forget(stream)
        if stream.body is None:
            self._calls.cancel(stream)
        else:
            self._coming -= 1

    def _close_if_done(self) -> None:
        if self._ending and not self._streams:
            self.is_over = True

    def _give_up(self, code: ErrorCode, text: str) -> None:
        self.output.append(goaway(self._last_id, code, text))
        self.close()
