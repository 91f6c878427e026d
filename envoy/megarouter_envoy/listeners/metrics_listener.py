"""The read-only listener for metrics and readiness. It shows two paths of Envoy's admin page, which itself has no port.

A web page in a browser on this machine can send requests to every local port, under a host name of its own. So only GET, only
the known host names, and no request that says which web page sent it.
"""

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.listener import v3 as listener
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.http.router import v3 as router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.names import ENVOY_ADMIN_CLUSTER
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.typed_config import http_filter, pack, seconds, socket_address

HCM_NAME = "envoy.filters.network.http_connection_manager"
READABLE = ("/ready", "/stats/prometheus")
REQUEST_TIMEOUT_S = 10
IDLE_TIMEOUT_S = 60
_FORBIDDEN = 403
_NOT_FOUND = 404


def metrics_listener(options: BootstrapOptions) -> listener.Listener:
    """Returns the listener. It counts toward no limit of the public ones, so it answers while they are overloaded."""
    manager = hcm.HttpConnectionManager(
        stat_prefix="metrics",
        server_name="megarouter",
        use_remote_address=True,
        normalize_path=True,
        strip_any_host_port=True,
        request_timeout=seconds(REQUEST_TIMEOUT_S),
        request_headers_timeout=seconds(REQUEST_TIMEOUT_S),
        common_http_protocol_options=core.HttpProtocolOptions(idle_timeout=seconds(IDLE_TIMEOUT_S)),
        route_config=_routes(options.metrics_hosts),
        http_filters=[http_filter("envoy.filters.http.router", router.Router())],
    )
    return listener.Listener(
        name="metrics",
        address=socket_address(options.metrics_address, options.metrics_port),
        ignore_global_conn_limit=True,
        filter_chains=[
            listener.FilterChain(filters=[listener.Filter(name=HCM_NAME, typed_config=pack(manager))]),
        ],
    )


def _routes(hosts: tuple[str, ...]) -> route.RouteConfiguration:
    by_web_page = route.Route(
        match=route.RouteMatch(prefix="/", headers=[route.HeaderMatcher(name="origin", present_match=True)]),
        direct_response=route.DirectResponseAction(status=_FORBIDDEN),
    )
    readable = [
        route.Route(
            match=route.RouteMatch(path=path, headers=[_is_get()]),
            route=route.RouteAction(cluster=ENVOY_ADMIN_CLUSTER, timeout=seconds(REQUEST_TIMEOUT_S)),
        )
        for path in READABLE
    ]
    rest = route.Route(
        match=route.RouteMatch(prefix="/"), direct_response=route.DirectResponseAction(status=_NOT_FOUND)
    )
    return route.RouteConfiguration(
        name="metrics",
        virtual_hosts=[route.VirtualHost(name="metrics", domains=list(hosts), routes=[by_web_page, *readable, rest])],
    )


def _is_get() -> route.HeaderMatcher:
    return route.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact="GET"))
