"""Encodes and decodes header blocks (RFC 7541).

The server allows the peer no dynamic table (SETTINGS_HEADER_TABLE_SIZE 0). Once the peer complies, a block means the
same wherever it occurs, and calls of one method have identical blocks. So each distinct block is decoded once and then
looked up.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import grpc
from hpack import Decoder, HPACKError

from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.runtime.lean_grpc.frames import ErrorCode, PeerError

MAX_BLOCK_BYTES: Final = 16_384
MAX_LIST_BYTES: Final = 32_768
_KNOWN_BLOCKS: Final = 512
_MAX_MESSAGE_CHARACTERS: Final = 500
_MAX_TIMEOUT_DIGITS: Final = 8
_UNITS_S: Final = {"H": 3_600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_PSEUDO: Final = frozenset({":method", ":scheme", ":path", ":authority"})
_OF_A_CONNECTION: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
_NAME: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The headers of a request."""

    method: str
    path: str
    content_type: str
    timeout_s: float | None
    metadata: dict[str, str]
    problem: str = ""
    """Why the request is malformed (RFC 9113 section 8.1.1); empty if it is not."""


class RequestHeads:
    """Decodes the header blocks of one connection, in the order of their arrival."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MAX_LIST_BYTES)
        self._known: BoundedMemory[bytes, RequestHead] = BoundedMemory(_KNOWN_BLOCKS)

    def forbid_table(self) -> None:
        """Handles the peer's acknowledgment that it may keep no dynamic table."""
        self._decoder.max_allowed_table_size = 0

    def read(self, block: bytes) -> RequestHead:
        """Decodes the headers of a call.

        Raises:
            PeerError: the block cannot be decoded, so later blocks cannot be decoded either.
        """
        head = self._known.get(block)
        if head is None:
            head = _read(self.decode(block))
            # Cache only after the peer has emptied its table: until then the meaning of a block may change.
            if self._decoder.header_table_size == 0:
                self._known.remember(block, head)
        return head

    def decode(self, block: bytes) -> list[tuple[str, str]]:
        """Decodes the headers of a block.

        Raises:
            PeerError: the block cannot be decoded, so later blocks cannot be decoded either.
        """
        try:
            return [(_text(name), _text(value)) for name, value in self._decoder.decode(block, raw=True)]
        except (HPACKError, ValueError, IndexError) as error:
            raise PeerError(ErrorCode.COMPRESSION_ERROR, type(error).__name__) from error


def _text(part: bytes | str) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else part


def _read(headers: list[tuple[str, str]]) -> RequestHead:
    pseudo: dict[str, str] = {}
    metadata: dict[str, str] = {}
    problem = ""
    for name, value in headers:
        if name.startswith(":"):
            if name not in _PSEUDO or name in pseudo or metadata:
                problem = "pseudo-headers"
            pseudo[name] = value
        elif not name or not _NAME.issuperset(name) or name in _OF_A_CONNECTION:
            problem = "a header's name"
        else:
            metadata[name] = value
    if not {":method", ":scheme", ":path"} <= pseudo.keys():
        problem = "pseudo-headers"
    timeout = metadata.pop("grpc-timeout", None)
    return RequestHead(
        pseudo.get(":method", ""),
        pseudo.get(":path", ""),
        metadata.pop("content-type", ""),
        None if timeout is None else _seconds(timeout),
        metadata,
        problem,
    )


def _seconds(timeout: str) -> float | None:
    """Parses a gRPC deadline into seconds. Returns None if it is malformed, like grpcio."""
    digits, unit = timeout[:-1], timeout[-1:]
    if unit in _UNITS_S and digits.isdecimal() and digits.isascii() and len(digits) <= _MAX_TIMEOUT_DIGITS:
        return int(digits) * _UNITS_S[unit]
    return None


def _literal(name: str, value: str) -> bytes:
    """Encodes a header that enters no table (RFC 7541 section 6.2.2)."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: str) -> bytes:
    data = text.encode("ascii")
    length = len(data)
    prefix = 0x7F
    if length < prefix:
        return bytes([length]) + data
    length -= prefix
    octets = bytearray([prefix])
    while length >= 0x80:
        octets.append(length & 0x7F | 0x80)
        length >>= 7
    octets.append(length)
    return bytes(octets) + data


_STATUS_200: Final = b"\x88"
ANSWER_BLOCK: Final = _STATUS_200 + _literal("content-type", "application/grpc")
OK_BLOCK: Final = _literal("grpc-status", "0")
UNSUPPORTED_BLOCK: Final = b"\x08" + _string("415")
"""For a request that is not gRPC. The name is entry 8 of the static table."""


def failure_block(code: grpc.StatusCode, text: str) -> bytes:
    """Encodes the headers and trailers of a failed call as one block."""
    number: int = code.value[0]
    message = quote(text[:_MAX_MESSAGE_CHARACTERS], safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return ANSWER_BLOCK + _literal("grpc-status", str(number)) + _literal("grpc-message", message)
