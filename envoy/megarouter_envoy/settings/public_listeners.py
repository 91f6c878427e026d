"""Reads the settings of the two public listeners: their address, their certificate, and what their URLs look like."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from megarouter_envoy.settings.variables import (
    ALLOW_PLAIN_HTTP,
    HOST,
    PUBLIC_ADDRESS,
    PUBLIC_HOST,
    TLS_CERTIFICATE_FILE,
    TLS_CLIENT_CA_FILE,
    TLS_KEY_FILE,
)

_TRUE, _FALSE = "true", "false"


class PublicListenersError(Exception):
    """A setting of the public listeners cannot be used. The message names it and says what to change."""


@dataclass(frozen=True)
class PublicListeners:
    """The settings of both public listeners. Without a certificate they serve plain HTTP."""

    address: str = HOST
    host: str = HOST
    """In the URLs that callers use."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    client_authorities_file: Path | None = None
    allow_plain_http: bool = False

    @property
    def is_tls(self) -> bool:
        """Whether they serve HTTPS."""
        return self.certificate_file is not None

    @property
    def probed_host(self) -> str:
        """An address of this machine at which they answer."""
        return HOST if ipaddress.ip_address(self.address).is_unspecified else self.address

    def url(self, port: int) -> str:
        """Returns the URL of the listener at this port."""
        return f"{'https' if self.is_tls else 'http'}://{self.host}:{port}"


def public_listeners(environment: Mapping[str, str]) -> PublicListeners:
    """Reads the settings from environment variables.

    Raises:
        PublicListenersError: a setting cannot be used.
    """
    address = environment.get(PUBLIC_ADDRESS) or HOST
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise PublicListenersError(f"{PUBLIC_ADDRESS}: {address!r} is not an IP address, such as 0.0.0.0") from None
    listeners = PublicListeners(
        address=address,
        host=environment.get(PUBLIC_HOST) or (address if is_loopback else HOST),
        certificate_file=_file(environment, TLS_CERTIFICATE_FILE),
        key_file=_file(environment, TLS_KEY_FILE),
        client_authorities_file=_file(environment, TLS_CLIENT_CA_FILE),
        allow_plain_http=_flag(environment, ALLOW_PLAIN_HTTP),
    )
    _require_pair(listeners)
    if not (listeners.is_tls or is_loopback or listeners.allow_plain_http):
        raise PublicListenersError(
            f"{PUBLIC_ADDRESS}: plain HTTP on {address} would show API keys to the network: set {TLS_CERTIFICATE_FILE} and"
            f" {TLS_KEY_FILE}, or {ALLOW_PLAIN_HTTP}=true if something in front of the gateway ends TLS"
        )
    return listeners


def _require_pair(listeners: PublicListeners) -> None:
    certificate, key = listeners.certificate_file, listeners.key_file
    if certificate is None or key is None:
        if certificate or key or listeners.client_authorities_file:
            raise PublicListenersError(f"{TLS_CERTIFICATE_FILE} and {TLS_KEY_FILE}: set both")
        return
    if certificate.parent != key.parent:
        raise PublicListenersError(
            f"{TLS_KEY_FILE}: must be in the same directory as {TLS_CERTIFICATE_FILE}, which Envoy watches for changes"
        )
    try:
        # An empty password makes an encrypted key fail instead of asking the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise PublicListenersError(
            f"{TLS_CERTIFICATE_FILE}, {TLS_KEY_FILE}: not a certificate with its unencrypted key in PEM ({error})"
        ) from error


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    if not text:
        return None
    path = Path(text)
    if not path.is_absolute() or not path.is_file():
        raise PublicListenersError(f"{name}: {text} is not the absolute path of a file")
    return path


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name) or _FALSE
    if text not in {_TRUE, _FALSE}:
        raise PublicListenersError(f"{name}: choose {_TRUE} or {_FALSE}")
    return text == _TRUE
