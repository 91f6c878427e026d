"""Envoy's own responses on the admin listener: `google.rpc.Status` as JSON, like those of admin_service."""

from dataclasses import dataclass

from envoy_data_plane.envoy.config.accesslog import v3 as accesslog
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.google.protobuf import Struct

from gateway_core.contract.doors import (
    ADMIN_BUSY,
    ADMIN_BUSY_REASON,
    ADMIN_TOO_MANY,
    ADMIN_TOO_MANY_OWN,
    ADMIN_TOO_MANY_OWN_REASON,
    ADMIN_TOO_MANY_REASON,
    ADMIN_UNAUTHENTICATED,
    ADMIN_UNAUTHENTICATED_REASON,
)
from gateway_core.contract.errors import ERROR_DOMAIN, ERROR_INFO_TYPE
from gateway_core.contract.headers import JSON
from gateway_core.contract.metadata import DECISION_NAMESPACE, REFUSED
from megarouter_envoy.replies.console import asset_pattern
from megarouter_envoy.replies.console_files import ASSET_TYPES
from megarouter_envoy.replies.invite_page import CONTENT_TYPE
from megarouter_envoy.replies.local_replies import Filter, metadata_is, status_is
from megarouter_envoy.replies.sign_in_page import SIGN_IN_PATH
from megarouter_envoy.typed_config import content_type_is_grpc

# Envoy's own message: which field is unknown, or where the JSON breaks off.
WHAT_ENVOY_SAYS = "The request cannot be used. %LOCAL_REPLY_BODY%"
(
    INVALID_ARGUMENT,
    DEADLINE_EXCEEDED,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    INTERNAL,
    UNAVAILABLE,
    UNAUTHENTICATED,
) = (
    3,
    4,
    5,
    8,
    12,
    13,
    14,
    16,
)


@dataclass(frozen=True, slots=True)
class AdminReply:
    """An error for one HTTP status that Envoy chose. None matches every other status."""

    status: int | None
    code: int
    reason: str
    """A value of `megarouter.type.v1.ErrorReason`."""
    message: str
    refused: str | None = None
    """Why the module refuses the call. None matches every other cause of the status."""


REPLIES = (
    AdminReply(400, INVALID_ARGUMENT, "REQUEST_MALFORMED", WHAT_ENVOY_SAYS),
    AdminReply(401, UNAUTHENTICATED, ADMIN_UNAUTHENTICATED_REASON, ADMIN_UNAUTHENTICATED),
    AdminReply(403, UNIMPLEMENTED, "METHOD_UNKNOWN", "The admin API accepts neither CONNECT nor protocol upgrades."),
    AdminReply(404, NOT_FOUND, "METHOD_UNKNOWN", "The admin API has no such path, or not with this HTTP method."),
    AdminReply(
        408,
        DEADLINE_EXCEEDED,
        "REQUEST_TIMEOUT",
        "The request did not arrive in time. Send it again over a faster connection.",
    ),
    AdminReply(413, INVALID_ARGUMENT, "REQUEST_TOO_LARGE", "The request is too large. Send less in one request."),
    AdminReply(
        431, INVALID_ARGUMENT, "REQUEST_TOO_LARGE", "The request headers are too large. Send fewer or shorter ones."
    ),
    # Envoy's answer to HTTP/1.0 and to versions that do not exist.
    AdminReply(426, INVALID_ARGUMENT, "REQUEST_MALFORMED", "The request is not valid HTTP. Check its version."),
    AdminReply(429, RESOURCE_EXHAUSTED, ADMIN_TOO_MANY_OWN_REASON, ADMIN_TOO_MANY_OWN, "too_many_own"),
    AdminReply(429, RESOURCE_EXHAUSTED, ADMIN_TOO_MANY_REASON, ADMIN_TOO_MANY),
    AdminReply(503, UNAVAILABLE, ADMIN_BUSY_REASON, ADMIN_BUSY, "busy"),
    AdminReply(503, UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", "The admin API cannot be reached now. Try again."),
    AdminReply(
        504,
        DEADLINE_EXCEEDED,
        "REQUEST_TIMEOUT",
        "The call did not end in time. Check whether it took effect before you retry.",
    ),
    AdminReply(None, INTERNAL, "INTERNAL_FAULT", "The gateway could not process this call."),
)


def admin_replies() -> hcm.LocalReplyConfig:
    """Returns JSON replies for callers that do not use gRPC. Envoy itself gives gRPC callers a gRPC status."""
    rest = _speaks_rest()
    return hcm.LocalReplyConfig(mappers=[*_pages(), *(_mapper(reply, rest) for reply in REPLIES)])


def _pages() -> list[hcm.ResponseMapper]:
    """Passes Envoy's own pages unchanged: the only such responses that are not errors."""
    sign_in = _page(matcher.StringMatcher(prefix=SIGN_IN_PATH))
    assets = {
        content_type: _page(matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=asset_pattern(suffix))))
        for suffix, content_type in ASSET_TYPES.items()
    }
    return [
        hcm.ResponseMapper(filter=sign_in, body_format_override=_unchanged(JSON)),
        *(
            hcm.ResponseMapper(filter=asset, body_format_override=_unchanged(content_type))
            for content_type, asset in assets.items()
        ),
        hcm.ResponseMapper(filter=status_is(200), body_format_override=_unchanged(CONTENT_TYPE)),
    ]


def _page(path: matcher.StringMatcher) -> Filter:
    """Matches the response to a path that is not an error."""
    header = accesslog.HeaderFilter(header=route.HeaderMatcher(name=":path", string_match=path))
    return Filter(and_filter=accesslog.AndFilter(filters=[status_is(200), Filter(header_filter=header)]))


def _unchanged(content_type: str) -> core.SubstitutionFormatString:
    return core.SubstitutionFormatString(
        text_format_source=core.DataSource(inline_string="%LOCAL_REPLY_BODY%"), content_type=content_type
    )


def _speaks_rest() -> Filter:
    """Matches callers that did not send gRPC, or whose REST call Envoy translated into gRPC."""
    not_grpc = content_type_is_grpc()
    not_grpc.invert_match = not_grpc.treat_missing_header_as_empty = True
    translated = route.HeaderMatcher(name="x-envoy-original-path", present_match=True)
    filters = [Filter(header_filter=accesslog.HeaderFilter(header=header)) for header in (not_grpc, translated)]
    return Filter(or_filter=accesslog.OrFilter(filters=filters))


def _mapper(reply: AdminReply, rest: Filter) -> hcm.ResponseMapper:
    matched = rest
    if reply.status is not None:
        why = [metadata_is(DECISION_NAMESPACE, REFUSED, reply.refused)] if reply.refused else []
        matched = Filter(and_filter=accesslog.AndFilter(filters=[rest, status_is(reply.status), *why]))
    return hcm.ResponseMapper(filter=matched, body_format_override=_json(reply))


def _json(reply: AdminReply) -> core.SubstitutionFormatString:
    """Returns the reply as structured JSON, so that text quoted from a request cannot break out of its string."""
    information = {"@type": ERROR_INFO_TYPE, "reason": reply.reason, "domain": ERROR_DOMAIN}
    status = {"code": reply.code, "message": reply.message, "details": [information]}
    return core.SubstitutionFormatString(json_format=Struct.from_dict(status), content_type=JSON)
