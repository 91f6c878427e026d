"""How a Redis Cluster is named: `redis+cluster://user:password@host:port,host:port`, or `rediss+cluster://` with TLS.

The hosts are nodes to ask first, any of them; the cluster tells who else there is. User, password and options hold for all nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_SUFFIX: Final = "+cluster"
_SCHEMES: Final = frozenset({f"redis{_SUFFIX}", f"rediss{_SUFFIX}"})
_DEFAULT_PORT: Final = 6379


class Address(NamedTuple):
    """Of a node."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """A cluster, and how its nodes are spoken to."""

    seeds: Sequence[Address]
    """Nodes to ask first."""
    scheme: str
    """Of a node's own URL."""
    credentials: str = field(repr=False)
    options: str = field(repr=False)

    def node(self, address: Address) -> str:
        """The URL of one node, as redis-py reads it."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{self.scheme}://{self.credentials}{host}:{address.port}{self.options}"


def is_cluster_url(url: str) -> bool:
    """Whether a URL names a cluster, and not one server."""
    return urlsplit(url).scheme in _SCHEMES


def parse_cluster_url(url: str) -> ClusterUrl:
    """What a URL says.

    Raises:
        ValueError: it is no URL of a cluster. The message repeats nothing of it, for it may hold a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError("the URL of a Redis Cluster begins with redis+cluster:// or rediss+cluster://")
    if parts.path not in {"", "/", "/0"}:
        raise ValueError("a Redis Cluster has database 0 alone")
    credentials, at, hosts = parts.netloc.rpartition("@")
    seeds = tuple(_address(host) for host in hosts.split(","))
    options = f"?{parts.query}" if parts.query else ""
    return ClusterUrl(seeds, parts.scheme.removesuffix(_SUFFIX), credentials + at, options)


def _address(text: str) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or any(character.isspace() for character in host):
        raise ValueError("the URL of a Redis Cluster names hosts as host:port, separated by commas")
    return Address(host, _DEFAULT_PORT if port is None else port)
