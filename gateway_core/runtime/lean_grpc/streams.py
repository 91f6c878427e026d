"""A call under way on an HTTP/2 connection, who answers it, and how long a peer is borne with."""

from collections.abc import Callable
from typing import Final, Protocol

from gateway_core.runtime.lean_grpc.frames import ErrorCode, PeerError
from gateway_core.runtime.lean_grpc.header_blocks import RequestHead

_LEFT_FRAMES: Final = 10_000.0
_FRAMES_PER_SECOND: Final = 1_000.0
_FRAMES_PER_CALL: Final = 4.0


class Stream:
    """A call under way."""

    __slots__ = ("body", "deadline_s", "head", "received_bytes", "rest", "stream_id", "window_bytes")

    def __init__(self, stream_id: int, head: RequestHead, deadline_s: float, window_bytes: int) -> None:
        self.stream_id = stream_id
        self.head = head
        self.deadline_s = deadline_s
        self.window_bytes = window_bytes
        """How much of the reply the peer takes."""
        self.received_bytes = 0
        self.body: list[bytes] | None = []
        """What has come of the request; None once it is whole."""
        self.rest = b""
        """What waits of the reply for the peer's windows, in front of the trailers."""


class Calls(Protocol):
    """Whoever answers."""

    def begin(self, stream: Stream, message: bytes) -> None:
        """A call has come. It is answered by `reply` or `fail`, now or later."""

    def cancel(self, stream: Stream) -> None:
        """Nobody waits for the answer to a call any more."""


class Patience:
    """How many frames that do nothing a peer may still send. Time and calls that are answered give some back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._left = _LEFT_FRAMES
        self._looked_s = monotonic()

    def spend(self, frames: float = 1.0) -> None:
        """Takes what a frame costs.

        Raises:
            PeerError: too many were sent that do nothing.
        """
        now_s = self._monotonic()
        self._left = min(_LEFT_FRAMES, self._left + (now_s - self._looked_s) * _FRAMES_PER_SECOND) - frames
        self._looked_s = now_s
        if self._left < 0:
            raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that do nothing")

    def earn(self) -> None:
        """Gives back for an answered call."""
        self._left += _FRAMES_PER_CALL
