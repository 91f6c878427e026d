"""URLs of PostgreSQL: several servers in one URL, and the same login at another place, such as a connection pooler."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SCHEMES: Final = frozenset({"postgresql", "postgres"})
_OF_ONE_PLACE: Final = frozenset({"target_session_attrs"})
"""Options that choose among the servers of a URL, and mean nothing at another place."""


def urls_of_hosts(url: str) -> Sequence[str]:
    """Returns a URL for each server that a URL names: `postgresql://user:password@host:port,host:port/database`.

    Raises:
        ValueError: it is not a URL.
    """
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    names = hosts.split(",")
    return [url] if len(names) == 1 else [urlunsplit(parts._replace(netloc=f"{login}{at}{host}")) for host in names]


def require_place(text: str) -> str:
    """Returns a place: a URL without a login, `postgresql://host:port[,host:port][/database][?options]`.

    Raises:
        ValueError: it is none. The message quotes none of it.
    """
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ValueError("must be postgresql://host:port")
    if "@" in parts.netloc or {"user", "password"} & dict(parse_qsl(parts.query)).keys():
        raise ValueError("must have no user and no password: those of the service's own URL are used")
    return text


def require_one_place(text: str) -> str:
    """Returns a place of one server.

    Raises:
        ValueError: it is none. The message quotes none of it.
    """
    if "," in urlsplit(require_place(text)).netloc:
        raise ValueError("must name one server")
    return text


def url_at(url: str, place: str) -> str:
    """Returns a URL that logs in as `url` does, at another place. Where the place has no database or no options, those of `url`
    apply, except which of its servers it wants.
    """
    parts, other = urlsplit(url), urlsplit(place)
    login, at, _hosts = parts.netloc.rpartition("@")
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in _OF_ONE_PLACE]
    return urlunsplit(
        parts._replace(
            netloc=f"{login}{at}{other.netloc}",
            path=other.path if other.path.strip("/") else parts.path,
            query=other.query or urlencode(kept, safe="/"),
        )
    )
