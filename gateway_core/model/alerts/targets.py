"""Where messages may be sent. Pure."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final, Self

import httpx

from gateway_core.model.alerts.addresses import is_public

MAIL_SCHEME: Final = "mailto:"
_HTTPS_PORT: Final = 443
_PORTS: Final = {"http": 80, "https": _HTTPS_PORT}
_MAX_URL_CHARACTERS: Final = 2_048
_INTERNAL_DOMAINS: Final = (".localhost", ".local", ".internal", ".home.arpa")
"""Names below these are never those of public servers (RFC 6761, RFC 6762, RFC 8375; `.internal` is reserved by ICANN)."""


class TargetError(Exception):
    """The URL is no place to send to. The message says why, without the URL."""


@dataclass(frozen=True, slots=True)
class AllowedTargets:
    """Internal servers to which the operator lets alerts go."""

    places: frozenset[tuple[str, int]] = frozenset()
    """Host and port."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses `host:port`, separated by commas. The settings have checked the form."""
        return cls(frozenset(_places(text.split(","))))

    def has(self, host: str, port: int) -> bool:
        """Returns whether this server is allowed."""
        return (host.lower(), port) in self.places


def _places(texts: Iterable[str]) -> Iterable[tuple[str, int]]:
    for text in texts:
        host, _, port = text.strip().rpartition(":")
        if host:
            yield host.strip("[]").lower(), int(port)


def checked_url(text: str, allowed: AllowedTargets) -> httpx.URL:
    """Returns the URL of a target, if messages may be sent there. The addresses of a name are checked when they are connected to.

    Raises:
        TargetError: they may not.
    """
    if len(text) > _MAX_URL_CHARACTERS:
        raise TargetError(f"the URL is longer than {_MAX_URL_CHARACTERS:,} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise TargetError("the URL is malformed") from None
    if url.scheme not in _PORTS or not url.host:
        raise TargetError("the URL must begin with https:// and name a host")
    if url.userinfo:
        raise TargetError("the URL must not contain a user or password")
    port = port_of(url)
    if allowed.has(url.host, port):
        return url
    if url.scheme != "https":
        raise TargetError("the URL must begin with https://")
    if port != _HTTPS_PORT:
        raise TargetError(f"the port must be {_HTTPS_PORT}")
    if not _may_be_public(url.host.lower().rstrip(".")):
        raise TargetError("the host is not public, and the operator has not allowed it")
    return url


def _may_be_public(host: str) -> bool:
    """Returns whether a host is a public address, or a name that may have one."""
    address = _address_of(host)
    if address is not None:
        return is_public(address)
    return "." in host and not host.endswith(_INTERNAL_DOMAINS)


def _address_of(host: str) -> str | None:
    """Returns the address that a host is a way to write, such as `0x7f.1`; None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        return None


def port_of(url: httpx.URL) -> int:
    """Returns the port that the URL names or implies."""
    return url.port or _PORTS[url.scheme]
