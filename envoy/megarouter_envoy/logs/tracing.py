"""OpenTelemetry tracing, present only if an OTLP endpoint is configured."""

from envoy_data_plane.envoy.config.trace import v3 as trace
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.tracing import v3 as tracing_types

from megarouter_envoy.names import OTLP_CLUSTER
from megarouter_envoy.typed_config import grpc_service, pack

SERVICE_NAME = "megarouter-envoy"


def tracing(otlp_endpoint: str | None) -> hcm.HttpConnectionManagerTracing | None:
    """Returns the tracing of one listener; None without an endpoint.

    The tag replaces Envoy's own, whose query may contain an API key.
    """
    if otlp_endpoint is None:
        return None
    config = trace.OpenTelemetryConfig(
        grpc_service=grpc_service(OTLP_CLUSTER, timeout_s=1.0), service_name=SERVICE_NAME
    )
    return hcm.HttpConnectionManagerTracing(
        provider=trace.TracingHttp(name="envoy.tracers.opentelemetry", typed_config=pack(config)),
        spawn_upstream_span=True,
        custom_tags=[tracing_types.CustomTag(tag="http.url", value="%PATH(NQ)%")],
    )
