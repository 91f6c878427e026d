"""Builds forms as clients send them."""

from collections.abc import Iterable

BOUNDARY = "7f3e1d"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def field(name: str, value: str) -> bytes:
    """Returns a part with a text."""
    return f'content-disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def file(name: str, content: bytes, filename: str = "speech.mp3", media_type: str = "audio/mpeg") -> bytes:
    """Returns a part with a file."""
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {media_type}\r\n\r\n'
    return head.encode() + content


def form(parts: Iterable[bytes], boundary: str = BOUNDARY) -> bytes:
    """Returns the body with these parts."""
    dashes = f"--{boundary}".encode()
    return b"".join(dashes + b"\r\n" + part + b"\r\n" for part in parts) + dashes + b"--\r\n"
