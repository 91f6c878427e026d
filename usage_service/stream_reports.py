"""Reads the entries of Envoy's access-log stream."""

from collections.abc import Iterator
from typing import Any, Final

from envoy.config.core.v3 import address_pb2
from envoy.data.accesslog.v3 import accesslog_pb2
from google.protobuf import duration_pb2, json_format, struct_pb2

from gateway_core.domain.settlement import CallReport, storable_text
from usage_service.report_fields import checked_token, facts_of, optional_text, shadow_scopes

AUTHZ_NAMESPACE: Final = "envoy.filters.http.ext_authz"
USAGE_NAMESPACE: Final = "megarouter.usage"
RATE_LIMIT_NAMESPACE: Final = "envoy.filters.http.ratelimit"
TRACE_ID_TAG: Final = "trace_id"

_FINAL_TYPES: Final = frozenset({accesslog_pb2.NotSet, accesslog_pb2.DownstreamEnd})

_FLAGS: Final = {
    "failed_local_healthcheck": "LH",
    "no_healthy_upstream": "UH",
    "upstream_request_timeout": "UT",
    "local_reset": "LR",
    "upstream_remote_reset": "UR",
    "upstream_connection_failure": "UF",
    "upstream_connection_termination": "UC",
    "upstream_overflow": "UO",
    "no_route_found": "NR",
    "delay_injected": "DI",
    "fault_injected": "FI",
    "rate_limited": "RL",
    "unauthorized_details": "UAEX",
    "rate_limit_service_error": "RLSE",
    "downstream_connection_termination": "DC",
    "upstream_retry_limit_exceeded": "URX",
    "stream_idle_timeout": "SI",
    "invalid_envoy_request_headers": "IH",
    "downstream_protocol_error": "DPE",
    "upstream_max_stream_duration_reached": "UMSDR",
    "response_from_cache_filter": "RFCF",
    "no_filter_config_found": "NFCF",
    "duration_timeout": "DT",
    "upstream_protocol_error": "UPE",
    "no_cluster_found": "NC",
    "overload_manager": "OM",
    "dns_resolution_failure": "DF",
    "downstream_remote_reset": "DR",
}


def report_of_entry(entry: accesslog_pb2.HTTPAccessLogEntry) -> CallReport | None:
    """The report of one call; None for an entry without a hold, and for one written before its call ended.

    Raises:
        MalformedReportError: the entry is not one that Envoy writes.
    """
    common, response = entry.common_properties, entry.response
    if common.access_log_type not in _FINAL_TYPES or common.intermediate_log_entry:
        return None
    metadata = common.metadata.filter_metadata
    if AUTHZ_NAMESPACE not in metadata or "hold" not in (authz := metadata[AUTHZ_NAMESPACE].fields):
        return None
    usage = metadata[USAGE_NAMESPACE].fields if USAGE_NAMESPACE in metadata else {}
    rate = metadata[RATE_LIMIT_NAMESPACE].fields if RATE_LIMIT_NAMESPACE in metadata else {}
    traceparent = authz["traceparent"].string_value if "traceparent" in authz else None
    return CallReport(
        token=checked_token(authz["hold"].string_value),
        facts=facts_of({key: _value(value) for key, value in usage.items()}),
        http_status=response.response_code.value,
        flags=frozenset(_flags(common.response_flags)),
        # The journal writes details without blanks.
        details=storable_text(response.response_code_details).replace(" ", "_"),
        upstream_host=_address(common.upstream_remote_address) if common.HasField("upstream_remote_address") else None,
        attempts=common.upstream_request_attempt_count,
        request_bytes=entry.request.request_body_bytes,
        response_bytes=response.response_body_bytes,
        duration_ms=_milliseconds(common.duration) if common.HasField("duration") else None,
        time_to_first_byte_ms=(
            _milliseconds(common.time_to_first_upstream_rx_byte)
            if common.HasField("time_to_first_upstream_rx_byte")
            else None
        ),
        request_id=storable_text(common.stream_id),
        trace_id=optional_text(storable_text(common.custom_tags[TRACE_ID_TAG])) if common.custom_tags else None,
        traceparent=optional_text(traceparent),
        shadow_rate_limited=shadow_scopes(rate["shadow_refused"].string_value if "shadow_refused" in rate else None),
        organization=authz["organization"].string_value if "organization" in authz else None,
    )


def _value(value: struct_pb2.Value) -> object:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "struct_value" | "list_value":
            nested: Any = json_format.MessageToDict(value)
            return nested
        case _:
            return None


def _flags(flags: accesslog_pb2.ResponseFlags) -> Iterator[str]:
    for descriptor, _value_set in flags.ListFields():
        if short := _FLAGS.get(descriptor.name):
            yield short


def _address(address: address_pb2.Address) -> str:
    """As `%UPSTREAM_HOST%` writes it."""
    if address.HasField("pipe"):
        return str(address.pipe.path)
    host, port = address.socket_address.address, address.socket_address.port_value
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _milliseconds(duration: duration_pb2.Duration) -> int:
    return duration.seconds * 1_000 + duration.nanos // 10**6
