"""A call in progress on an HTTP/2 connection, the interface that answers it, and the tolerance for useless frames."""

from collections.abc import Callable
from typing import Final, Protocol

from gateway_core.runtime.lean_grpc.frames import ErrorCode, PeerError
from gateway_core.runtime.lean_grpc.header_blocks import RequestHead

_LEFT_FRAMES: Final = 10_000.0
_FRAMES_PER_SECOND: Final = 1_000.0
_FRAMES_PER_CALL: Final = 4.0
RESET_FRAMES: Final = 20.0
"""As how many useless frames the reset of a call counts."""
ABANDONED_FRAMES: Final = 2.0
"""The same, if the request was complete: Envoy resets a question that another replica has answered.

If it asks all three replicas, each answers a third of its questions.
"""


class Stream:
    """A call in progress."""

    __slots__ = ("body", "deadline_s", "head", "is_begun", "received_bytes", "rest", "stream_id", "window_bytes")

    def __init__(self, stream_id: int, head: RequestHead, deadline_s: float, window_bytes: int) -> None:
        self.stream_id = stream_id
        self.head = head
        self.deadline_s = deadline_s
        self.window_bytes = window_bytes
        """How many more bytes of the reply the peer accepts."""
        self.received_bytes = 0
        self.body: list[bytes] | None = []
        """The parts of the request received so far; None once it is complete."""
        self.is_begun = False
        """Whether the head of the reply has been sent before its message."""
        self.rest = b""
        """The part of the reply that waits for flow control, before the trailers."""


class Calls(Protocol):
    """Answers calls."""

    def begin(self, stream: Stream, message: bytes) -> None:
        """Starts answering a call. The answer is passed to `reply` or `fail`, now or later."""

    def cancel(self, stream: Stream) -> None:
        """Cancels a call whose caller no longer waits."""


class Patience:
    """How many useless frames a peer may still send. Time and answered calls restore some of them."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._left = _LEFT_FRAMES
        self._looked_s = monotonic()

    def spend(self, frames: float = 1.0) -> None:
        """Subtracts the cost of a frame.

        Raises:
            PeerError: the peer sent too many useless frames.
        """
        now_s = self._monotonic()
        self._left = min(_LEFT_FRAMES, self._left + (now_s - self._looked_s) * _FRAMES_PER_SECOND) - frames
        self._looked_s = now_s
        if self._left < 0:
            raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "too many useless frames")

    def earn(self) -> None:
        """Restores some frames for an answered call."""
        self._left += _FRAMES_PER_CALL
