"""URLs of a Redis Cluster: `redis+cluster://user:password@host:port,host:port`, or `rediss+cluster://` with TLS.

The hosts are any nodes to contact first; the cluster reports the others. User, password and options apply to all nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_SUFFIX: Final = "+cluster"
_SCHEMES: Final = frozenset({f"redis{_SUFFIX}", f"rediss{_SUFFIX}"})
_DEFAULT_PORT: Final = 6379


class Address(NamedTuple):
    """The address of a node."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """A cluster, and how to connect to its nodes."""

    seeds: Sequence[Address]
    """The nodes to contact first."""
    scheme: str
    """The scheme of a single node's URL."""
    credentials: str = field(repr=False)
    options: str = field(repr=False)

    def node(self, address: Address) -> str:
        """Returns the URL of one node in the form that redis-py reads."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{self.scheme}://{self.credentials}{host}:{address.port}{self.options}"


def is_cluster_url(url: str) -> bool:
    """Returns whether a URL names a cluster, not a single server."""
    return urlsplit(url).scheme in _SCHEMES


def parse_cluster_url(url: str) -> ClusterUrl:
    """Parses the URL of a cluster.

    Raises:
        ValueError: it is not the URL of a cluster. The message quotes none of it, because it may contain a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        raise ValueError("the URL of a Redis Cluster must begin with redis+cluster:// or rediss+cluster://")
    if parts.path not in {"", "/", "/0"}:
        raise ValueError("a Redis Cluster has only database 0")
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
        raise ValueError("the URL of a Redis Cluster must name hosts as host:port, separated by commas")
    return Address(host, _DEFAULT_PORT if port is None else port)


def _require_readable(value: SecretStr) -> SecretStr:
    if is_cluster_url(value.get_secret_value()):
        parse_cluster_url(value.get_secret_value())
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_require_readable)]
"""`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://` for a Redis Cluster."""
