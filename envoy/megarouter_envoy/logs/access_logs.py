"""The logs written when a model call ends: the same facts to usage_service over gRPC and to the journal file.

The gRPC logger may silently lose entries and has no acknowledgment. The journal makes sure that every call is settled.
"""

from pathlib import Path

from envoy_data_plane.envoy.config.accesslog import v3 as accesslog
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.data.accesslog.v3 import AccessLogType
from envoy_data_plane.envoy.extensions.access_loggers.file import v3 as file_log
from envoy_data_plane.envoy.extensions.access_loggers.grpc import v3 as grpc_log
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.envoy.type.tracing import v3 as tracing_types

from gateway_core.contract import access_log_line as call_line
from gateway_core.contract.access_log_line import REFUSAL_FORMAT, REFUSAL_TAG
from gateway_core.contract.metadata import DECISION_NAMESPACE, RATE_LIMIT_NAMESPACE, REFUSED, DecisionKey
from megarouter_envoy.names import (
    ACCESS_LOG_NAME,
    USAGE_CLUSTER,
)
from megarouter_envoy.typed_config import grpc_service, pack, seconds

# Beyond this size the logger drops entries. Kept below the 4 MiB that a gRPC server accepts by default.
GRPC_BUFFER_BYTES = 1024 * 1024
GRPC_FLUSH_INTERVAL_S = 0.1
"""How long the end of a call waits to share a message. Until it is reported, its places and its hold are taken."""
PROMPT_FLUSH_INTERVAL_S = 0.02
"""The same for a call whose end another call may wait for. Small messages cost more, so other calls do without."""

REFUSAL_FLUSH_INTERVAL_S = 0.5
"""The same for refused calls, which are only counted."""

_PRESENT = matcher.ValueMatcher(present_match=True)
_NEVER_PRESENT = matcher.ValueMatcher(null_match=matcher.ValueMatcherNullMatch())
"""Matches no value that a decision has."""


def metered_calls() -> accesslog.AccessLogFilter:
    """Matches the one entry at the end of a call for which authz_service placed a hold."""
    at_end = accesslog.AccessLogFilter(log_type_filter=accesslog.LogTypeFilter(types=[AccessLogType.DownstreamEnd]))
    return _all_of(at_end, _decided(DecisionKey.HOLD, _PRESENT, or_absent=False))


def usage_streams() -> list[accesslog.AccessLog]:
    """Returns the logs that usage_service receives within moments. Every metered call is in one of them."""
    awaited = _decided(DecisionKey.REPORT_SOON, _PRESENT, or_absent=False)
    others = _decided(DecisionKey.REPORT_SOON, _NEVER_PRESENT, or_absent=True)
    return [
        _usage_stream(GRPC_FLUSH_INTERVAL_S, _all_of(others, metered_calls())),
        _usage_stream(PROMPT_FLUSH_INTERVAL_S, _all_of(awaited, metered_calls())),
    ]


def refusal_stream() -> accesslog.AccessLog:
    """Returns the log that usage_service receives of calls that the gateway refused."""
    at_end = accesslog.AccessLogFilter(log_type_filter=accesslog.LogTypeFilter(types=[AccessLogType.DownstreamEnd]))
    refused = accesslog.AccessLogFilter(
        or_filter=accesslog.OrFilter(
            filters=[
                _in_metadata(namespace, REFUSED, _PRESENT, or_absent=False)
                for namespace in (DECISION_NAMESPACE, RATE_LIMIT_NAMESPACE)
            ]
        )
    )
    return _usage_stream(REFUSAL_FLUSH_INTERVAL_S, _all_of(at_end, refused), REFUSAL_TAG, REFUSAL_FORMAT)


def _all_of(*filters: accesslog.AccessLogFilter) -> accesslog.AccessLogFilter:
    return accesslog.AccessLogFilter(and_filter=accesslog.AndFilter(filters=list(filters)))


def _decided(key: DecisionKey, value: matcher.ValueMatcher, *, or_absent: bool) -> accesslog.AccessLogFilter:
    """Matches calls whose decision has this value, or, if asked, none under this key."""
    return _in_metadata(DECISION_NAMESPACE, key.value, value, or_absent=or_absent)


def _in_metadata(
    namespace: str, key: str, value: matcher.ValueMatcher, *, or_absent: bool
) -> accesslog.AccessLogFilter:
    segment = matcher.MetadataMatcherPathSegment(key=key)
    decided = matcher.MetadataMatcher(filter=namespace, path=[segment], value=value)
    return accesslog.AccessLogFilter(
        metadata_filter=accesslog.MetadataFilter(matcher=decided, match_if_key_not_found=or_absent)
    )


def _usage_stream(
    flush_interval_s: float,
    matching: accesslog.AccessLogFilter,
    tag: str = call_line.CALL_TAG,
    line: str = call_line.FORMAT,
) -> accesslog.AccessLog:
    config = grpc_log.HttpGrpcAccessLogConfig(
        common_config=grpc_log.CommonGrpcAccessLogConfig(
            log_name=ACCESS_LOG_NAME,
            grpc_service=grpc_service(USAGE_CLUSTER),
            transport_api_version=core.ApiVersion.V3,
            buffer_flush_interval=seconds(flush_interval_s),
            buffer_size_bytes=GRPC_BUFFER_BYTES,
            custom_tags=[tracing_types.CustomTag(tag=tag, value=line)],
        )
    )
    return accesslog.AccessLog(name="envoy.access_loggers.http_grpc", filter=matching, typed_config=pack(config))


def journal(path: Path) -> accesslog.AccessLog:
    """Returns the log that writes one line per metered call to the file that usage_service replays."""
    line = core.DataSource(inline_string=f"{call_line.FORMAT}\n")
    config = file_log.FileAccessLog(path=str(path), log_format=core.SubstitutionFormatString(text_format_source=line))
    return accesslog.AccessLog(name="envoy.access_loggers.file", filter=metered_calls(), typed_config=pack(config))
