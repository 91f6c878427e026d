"""Where messages may be sent. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import httpx

MAIL_SCHEME: Final = "mailto:"
_HTTPS_PORT: Final = 443
_PORTS: Final = {"http": 80, "https": _HTTPS_PORT}
_MAX_URL_CHARACTERS: Final = 2_048


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
    """Returns the URL of a target, if messages may be sent there. Its addresses are checked when they are connected to.

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
    return url


def port_of(url: httpx.URL) -> int:
    """Returns the port that the URL names or implies."""
    return url.port or _PORTS[url.scheme]
