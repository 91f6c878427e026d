"""The only route of calls on the model listener: to the provider that authz_service chose, or nowhere."""

from collections.abc import Sequence

from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from gateway_core.contract import headers
from gateway_core.model.deployments.fallbacks import fallback_prefix
from megarouter_envoy.clusters.fallbacks import try_next
from megarouter_envoy.filters.service_filters import descriptors
from megarouter_envoy.listeners.browsers import allowed_browsers
from megarouter_envoy.listeners.refused_requests import connect_refused
from megarouter_envoy.typed_config import seconds

# The module's rewriter has removed every other header that does not go on (`headers.PASSED_TO_PROVIDERS`). This one tells
# the router which provider that is.
REQUEST_HEADERS_REMOVED = (headers.CLUSTER,)


METHODS = ("GET", "HEAD", "POST")
# SDKs send many headers of their own. A wildcard does not cover the credential (https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name).
REQUEST_HEADERS = (headers.AUTHORIZATION, "*")
RESPONSE_HEADERS = ("*",)


def model_routes(
    idle_timeout_s: int,
    allowed_origins: tuple[str, ...] = (),
    most_attempts: Sequence[int] = (),
    max_request_bytes: int = 0,
) -> route.RouteConfiguration:
    """Routes every path to the cluster in the header that authz_service sets. Without that header there is no route.

    Only authz_service decides which paths exist, so the list is kept in one place.

    Args:
        idle_timeout_s: how long a call may transfer nothing.
        allowed_origins: the origins of browsers that may call.
        most_attempts: numbers of attempts that calls may make at several deployments.
        max_request_bytes: the largest body, which Envoy keeps for a further attempt.
    """

    def action(retry_policy: route.RetryPolicy | None = None) -> route.RouteAction:
        return route.RouteAction(
            cluster_header=headers.CLUSTER,
            auto_host_rewrite=True,
            timeout=seconds(0),  # the length of a stream is unknown: idle time and total time are bounded instead
            idle_timeout=seconds(idle_timeout_s),
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
            request_body_buffer_limit=max_request_bytes,
        )
        for attempts in most_attempts
    ]
    host = route.VirtualHost(
        name="models",
        domains=["*"],
        routes=[*several, everything, connect_refused()],
        request_headers_to_remove=list(REQUEST_HEADERS_REMOVED),
    )
    if allowed_origins:
        host.typed_per_filter_config = allowed_browsers(allowed_origins, METHODS, REQUEST_HEADERS, RESPONSE_HEADERS)
    return route.RouteConfiguration(name="models", virtual_hosts=[host])


def _to_clusters(prefix: str) -> route.HeaderMatcher:
    return route.HeaderMatcher(name=headers.CLUSTER, string_match=matcher.StringMatcher(prefix=prefix))
