"""The filter chain of the model listener. Requests pass it from top to bottom, responses from bottom to top."""

from envoy_data_plane.envoy.extensions.filters.http.buffer import v3 as buffer
from envoy_data_plane.envoy.extensions.filters.http.cors import v3 as cors
from envoy_data_plane.envoy.extensions.filters.http.router import v3 as router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from gateway_core.contract.metadata import DECISION_NAMESPACE, RATE_LIMIT_NAMESPACE
from megarouter_envoy.clusters.replicas import ask_a_second_too
from megarouter_envoy.filters import module_filters
from megarouter_envoy.filters import service_filters as decisions
from megarouter_envoy.filters.decompressors import gzip_decompressor
from megarouter_envoy.names import AUTHZ_CLUSTER, BUFFER_FILTER, CORS_FILTER
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.typed_config import http_filter


def model_filters(options: BootstrapOptions) -> list[hcm.HttpFilter]:
    """Returns all filters in order."""
    limits, discovery = options.limits, options.discovery
    secret_files = [target.sent_secret.secret_file for target in options.providers if target.sent_secret]
    browsers = [http_filter(CORS_FILTER, cors.Cors())] if options.model_allowed_origins else []
    return [
        *browsers,
        # Before the body is kept: it refuses strangers at the headers, and reads the pieces as they pass.
        module_filters.request_facts(
            options.module_path,
            AUTHZ_CLUSTER,
            limits.authorization_timeout_s,
            ask_a_second_too(options.sockets.authz_workers),
            limits.unfinished_bodies,
        ),
        http_filter(BUFFER_FILTER, buffer.Buffer(max_request_bytes=limits.listeners.request_body_bytes)),
        http_filter(DECISION_NAMESPACE, decisions.authorization(limits, options.sockets.authz_workers)),
        http_filter(RATE_LIMIT_NAMESPACE, decisions.rate_limit(limits, options.sockets.ratelimit_workers)),
        module_filters.rewriter(
            options.module_path,
            secret_files,
            discovery.credentials if discovery else None,
            discovery.own_keys if discovery else None,
            options.control_prefix,
        ),
        gzip_decompressor(),
        http_filter("envoy.filters.http.router", router.Router(suppress_envoy_headers=True)),
    ]
