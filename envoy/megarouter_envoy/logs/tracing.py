"""OpenTelemetry tracing, present only if an OTLP endpoint is configured."""

from envoy_data_plane.envoy.config.trace import v3 as trace
from envoy_data_plane.envoy.extensions.filters.http.header_to_metadata import v3 as to_metadata
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.envoy.type.tracing import v3 as tracing_types

from megarouter_envoy.names import OTLP_CLUSTER
from megarouter_envoy.typed_config import grpc_service, http_filter, pack

SERVICE_NAME = "megarouter-envoy"
NAMESPACE = "megarouter.trace"
_PATH = "path"


def tracing(otlp_endpoint: str | None) -> hcm.HttpConnectionManagerTracing | None:
    """Returns the tracing of one listener; None without an endpoint.

    The tag replaces Envoy's own, whose query may contain an API key. It is the caller's path: `remember_path` keeps it, because
    the path is the provider's when the span ends.
    """
    if otlp_endpoint is None:
        return None
    config = trace.OpenTelemetryConfig(
        grpc_service=grpc_service(OTLP_CLUSTER, timeout_s=1.0), service_name=SERVICE_NAME
    )
    return hcm.HttpConnectionManagerTracing(
        provider=trace.TracingHttp(name="envoy.tracers.opentelemetry", typed_config=pack(config)),
        spawn_upstream_span=True,
        custom_tags=[tracing_types.CustomTag(tag="http.url", value=f"%DYNAMIC_METADATA({NAMESPACE}:{_PATH})%")],
    )


def remember_path(otlp_endpoint: str | None) -> list[hcm.HttpFilter]:
    """Returns the filter that keeps the caller's path without its query. It comes before every other; none without an endpoint."""
    if otlp_endpoint is None:
        return []
    pair = to_metadata.ConfigKeyValuePair(
        metadata_namespace=NAMESPACE,
        key=_PATH,
        regex_value_rewrite=matcher.RegexMatchAndSubstitute(
            pattern=matcher.RegexMatcher(regex=r"^([^?#]*).*$"), substitution=r"\1"
        ),
    )
    rules = [to_metadata.ConfigRule(header=":path", on_header_present=pair)]
    config = to_metadata.Config(request_rules=rules)
    return [http_filter("envoy.filters.http.header_to_metadata", config)]
