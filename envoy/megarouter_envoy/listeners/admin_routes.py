"""The routes of the admin listener."""

from envoy_data_plane.envoy.config.route import v3 as route

from gateway_core.contract import headers
from megarouter_envoy.filters.admin_filters import rest_only
from megarouter_envoy.listeners.browsers import allowed_browsers
from megarouter_envoy.listeners.refused_requests import connect_refused
from megarouter_envoy.names import ADMIN_CLUSTER
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.replies.console import body_limit_bytes, console_routes
from megarouter_envoy.replies.invite_page import invite_page
from megarouter_envoy.replies.sign_in_page import sign_in_page
from megarouter_envoy.typed_config import content_type_is_grpc, seconds, set_header

REQUEST_HEADERS = ("authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent")
RESPONSE_HEADERS = ("grpc-message", "grpc-status", "grpc-status-details-bin", headers.REQUEST_ID)
METHODS = ("GET", "POST", "PATCH", "DELETE")


def admin_routes(options: BootstrapOptions) -> route.RouteConfiguration:
    """Returns routes that send everything to admin_service, except the pages that Envoy itself has and what it refuses.

    The translator has already refused what is neither gRPC nor a path of the API. A route with a direct response would
    not do for REST, because Envoy applies no CORS to it.
    """
    grpc = route.Route(
        name="grpc",
        match=route.RouteMatch(prefix="/", headers=[content_type_is_grpc()]),
        typed_per_filter_config=rest_only(),
        route=_to_admin_service(options.limits.max_admin_call_s),
    )
    rest = route.Route(
        name="rest", match=route.RouteMatch(prefix="/"), route=_to_admin_service(options.limits.max_admin_call_s)
    )
    host = route.VirtualHost(
        name="admin",
        domains=["*"],
        request_headers_to_add=[set_header(headers.CLIENT_ADDRESS, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")],
        routes=[
            grpc,
            invite_page(),
            sign_in_page(
                options.identity_providers,
                options.console.model_url if options.console else None,
                options.report_certificates,
            ),
            *(console_routes(options.console) if options.console else []),
            rest,
            connect_refused(),
        ],
    )
    if options.admin_allowed_origins:
        host.typed_per_filter_config = allowed_browsers(
            options.admin_allowed_origins, METHODS, REQUEST_HEADERS, RESPONSE_HEADERS
        )
    routes = route.RouteConfiguration(name="admin", virtual_hosts=[host])
    if options.console:
        routes.max_direct_response_body_size_bytes = body_limit_bytes(options.console)
    return routes


def _to_admin_service(longest_s: int) -> route.RouteAction:
    longest = seconds(longest_s)
    return route.RouteAction(
        cluster=ADMIN_CLUSTER,
        timeout=seconds(0),
        max_stream_duration=route.RouteActionMaxStreamDuration(
            max_stream_duration=longest, grpc_timeout_header_max=longest
        ),
    )
