"""Envoy's messages to and from the decision: `CheckRequest` in, `CheckResponse` out."""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import attribute_context_pb2, external_auth_pb2
from envoy.type.v3 import http_status_pb2
from google.protobuf import struct_pb2
from google.rpc import code_pb2, status_pb2

from authz_service.call import Call
from gateway_core.domain.decision import Admission
from gateway_core.domain.dialects import Dialect
from gateway_core.domain.error_bodies import error_body
from gateway_core.domain.placement_refusals import token_headers
from gateway_core.domain.refusals import Refusal

REQUEST_NAMESPACE: Final = "megarouter.request"
CLUSTER_HEADER: Final = "x-megarouter-cluster"
_OVERWRITE: Final = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_LENGTH_DIGITS: Final = 18
# The caller's credential never reaches a provider; Envoy adds the provider's own on the upstream side.
_REMOVED_HEADERS: Final = ("authorization", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization")

# What a decision reads; the others, which may be many, are left where they are.
_READ_HEADERS: Final = frozenset(
    {
        *("authorization", "x-api-key", "x-goog-api-key", "anthropic-version"),
        *("content-type", "content-encoding", "content-length"),
    }
)

Value = bool | float | str | dict[str, object] | None


def read_call(request: external_auth_pb2.CheckRequest) -> Call:
    """The call that Envoy asks about."""
    http = request.attributes.request.http
    headers = tuple(_headers(http))
    facts = request.attributes.metadata_context.filter_metadata.get(REQUEST_NAMESPACE)
    return Call(
        method=http.method,
        path=http.path,
        headers=headers,
        body_bytes=_body_bytes(headers),
        facts={} if facts is None else {name: _value(value) for name, value in facts.fields.items()},
        address=request.attributes.source.address.socket_address.address,
    )


def _headers(http: attribute_context_pb2.AttributeContext.HttpRequest) -> list[tuple[str, bytes]]:
    """Raw headers one by one (`encode_raw_headers`), or the joined map where a client of this service sends that."""
    if http.header_map.headers:
        return [
            (name, header.raw_value or header.value.encode())
            for header in http.header_map.headers
            if (name := header.key) in _READ_HEADERS
        ]
    return [(name, value.encode()) for name, value in http.headers.items() if name in _READ_HEADERS]


def _body_bytes(headers: tuple[tuple[str, bytes], ...]) -> int:
    """Envoy's buffer filter sets the length of every body, also of a chunked one."""
    length = b""
    for name, value in headers:
        if name == "content-length":
            length = value
            break
    return int(length) if length.isdigit() and len(length) <= _LENGTH_DIGITS else -1


def _value(value: struct_pb2.Value) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return value.number_value
    if kind == "bool_value":
        return value.bool_value
    return value.string_value if kind == "string_value" else None


def allow(admission: Admission, token: str, traceparent: str | None) -> external_auth_pb2.CheckResponse:
    """The call passes: where it goes, and the hold that travels with it."""
    response = external_auth_pb2.CheckResponse.FromString(admission.derived(_shared_answer))
    # Amounts travel as text: a number in metadata is a double.
    metadata = response.dynamic_metadata.fields
    metadata["hold"].string_value = token
    metadata["hold_id"].string_value = admission.hold.hold_id
    metadata["hold_amount_nano_credits"].string_value = str(admission.hold.amount_nano_credits)
    if traceparent:
        metadata["traceparent"].string_value = traceparent
    if admission.tokens_left:
        response.ok_response.response_headers_to_add.extend(
            _header(name, value) for name, value in token_headers(admission, admission.tokens_left)
        )
    return response


def _shared_answer(admission: Admission) -> bytes:
    """What the answers to all calls of the same terms have in common."""
    answer: bytes = external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=code_pb2.OK),
        ok_response=external_auth_pb2.OkHttpResponse(
            headers=[_header(CLUSTER_HEADER, admission.cluster)], headers_to_remove=_REMOVED_HEADERS
        ),
        dynamic_metadata=_shared_metadata(admission),
    ).SerializeToString()
    return answer


def deny(refusal: Refusal, dialect: Dialect) -> external_auth_pb2.CheckResponse:
    """The call does not pass; the body says why in the caller's dialect."""
    headers = []
    if not refusal.should_retry:
        headers.append(_header("x-should-retry", "false"))
    if refusal.retry_after_s is not None:
        headers.append(_header("retry-after", str(refusal.retry_after_s)))
    headers.extend(_header(name, value) for name, value in refusal.headers)
    return _answered(refusal.status, error_body(refusal, dialect), headers)


def answer(body: str) -> external_auth_pb2.CheckResponse:
    """A call that this service answers itself, with success: no provider is reached."""
    return _answered(200, body, [])


def _answered(status: int, body: str, headers: list[base_pb2.HeaderValueOption]) -> external_auth_pb2.CheckResponse:
    return external_auth_pb2.CheckResponse(
        # Any code but OK makes Envoy send this response instead of the call.
        status=status_pb2.Status(code=code_pb2.PERMISSION_DENIED),
        denied_response=external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=status),
            headers=[_header("content-type", "application/json"), *headers],
            body=body,
        ),
        dynamic_metadata=_struct({"answered": True}),
    )


def _header(name: str, value: str) -> base_pb2.HeaderValueOption:
    return base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name, value=value), append_action=_OVERWRITE)


def _shared_metadata(admission: Admission) -> struct_pb2.Struct:
    hold = admission.hold
    fields: dict[str, Any] = {
        "organization": hold.organization,
        "group_path": "/".join(hold.group_path),
        "member": hold.member,
        "api_key": hold.api_key,
        "dialect": str(hold.endpoint.dialect),
        "requested_model": hold.requested_model,
        "served_model": hold.served_model,
        "provider": hold.provider,
        "price_version": str(hold.price_version),
        "rewrite_model": admission.rewrite_model,
        "inject_include_usage": admission.inject_include_usage,
        "upstream_path": admission.upstream_path,
    }
    if admission.rate_limits:  # without the key Envoy does not ask ratelimit_service
        fields["rate_limits"] = admission.rate_limits
    return _struct(fields)


def _struct(fields: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(fields)
    return struct
