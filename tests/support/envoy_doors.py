"""Calls the parts of Envoy's module that decide about strangers. Loads the same library as Envoy."""

from collections.abc import Sequence
from ctypes import CDLL, POINTER, Structure, byref, c_char, c_char_p, c_size_t, c_ssize_t, string_at
from dataclasses import dataclass
from functools import cache

from envoy.service.auth.v3 import external_auth_pb2
from megarouter_envoy.module import find_module

_MARGIN_BYTES = 65_536
_KNOWN = b"known "


class _Text(Structure):
    _fields_ = (("pointer", c_char_p), ("length", c_size_t))


class _Output(Structure):
    _fields_ = (("pointer", POINTER(c_char)), ("length", c_size_t))


@cache
def _library() -> CDLL:
    library = CDLL(str(find_module()))
    for name in ("key_question", "key_answer", "doors"):
        getattr(library, f"megarouter_{name}").restype = c_ssize_t
    return library


def _call(name: str, text: bytes) -> bytes | None:
    size = 2 * len(text) + _MARGIN_BYTES
    room = (c_char * size)()
    length = getattr(_library(), f"megarouter_{name}")(byref(_Text(text, len(text))), byref(_Output(room, size)))
    return string_at(room, length) if length >= 0 else None


def key_question(
    method: str, path: str, address: str, headers: Sequence[tuple[str, str]]
) -> external_auth_pb2.CheckRequest:
    """Returns the question about a call. Checks the length before it."""
    lines = [method, path, address, *(f"{name}: {value}" for name, value in headers)]
    frame = _call("key_question", "\n".join(lines).encode())
    assert frame is not None
    assert frame[0] == 0
    assert int.from_bytes(frame[1:5], "big") == len(frame) - 5
    return external_auth_pb2.CheckRequest.FromString(frame[5:])


@dataclass(frozen=True)
class Refused:
    """What authz_service answers to a stranger."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def framed(message: bytes) -> bytes:
    """Returns a message as a gRPC call carries it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def key_answer(frame: bytes) -> Refused | str | None:
    """Returns how the module reads an answer: whose key it is, the refusal, or None if it cannot be read."""
    written = _call("key_answer", frame)
    if written is None:
        return None
    if written.startswith(_KNOWN):
        return written.removeprefix(_KNOWN).decode(errors="replace")
    status, _, rest = written.partition(b"\n")
    parts: list[bytes] = []
    while not rest.startswith(b"\n"):
        length, _, rest = rest.partition(b":")
        parts.append(rest[: int(length)])
        rest = rest[int(length) :]
    return Refused(int(status), tuple(zip(parts[::2], parts[1::2], strict=True)), rest[1:])


def doors(*commands: str) -> list[str]:
    """Runs commands of `door_probes.zig`, and returns their answers."""
    answers = _call("doors", "\n".join(commands).encode())
    assert answers is not None
    return answers.decode().splitlines()
