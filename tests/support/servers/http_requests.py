"""Reads HTTP/1.1 requests from a socket, without a framework that would change them."""

from typing import BinaryIO

MAX_LINE_BYTES = 65_536


def read_request(reader: BinaryIO) -> tuple[str, str, list[tuple[str, str]], bytes] | None:
    """Returns method, path, headers with lowercase names, and body; None if the connection ended.

    Raises:
        ValueError: what came is not HTTP/1.1.
    """
    try:
        start = reader.readline(MAX_LINE_BYTES)
    except (ConnectionError, TimeoutError):
        return None
    if not start:
        return None
    method, path, _ = start.decode("latin-1").split()
    headers = []
    while line := reader.readline(MAX_LINE_BYTES).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    return method, path, headers, _read_body(reader, dict(headers))


def _read_body(reader: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return reader.read(int(headers.get("content-length", "0")))
    body = b""
    while size := int(reader.readline(MAX_LINE_BYTES).partition(b";")[0], 16):
        body += reader.read(size)
        reader.readline(MAX_LINE_BYTES)
    reader.readline(MAX_LINE_BYTES)
    return body
