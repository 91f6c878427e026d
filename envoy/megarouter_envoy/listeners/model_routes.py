"""The only route of calls on the model listener: to the provider that authz_service chose, or nowhere."""

from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.http.buffer import v3 as buffer
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from gateway_core.contract import headers
from gateway_core.model.deployments.fallbacks import MOST_ATTEMPTS, fallback_prefix
from megarouter_envoy.clusters.fallbacks import try_next
from megarouter_envoy.filters.service_filters import descriptors
from megarouter_envoy.listeners.browsers import allowed_browsers
from megarouter_envoy.listeners.refused_requests import connect_refused
from megarouter_envoy.names import BUFFER_FILTER, MODEL_ROUTES
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.typed_config import pack, seconds

# The module's rewriter has removed every other header that does not go on (`headers.PASSED_TO_PROVIDERS`). This one tells
# the router which provider that is.
REQUEST_HEADERS_REMOVED = (headers.CLUSTER,)


METHODS = ("GET", "HEAD", "POST")
# SDKs send many headers of their own. A wildcard does not cover the credential (https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name).
REQUEST_HEADERS = (headers.AUTHORIZATION, "*")
RESPONSE_HEADERS = ("*",)


def model_routes(options: BootstrapOptions) -> route.RouteConfiguration:
    """Routes every path to the cluster in the header that authz_service sets. Without that header there is no route.

    Only authz_service decides which paths exist, so the list is kept in one place. The limits of a call are here and not in the
    listener, because replacing routes cuts no call.
    """
    limits = options.limits.listeners

    def action(retry_policy: route.RetryPolicy | None = None) -> route.RouteAction:
        return route.RouteAction(
            cluster_header=headers.CLUSTER,
            auto_host_rewrite=True,
            timeout=seconds(0),  # the length of a stream is unknown: idle time and total time are bounded instead
            idle_timeout=seconds(limits.call_idle_seconds),
            max_stream_duration=route.RouteActionMaxStreamDuration(
                max_stream_duration=seconds(limits.call_duration_seconds)
            ),
            rate_limits=descriptors(),
            retry_policy=retry_policy,
        )

    everything = route.Route(name="provider", match=route.RouteMatch(prefix="/"), route=action())
    # Only calls that authz_service gave several attempts. Nothing is tried again by any other call.
    several = [
        route.Route(
            name=f"provider_{attempts}",
            match=route.RouteMatch(prefix="/", headers=[_to_clusters(fallback_prefix(attempts))]),
            route=action(try_next(attempts)),
            request_body_buffer_limit=limits.request_body_bytes,
        )
        for attempts in _numbers_of_attempts(options)
    ]
    host = route.VirtualHost(
        name="models",
        domains=["*"],
        routes=[*several, everything, connect_refused()],
        request_headers_to_remove=list(REQUEST_HEADERS_REMOVED),
    )
    body = buffer.BufferPerRoute(buffer=buffer.Buffer(max_request_bytes=limits.request_body_bytes))
    host.typed_per_filter_config = {BUFFER_FILTER: pack(body)}
    if origins := options.model_allowed_origins:
        host.typed_per_filter_config |= allowed_browsers(origins, METHODS, REQUEST_HEADERS, RESPONSE_HEADERS)
    return route.RouteConfiguration(name=MODEL_ROUTES, virtual_hosts=[host])


def _numbers_of_attempts(options: BootstrapOptions) -> list[int]:
    """Returns how many attempts calls may make. Orders that change while Envoy runs may have any number of them."""
    if options.discovery is not None:
        return list(range(2, MOST_ATTEMPTS + 1))
    return sorted({len(order) for order in options.fallbacks})


def _to_clusters(prefix: str) -> route.HeaderMatcher:
    return route.HeaderMatcher(name=headers.CLUSTER, string_match=matcher.StringMatcher(prefix=prefix))
