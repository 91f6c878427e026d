"""The listener of the admin API: gRPC and gRPC-Web to admin_service, nothing else."""

from envoy_data_plane.envoy.config.accesslog import v3 as accesslog
from envoy_data_plane.envoy.config.listener import v3 as listener
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.http.cors import v3 as cors
from envoy_data_plane.envoy.extensions.filters.http.grpc_web import v3 as grpc_web
from envoy_data_plane.envoy.extensions.filters.http.router import v3 as router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.connection_manager import hardened_manager, public_listener
from megarouter_envoy.local_replies import json_text, status_is
from megarouter_envoy.names import ADMIN_CLUSTER
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.typed_config import http_filter, pack, seconds

CALL_DURATION_MAX_S = 300
GRPC_CONTENT_TYPE = "application/grpc"
NOT_FOUND_BODY = (
    '{"error":{"code":404,"message":"The admin API answers gRPC and gRPC-Web calls only.","status":"NOT_FOUND"}}'
)
FAILED_BODY = (
    '{"error":{"code":%RESPONSE_CODE%,"message":"The gateway could not process this call.","status":"UNAVAILABLE"}}'
)


def admin_listener(options: BootstrapOptions) -> listener.Listener:
    """Authentication and permissions are admin_service's; Envoy only carries the calls."""
    manager = hardened_manager("admin", options)
    manager.path_with_escaped_slashes_action = hcm.HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST
    manager.local_reply_config = _local_replies()
    manager.route_config = _routes(options.admin_allowed_origins)
    manager.http_filters = [
        http_filter("envoy.filters.http.cors", cors.Cors()),
        http_filter("envoy.filters.http.grpc_web", grpc_web.GrpcWeb()),
        http_filter("envoy.filters.http.router", router.Router(suppress_envoy_headers=True)),
    ]
    return public_listener("admin", options.admin_port, manager, options)


def _routes(allowed_origins: tuple[str, ...]) -> route.RouteConfiguration:
    grpc = route.Route(
        name="grpc",
        match=route.RouteMatch(prefix="/", headers=[_content_type(GRPC_CONTENT_TYPE)]),
        route=route.RouteAction(
            cluster=ADMIN_CLUSTER,
            timeout=seconds(0),
            max_stream_duration=route.RouteActionMaxStreamDuration(
                max_stream_duration=seconds(CALL_DURATION_MAX_S), grpc_timeout_header_max=seconds(CALL_DURATION_MAX_S)
            ),
        ),
    )
    nothing = route.Route(
        name="nothing",
        match=route.RouteMatch(prefix="/"),
        direct_response=route.DirectResponseAction(status=404),
    )
    host = route.VirtualHost(name="admin", domains=["*"], routes=[grpc, nothing])
    if allowed_origins:
        host.typed_per_filter_config = {"envoy.filters.http.cors": pack(_cors(allowed_origins))}
    return route.RouteConfiguration(name="admin", virtual_hosts=[host])


def _content_type(prefix: str) -> route.HeaderMatcher:
    return route.HeaderMatcher(name="content-type", string_match=matcher.StringMatcher(prefix=prefix))


def _cors(origins: tuple[str, ...]) -> cors.CorsPolicy:
    return cors.CorsPolicy(
        allow_origin_string_match=[matcher.StringMatcher(exact=origin) for origin in origins],
        allow_methods="POST",
        allow_headers="authorization,content-type,grpc-timeout,x-grpc-web,x-user-agent",
        expose_headers="grpc-message,grpc-status,grpc-status-details-bin,x-request-id",
        max_age="600",
    )


def _local_replies() -> hcm.LocalReplyConfig:
    """JSON for callers that do not speak gRPC; those that do get a gRPC status from Envoy itself."""
    not_grpc = _content_type(GRPC_CONTENT_TYPE)
    not_grpc.invert_match = True
    plain = accesslog.AccessLogFilter(header_filter=accesslog.HeaderFilter(header=not_grpc))
    not_found = accesslog.AccessLogFilter(and_filter=accesslog.AndFilter(filters=[plain, status_is(404)]))
    return hcm.LocalReplyConfig(
        mappers=[
            hcm.ResponseMapper(filter=not_found, body_format_override=json_text(NOT_FOUND_BODY)),
            hcm.ResponseMapper(filter=plain, body_format_override=json_text(FAILED_BODY)),
        ]
    )
