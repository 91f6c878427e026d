"""Converts an address to the target of a gRPC channel."""

from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


def target_of(address: str) -> tuple[str, bool]:
    """Returns the target of the gRPC channel, `host:port`, and whether the channel is encrypted.

    Args:
        address: `https://host[:port]`, or `http://host[:port]`. The latter sends the token unencrypted; use it only on one machine.

    Raises:
        ValueError: the address has another scheme, or a user, path or query.
    """
    parts = urlsplit(address)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.username:
        raise ValueError(f"the address must look like https://host:port, not {address!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or _PORTS[parts.scheme]}", parts.scheme == "https"
