"""The hardening against clients that both public listeners share."""

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.listener import v3 as listener
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from megarouter_envoy.header_rules import remove_from_client
from megarouter_envoy.listeners.doors import places, proxy_protocol_filters, trust_hops
from megarouter_envoy.listeners.tls import transport_socket
from megarouter_envoy.logs.tracing import tracing
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.typed_config import pack, seconds, socket_address

HCM_NAME = "envoy.filters.network.http_connection_manager"
MAX_REQUEST_HEADERS_KB = 32
MAX_HEADERS = 100
CONNECTION_IDLE_TIMEOUT_S = 300
REQUEST_HEADERS_TIMEOUT_S = 10
CLOSING_TIMEOUT_S = 0.5
"""How long an idle connection of an Envoy that drains may still be used, once its turn has come."""
HTTP2_MAX_STREAMS = 100
CONNECTIONS_PER_EVENT = 16
HTTP2_STREAM_WINDOW_BYTES = 256 * 1024
HTTP2_CONNECTION_WINDOW_BYTES = 1024 * 1024


def hardened_manager(name: str, options: BootstrapOptions) -> hcm.HttpConnectionManager:
    """Returns a connection manager without routes, filters and logs. The caller adds them."""
    limits = options.limits
    return hcm.HttpConnectionManager(
        stat_prefix=name,
        server_name="megarouter",
        drain_timeout=seconds(CLOSING_TIMEOUT_S),
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        generate_request_id=True,
        preserve_external_request_id=False,
        always_set_request_id_in_response=True,
        early_header_mutation_extensions=[remove_from_client()],
        max_request_headers_kb=MAX_REQUEST_HEADERS_KB,
        request_headers_timeout=seconds(REQUEST_HEADERS_TIMEOUT_S),
        request_timeout=seconds(limits.request_timeout_s),
        stream_idle_timeout=seconds(limits.stream_idle_timeout_s),
        common_http_protocol_options=core.HttpProtocolOptions(
            idle_timeout=seconds(CONNECTION_IDLE_TIMEOUT_S),
            max_stream_duration=seconds(limits.max_stream_duration_s),
            max_headers_count=MAX_HEADERS,
            headers_with_underscores_action=core.HttpProtocolOptionsHeadersWithUnderscoresAction.REJECT_REQUEST,
        ),
        http2_protocol_options=core.Http2ProtocolOptions(
            max_concurrent_streams=HTTP2_MAX_STREAMS,
            initial_stream_window_size=HTTP2_STREAM_WINDOW_BYTES,
            initial_connection_window_size=HTTP2_CONNECTION_WINDOW_BYTES,
        ),
        tracing=tracing(options.otlp_endpoint),
    )


def public_listener(
    name: str, port: int, manager: hcm.HttpConnectionManager, options: BootstrapOptions
) -> listener.Listener:
    """Returns a TCP listener with one chain that accepts HTTP/1.1 and HTTP/2, over TLS if there is a certificate."""
    trust_hops(manager, options)
    return listener.Listener(
        name=name,
        address=socket_address(options.listen_address, port),
        per_connection_buffer_limit_bytes=options.limits.connection_buffer_bytes,
        # A flood of connections must not keep a worker from the calls on the others.
        max_connections_to_accept_per_socket_event=CONNECTIONS_PER_EVENT,
        listener_filters=proxy_protocol_filters(options),
        filter_chains=[
            listener.FilterChain(
                filters=[*places(name, options), listener.Filter(name=HCM_NAME, typed_config=pack(manager))],
                transport_socket=transport_socket(options.tls),
            ),
        ],
    )
