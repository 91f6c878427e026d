"""Splits received bytes into frames, however they are chunked, and reassembles header blocks."""

from collections.abc import Iterator
from typing import Final

from gateway_core.runtime.lean_grpc.frames import (
    ACK,
    END_HEADERS,
    FRAME_HEADER,
    FRAME_HEADER_BYTES,
    MAX_FRAME_BYTES,
    MAX_STREAM_ID,
    PADDED,
    PREFACE,
    PRIORITY_PRESENT,
    ErrorCode,
    Kind,
    PeerError,
    unpadded,
)
from gateway_core.runtime.lean_grpc.header_blocks import MAX_BLOCK_BYTES
from gateway_core.runtime.lean_grpc.streams import Patience

_KNOWN_KINDS: Final = tuple(Kind)


class FrameReader:
    """Reads what a client sends on one connection, starting with its preface."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._preface_left = PREFACE
        self._settled = False
        self._rest = b""
        """The beginning of an incomplete frame."""
        self._block: tuple[int, int, list[bytes]] | None = None
        """Stream id, flags and parts of an incomplete header block."""

    def frames(self, data: bytes) -> Iterator[tuple[Kind, int, int, bytes]]:
        """Yields kind, flags, stream id and payload of each complete frame. HEADERS come with their whole block,
        unpadded.

        Raises:
            PeerError: the peer broke a rule of the connection.
        """
        if self._preface_left:
            data = self._without_preface(data)
        if self._rest:
            data = self._rest + data
        position, end = 0, len(data)
        while end - position >= FRAME_HEADER_BYTES:
            high, low, kind, flags, stream_id = FRAME_HEADER.unpack_from(data, position)
            length = high << 16 | low
            if length > MAX_FRAME_BYTES:
                raise PeerError(ErrorCode.FRAME_SIZE_ERROR, "a frame is too long")
            begin = position + FRAME_HEADER_BYTES
            if begin + length > end:
                break
            position = begin + length
            self._check_order(kind, flags)
            payload, stream_id = data[begin:position], stream_id & MAX_STREAM_ID
            if kind == Kind.HEADERS:
                if (head := self._begun_block(flags, stream_id, payload)) is not None:
                    yield Kind.HEADERS, flags, stream_id, head
            elif kind == Kind.CONTINUATION:
                if (whole := self._continued_block(flags, stream_id, payload)) is not None:
                    yield Kind.HEADERS, *whole
            elif kind < Kind.CONTINUATION:
                yield _KNOWN_KINDS[kind], flags, stream_id, payload
            else:
                self._patience.spend()
        self._rest = data[position:]

    def _without_preface(self, data: bytes) -> bytes:
        expected = self._preface_left
        if data[: len(expected)] != expected[: len(data)]:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "the peer does not speak HTTP/2")
        self._preface_left = expected[len(data) :]
        return data[len(expected) :]

    def _check_order(self, kind: int, flags: int) -> None:
        if self._block is not None and kind != Kind.CONTINUATION:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "a frame inside a header block")
        if not self._settled:
            if kind != Kind.SETTINGS or flags & ACK:
                raise PeerError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._settled = True

    def _begun_block(self, flags: int, stream_id: int, payload: bytes) -> bytes | None:
        """Starts a header block. Returns it if it is already complete."""
        if not stream_id & 1:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "HEADERS on no stream of a client")
        if flags & (PADDED | PRIORITY_PRESENT):
            payload = unpadded(flags, payload)
        if flags & END_HEADERS:
            return payload
        self._block = (stream_id, flags, [payload])
        return None

    def _continued_block(self, flags: int, stream_id: int, payload: bytes) -> tuple[int, int, bytes] | None:
        """Continues a header block. Returns flags and stream id of its HEADERS and the block once it is complete."""
        if self._block is None or self._block[0] != stream_id:
            raise PeerError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        self._patience.spend()
        _, first_flags, parts = self._block
        parts.append(payload)
        if sum(map(len, parts)) > MAX_BLOCK_BYTES:
            raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too long")
        if not flags & END_HEADERS:
            return None
        self._block = None
        return first_flags, stream_id, b"".join(parts)
