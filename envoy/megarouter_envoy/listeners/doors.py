"""What stands before a public listener: the places of strangers, and the proxies in front of Envoy."""

from envoy_data_plane.envoy.config.listener import v3 as listener
from envoy_data_plane.envoy.extensions.filters.listener.proxy_protocol import v3 as proxy_protocol
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from megarouter_envoy.filters.module_filters import strangers
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.typed_config import pack


def trust_hops(manager: hcm.HttpConnectionManager, options: BootstrapOptions) -> None:
    """Makes the manager take the caller's address from `x-forwarded-for` if trusted proxies write it."""
    if options.front_proxies.trusted_hops:
        manager.xff_num_trusted_hops = options.front_proxies.trusted_hops


def proxy_protocol_filters(options: BootstrapOptions) -> list[listener.ListenerFilter]:
    """Returns the filter that reads the caller's address from the first bytes of a connection, if a load balancer writes them.

    A connection without these bytes is closed.
    """
    if not options.front_proxies.proxy_protocol:
        return []
    name = "envoy.filters.listener.proxy_protocol"
    return [listener.ListenerFilter(name=name, typed_config=pack(proxy_protocol.ProxyProtocol()))]


def places(name: str, options: BootstrapOptions) -> list[listener.Filter]:
    """Returns the filter that bounds how many strangers are connected to a listener. It must be the first of its chain."""
    limits = {"model": options.limits.model_strangers, "admin": options.limits.admin_strangers}[name]
    return [strangers(options.module_path, name, limits.per_address, limits.total)]
