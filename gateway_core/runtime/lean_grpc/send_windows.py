"""Flow control of replies: how much the peer accepts, and the replies that wait for it (RFC 9113 section 5.2)."""

from collections.abc import Iterable

from gateway_core.runtime.lean_grpc.frames import (
    DEFAULT_WINDOW_BYTES,
    MAX_FRAME_BYTES,
    MAX_WINDOW_BYTES,
    ErrorCode,
    Kind,
    PeerError,
    frame,
)
from gateway_core.runtime.lean_grpc.streams import Stream


class SendWindows:
    """The send windows of one connection and of its streams."""

    def __init__(self, output: list[bytes]) -> None:
        self._output = output
        self._left_bytes = DEFAULT_WINDOW_BYTES
        self.initial_bytes = DEFAULT_WINDOW_BYTES
        """The window of a new stream, in bytes."""
        self._waiting: dict[int, Stream] = {}

    def take(self, stream: Stream, size: int) -> bool:
        """Returns whether `size` bytes may be sent now as one frame. If so, counts them as sent."""
        if size > MAX_FRAME_BYTES or size > self._left_bytes or size > stream.window_bytes or self._waiting:
            return False
        self._left_bytes -= size
        return True

    def wait(self, stream: Stream, data: bytes) -> list[Stream]:
        """Sends as much of a reply as possible, and queues the rest. Returns the streams whose replies are complete."""
        stream.rest = data
        self._waiting[stream.stream_id] = stream
        return self.send()

    def forget(self, stream: Stream) -> None:
        """Drops the queued rest of a reply."""
        self._waiting.pop(stream.stream_id, None)

    def clear(self) -> None:
        """Drops all queued replies."""
        self._waiting.clear()

    def widen(self, increment: int) -> None:
        """Adds to the connection's window.

        Raises:
            PeerError: the increment is 0 or too large.
        """
        self._left_bytes += increment
        if not increment or self._left_bytes > MAX_WINDOW_BYTES:
            raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "the increment of the connection's window is invalid")

    def set_initial(self, value: int, streams: Iterable[Stream]) -> None:
        """Sets the initial window of streams, and changes the windows of open streams by the difference.

        Raises:
            PeerError: a window would be too large.
        """
        if value > MAX_WINDOW_BYTES:
            raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
        change, self.initial_bytes = value - self.initial_bytes, value
        for stream in streams:
            stream.window_bytes += change
            if stream.window_bytes > MAX_WINDOW_BYTES:
                raise PeerError(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")

    def send(self) -> list[Stream]:
        """Sends what the windows allow, oldest reply first. Returns the streams whose replies are complete."""
        sent = []
        for stream in list(self._waiting.values()):
            while stream.rest:
                size = min(len(stream.rest), MAX_FRAME_BYTES, self._left_bytes, stream.window_bytes)
                if size <= 0:
                    break
                self._left_bytes -= size
                stream.window_bytes -= size
                self._output.append(frame(Kind.DATA, 0, stream.stream_id, stream.rest[:size]))
                stream.rest = stream.rest[size:]
            if not stream.rest:
                del self._waiting[stream.stream_id]
                sent.append(stream)
        return sent
