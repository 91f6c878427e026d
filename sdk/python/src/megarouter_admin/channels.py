"""Converts an address to the target of a gRPC channel, and knows which certificate authorities to trust."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import grpc

CA_FILE: Final = "MEGAROUTER_CA_FILE"
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


def trusted() -> grpc.ChannelCredentials:
    """Returns TLS credentials that trust the authorities in the file MEGAROUTER_CA_FILE; those that gRPC trusts without it.

    Raises:
        ValueError: the file cannot be read.
    """
    file = os.environ.get(CA_FILE)
    if not file:
        return grpc.ssl_channel_credentials()
    try:
        return grpc.ssl_channel_credentials(Path(file).read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read the certificate authorities in {CA_FILE}: {error.strerror}") from error
