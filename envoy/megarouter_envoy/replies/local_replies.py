"""Envoy's own responses on the model listener, as JSON errors in the caller's dialect.

Responses of authz_service, ratelimit_service and the rewriter are already complete and pass unchanged. Every other
cause has one error. The first mapper that matches wins, so the order of the causes matters.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from envoy_data_plane.envoy.config.accesslog import v3 as accesslog
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from gateway_core.contract.doors import DEPENDENCY_UNAVAILABLE, OVERLOADED
from gateway_core.contract.errors import CallError, error_body
from gateway_core.contract.headers import JSON, SHOULD_RETRY
from gateway_core.contract.metadata import ANSWERED, DECISION_NAMESPACE, REWRITER_NAMESPACE, DecisionKey
from gateway_core.contract.module_errors import GATEWAY_FAILED
from gateway_core.contract.path_dialects import PATH_PATTERNS
from gateway_core.model.endpoints import Dialect
from megarouter_envoy.typed_config import set_header

Filter = accesslog.AccessLogFilter


@dataclass(frozen=True, slots=True)
class Cause:
    """The response flags and status that identify a local reply, and the error that the caller receives."""

    error: CallError
    flags: tuple[str, ...] = ()
    status_matched: int | None = None
    retry_cannot_help: bool = False
    is_of_provider: bool = False


PROVIDER_UNREACHABLE = CallError(
    503,
    "provider_unavailable",
    "The provider of this model cannot be reached. Retry in a few seconds, or choose a model of another provider.",
)
PROVIDER_BROKE_OFF = CallError(
    502,
    "provider_unavailable",
    "The provider of this model closed the connection before it answered. Retry, or choose a model of another provider.",
)
PROVIDER_TIMEOUT = CallError(
    504,
    "provider_timeout",
    "The provider of this model did not answer in time. Retry, use a stream, or choose another model.",
)
REQUEST_TIMEOUT = CallError(
    408, "request_timeout", "The request did not arrive in time. Send it again over a faster connection."
)
HEADERS_TOO_LARGE = CallError(
    431, "headers_too_large", "The request headers are too large. Send fewer or shorter headers."
)
UPGRADE_REFUSED = CallError(
    426,
    "upgrade_refused",
    "This endpoint does not accept protocol upgrades. Use plain HTTP requests; streams are server-sent events.",
)
NOT_FOUND = CallError(404, "not_found", "There is nothing at this URL. Check base_url and the path of the call.")
MALFORMED = CallError(400, "malformed_request", "The request is not valid HTTP. Check its headers and its path.")
# Operators change how large it may be while Envoy runs.
TOO_LARGE = CallError(
    413, "request_too_large", "The request body is larger than this deployment accepts. Send a smaller one."
)

CAUSES = (
    # Authorization adds headers, which count too. Envoy answers 500 if there are then too many of them.
    Cause(HEADERS_TOO_LARGE, flags=("UAEX",), status_matched=500, retry_cannot_help=True),
    Cause(DEPENDENCY_UNAVAILABLE, flags=("RLSE", "UAEX")),
    Cause(OVERLOADED, flags=("OM",)),
    Cause(TOO_LARGE, status_matched=413, retry_cannot_help=True),
    Cause(REQUEST_TIMEOUT, status_matched=408),
    Cause(HEADERS_TOO_LARGE, status_matched=431, retry_cannot_help=True),
    Cause(PROVIDER_UNREACHABLE, flags=("UF", "UH", "UO", "NC"), is_of_provider=True),
    Cause(PROVIDER_BROKE_OFF, flags=("UC", "UR", "LR", "UPE"), is_of_provider=True),
    Cause(PROVIDER_TIMEOUT, flags=("UT", "UMSDR", "DT", "SI"), is_of_provider=True),
    Cause(PROVIDER_TIMEOUT, status_matched=504),
    # Envoy refuses an upgrade with 403. On 426, clients that try a WebSocket first fall back to HTTP.
    Cause(UPGRADE_REFUSED, status_matched=403, retry_cannot_help=True),
    Cause(NOT_FOUND, status_matched=404, retry_cannot_help=True),
    Cause(MALFORMED, status_matched=400, retry_cannot_help=True),
    # Envoy's answer to HTTP/1.0 and to versions that do not exist.
    Cause(MALFORMED, status_matched=426, retry_cannot_help=True),
    Cause(OVERLOADED, status_matched=503),
    Cause(GATEWAY_FAILED),
)
"""The most specific first. The last one matches everything else."""


def local_replies() -> hcm.LocalReplyConfig:
    """Returns all local replies of the model listener."""
    finished = (
        _metadata_is_true(DECISION_NAMESPACE, ANSWERED),
        _metadata_is_true(REWRITER_NAMESPACE, ANSWERED),
        _any_flag(("RL",)),
        status_is(307),  # the redirect to a path without %2F: it has no body, but its status and location must be kept
    )
    mappers = [_pass(matched) for matched in finished]
    for cause in CAUSES:
        # OpenAI last, because its mapper matches every path.
        dialects = (*PATH_PATTERNS, Dialect.OPENAI)
        if cause.is_of_provider:
            mappers.extend(_mapper(cause, dialect, is_elsewhere=True) for dialect in dialects)
        mappers.extend(_mapper(cause, dialect) for dialect in dialects)
    return hcm.LocalReplyConfig(mappers=mappers)


def _pass(matched: Filter) -> hcm.ResponseMapper:
    return hcm.ResponseMapper(filter=matched, body_format_override=json_text("%LOCAL_REPLY_BODY%"))


def _mapper(cause: Cause, dialect: Dialect, *, is_elsewhere: bool = False) -> hcm.ResponseMapper:
    headers = [set_header(SHOULD_RETRY, "false")] if cause.retry_cannot_help else []
    matched = [*_cause_filters(cause), *_dialect_filters(dialect)]
    if is_elsewhere:
        headers = [set_header(SHOULD_RETRY, "true")]
        matched.append(metadata_is(DECISION_NAMESPACE, DecisionKey.ELSEWHERE.value, "true"))
    return hcm.ResponseMapper(
        filter=_all_of(matched),
        status_code=cause.error.status,
        body_format_override=json_text(error_body(cause.error, dialect).replace("%", "%%")),
        headers_to_add=headers,
    )


def json_text(text_format: str) -> core.SubstitutionFormatString:
    """Returns a JSON body from a text format, in which a literal `%` is written `%%`."""
    source = core.DataSource(inline_string=text_format)
    return core.SubstitutionFormatString(text_format_source=source, content_type=JSON)


def _cause_filters(cause: Cause) -> Iterable[Filter]:
    if cause.flags:
        yield _any_flag(cause.flags)
    if cause.status_matched is not None:
        yield status_is(cause.status_matched)


def _dialect_filters(dialect: Dialect) -> Iterable[Filter]:
    """Yields nothing for OpenAI, which is the dialect of every reply that no other mapper matches."""
    if dialect is Dialect.OPENAI:
        return
    by_path = _all_of(
        [
            _metadata_text(DECISION_NAMESPACE, DecisionKey.DIALECT.value, "", if_absent=True),
            _path(PATH_PATTERNS[dialect]),
        ]
    )
    by_decision = _metadata_text(DECISION_NAMESPACE, DecisionKey.DIALECT.value, dialect.value, if_absent=False)
    yield Filter(or_filter=accesslog.OrFilter(filters=[by_decision, by_path]))


def _all_of(filters: list[Filter]) -> Filter:
    """Matches if all of `filters` match. Without filters, matches every reply."""
    if not filters:
        return status_is(0, accesslog.ComparisonFilterOp.GE)
    if len(filters) == 1:
        return filters[0]
    return Filter(and_filter=accesslog.AndFilter(filters=filters))


def status_is(status: int, comparison: accesslog.ComparisonFilterOp = accesslog.ComparisonFilterOp.EQ) -> Filter:
    """Matches the status that Envoy chose."""
    value = core.RuntimeUInt32(default_value=status, runtime_key="megarouter.local_reply_status")
    return Filter(
        status_code_filter=accesslog.StatusCodeFilter(comparison=accesslog.ComparisonFilter(op=comparison, value=value))
    )


def _any_flag(flags: tuple[str, ...]) -> Filter:
    return Filter(response_flag_filter=accesslog.ResponseFlagFilter(flags=list(flags)))


def _path(regex: str) -> Filter:
    string_match = matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=regex))
    return Filter(
        header_filter=accesslog.HeaderFilter(header=route.HeaderMatcher(name=":path", string_match=string_match))
    )


def _metadata_text(namespace: str, key: str, text: str, *, if_absent: bool) -> Filter:
    value = matcher.ValueMatcher(string_match=matcher.StringMatcher(exact=text))
    return _metadata(namespace, key, value, if_absent=if_absent)


def _metadata_is_true(namespace: str, key: str) -> Filter:
    return _metadata(namespace, key, matcher.ValueMatcher(bool_match=True), if_absent=False)


def metadata_is(namespace: str, key: str, text: str) -> Filter:
    """Matches calls whose metadata has this text."""
    value = matcher.ValueMatcher(string_match=matcher.StringMatcher(exact=text))
    return _metadata(namespace, key, value, if_absent=False)


def _metadata(namespace: str, key: str, value: matcher.ValueMatcher, *, if_absent: bool) -> Filter:
    path = [matcher.MetadataMatcherPathSegment(key=key)]
    return Filter(
        metadata_filter=accesslog.MetadataFilter(
            matcher=matcher.MetadataMatcher(filter=namespace, path=path, value=value), match_if_key_not_found=if_absent
        )
    )
