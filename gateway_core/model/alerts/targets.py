"""Where alerts may be sent. Pure.

admin_service asks when a target is set, notification_service for every message. It also checks the addresses that a name has.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final, Self

from gateway_core.model.alerts.addresses import is_public

MAIL_SCHEME: Final = "mailto:"
HTTPS_PORT: Final = 443
PORTS: Final = {"http": 80, "https": HTTPS_PORT}
MAX_URL_CHARACTERS: Final = 2_048
_INTERNAL_DOMAINS: Final = (".localhost", ".local", ".internal", ".home.arpa")
"""Names below these are never those of public servers (RFC 6761, RFC 6762, RFC 8375; `.internal` is reserved by ICANN)."""
_PARTS_OF_ADDRESS: Final = 4
_BASES: Final = {"0x": 16, "0": 8}


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


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says about the server."""

    scheme: str
    host: str
    """Without brackets."""
    port: int | None
    """None if the URL names none."""
    has_user: bool


def problem_of(place: Place, allowed: AllowedTargets) -> str | None:
    """Returns why alerts may not be sent to a server; None if they may, as far as its name tells."""
    if place.scheme not in PORTS or not place.host:
        return "the URL must begin with https:// and name a host"
    if place.has_user:
        return "the URL must not contain a user or password"
    port = place.port or PORTS[place.scheme]
    if allowed.has(place.host, port):
        return None
    if place.scheme != "https":
        return "the URL must begin with https://"
    if port != HTTPS_PORT:
        return f"the port must be {HTTPS_PORT}"
    if not _may_be_public(place.host.lower().rstrip(".")):
        return "the host is not public, and the operator has not allowed it"
    return None


def _places(texts: Iterable[str]) -> Iterable[tuple[str, int]]:
    for text in texts:
        host, _, port = text.strip().rpartition(":")
        if host:
            yield host.strip("[]").lower(), int(port)


def _may_be_public(host: str) -> bool:
    """Returns whether a host is a public address, or a name that may have one."""
    try:
        return is_public(str(ip_address(host)))
    except ValueError:
        pass
    number = _number_of(host)
    if number is not None:
        return is_public(str(IPv4Address(number)))
    return "." in host and not host.endswith(_INTERNAL_DOMAINS)


def _number_of(host: str) -> int | None:
    """Returns the IPv4 address that a host is an old way to write, such as `0x7f.1` (inet_aton of POSIX); None for a name."""
    parts = host.split(".")
    if len(parts) > _PARTS_OF_ADDRESS:
        return None
    try:
        *first, last = map(_integer, parts)
    except ValueError:
        return None
    rest_bits = 8 * (_PARTS_OF_ADDRESS - len(first))
    if any(part > 0xFF for part in first) or last >= 1 << rest_bits:
        return None
    number = 0
    for part in first:
        number = number << 8 | part
    return number << rest_bits | last


def _integer(text: str) -> int:
    if not text.isascii() or not text.isalnum():
        raise ValueError(text)
    for prefix, base in _BASES.items():
        if text.startswith(prefix) and text != prefix:
            return int(text[len(prefix) :], base)
    return int(text)
