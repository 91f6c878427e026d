"""The frames of HTTP/2 (RFC 9113 section 6) that a server of unary gRPC calls needs."""

import enum
import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER: Final = struct.Struct(">BHBBL")
"""Length in two parts of 8 and 16 bits, type, flags, stream id."""
FRAME_HEADER_BYTES: Final = 9
MAX_FRAME_BYTES: Final = 16_384
"""The initial SETTINGS_MAX_FRAME_SIZE: the server accepts frames up to it, and so must every peer."""
DEFAULT_WINDOW_BYTES: Final = 65_535
MAX_WINDOW_BYTES: Final = 2**31 - 1
MAX_STREAM_ID: Final = 2**31 - 1

ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_PRESENT: Final = 0x20


class Kind(enum.IntEnum):
    """Frame types."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(enum.IntEnum):
    """Identifiers of settings."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(enum.IntEnum):
    """Why a stream or a connection ends (section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class PeerError(Exception):
    """The peer broke a rule, which ends the connection."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def frame(kind: Kind, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Encodes one frame.

    Args:
        kind: the frame type.
        flags: flags of that type.
        stream_id: 0 for the connection.
        payload: at most MAX_FRAME_BYTES.
    """
    length = len(payload)
    return FRAME_HEADER.pack(length >> 16, length & 0xFFFF, kind, flags, stream_id) + payload


def settings_frame(settings: dict[Setting, int]) -> bytes:
    """Encodes the server's settings."""
    payload = b"".join(struct.pack(">HL", identifier, value) for identifier, value in settings.items())
    return frame(Kind.SETTINGS, 0, 0, payload)


def window_update(stream_id: int, increment: int) -> bytes:
    """Allows the peer to send `increment` more bytes."""
    return frame(Kind.WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4, "big"))


def reset(stream_id: int, code: ErrorCode) -> bytes:
    """Ends a stream."""
    return frame(Kind.RST_STREAM, 0, stream_id, int(code).to_bytes(4, "big"))


def goaway(last_stream_id: int, code: ErrorCode, text: str = "") -> bytes:
    """Names the last call that may still be answered, and why no more calls are accepted."""
    return frame(Kind.GOAWAY, 0, 0, struct.pack(">LL", last_stream_id, code) + text.encode()[:200])


def unpadded(flags: int, payload: bytes) -> bytes:
    """Returns the payload of HEADERS or DATA without padding and priority.

    Raises:
        PeerError: the payload is shorter than its padding.
    """
    begin, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "a padded frame lacks the length of its padding")
        begin, end = 1, end - payload[0]
    if flags & PRIORITY_PRESENT:
        begin += 5
    if begin > end:
        raise PeerError(ErrorCode.PROTOCOL_ERROR, "the padding is longer than the frame")
    return payload[begin:end]
