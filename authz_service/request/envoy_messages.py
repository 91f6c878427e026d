"""Envoy's messages to and from the decision: reads a `CheckRequest`, writes a `CheckResponse`."""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import attribute_context_pb2, external_auth_pb2
from envoy.type.v3 import http_status_pb2
from google.protobuf import struct_pb2
from google.rpc import code_pb2, status_pb2

from authz_service.request.betas import Betas
from authz_service.request.call import Call
from authz_service.request.readings import FactsMemory, read_conversation
from gateway_core.contract import headers
from gateway_core.contract.errors import error_body, error_of, retry_headers
from gateway_core.contract.headers import CONTENT_LENGTH
from gateway_core.contract.metadata import ANSWERED, REFUSED, DecisionKey, encode_refusal
from gateway_core.contract.quotes import encode_quote
from gateway_core.model.calls.decision import Admission, Terms
from gateway_core.model.calls.placement_refusals import token_quota
from gateway_core.model.calls.placements import Placed
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.endpoints import Dialect, Endpoint
from gateway_core.model.limits.throttles import ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.record_decorator import record
from gateway_core.runtime.protobuf_wire import bytes_field

_NO_METADATA: Final[Mapping[str, str]] = {}
_ONE_ATTEMPT: Final[Mapping[DecisionKey, str]] = {}
_OVERWRITE: Final = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_LENGTH_DIGITS: Final = 18
_DYNAMIC_METADATA: Final = external_auth_pb2.CheckResponse.DYNAMIC_METADATA_FIELD_NUMBER
# The caller's credential never reaches a provider. Envoy adds the provider's credential on the upstream side.
_REMOVED_HEADERS: Final = (headers.AUTHORIZATION, *headers.API_KEY_HEADERS, "cookie", "proxy-authorization")

# Only these headers are decoded; there may be many others.
_READ_HEADERS: Final = frozenset(headers.DECIDING)

_HOLD, _HOLD_ID, _TRACEPARENT, _OUTPUT_LIMIT, _REPORT_SOON, _ORGANIZATION = (
    key.encode()
    for key in (
        DecisionKey.HOLD,
        DecisionKey.HOLD_ID,
        DecisionKey.TRACEPARENT,
        DecisionKey.OUTPUT_LIMIT,
        DecisionKey.REPORT_SOON,
        DecisionKey.ORGANIZATION,
    )
)


def read_call(request: external_auth_pb2.CheckRequest, facts_memory: FactsMemory) -> Call:
    """Returns the call that Envoy asks about."""
    attributes = request.attributes
    http = attributes.request.http
    sent = _headers(http)
    encoded_facts, facts = facts_memory.read(attributes.metadata_context)
    return Call(
        http.method,
        http.path,
        sent,
        _body_bytes(sent),
        facts,
        attributes.source.address.socket_address.address,
        http.id,
        attributes.request.time.ToNanoseconds(),
        encoded_facts,
        read_conversation(attributes.metadata_context),
    )


def _headers(http: attribute_context_pb2.AttributeContext.HttpRequest) -> tuple[tuple[str, bytes], ...]:
    """Reads raw headers (`encode_raw_headers`), or the joined map if another client of this service sends that."""
    sent = http.header_map.headers
    if sent:
        return tuple(
            [(name, one.raw_value or one.value.encode()) for one in sent if (name := one.key) in _READ_HEADERS]
        )
    return tuple([(name, value.encode()) for name, value in http.headers.items() if name in _READ_HEADERS])


def _body_bytes(sent: tuple[tuple[str, bytes], ...]) -> int:
    """Returns the size of the body. Envoy's buffer filter sets the length of every body, even of a chunked one."""
    length = b""
    for name, value in sent:
        if name == CONTENT_LENGTH:
            length = value
            break
    return int(length) if length.isdigit() and len(length) <= _LENGTH_DIGITS else -1


def allow(
    admission: Admission,
    token: str,
    shared: bytes,
    traceparent: str | None,
    betas: Betas | None = None,
    *,
    is_awaited: bool = False,
    is_elsewhere: bool = False,
) -> bytes:
    """Returns the serialized `CheckResponse` that admits a call: its destination and its hold.

    Args:
        admission: the call.
        token: the signed token of its hold.
        shared: `shared_answer` of its terms. Protobuf merges the parts of a message, such as `dynamic_metadata`
            (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
        traceparent: the W3C trace context of the call; None if it is not traced.
        betas: the flags of features in test; None if the call has none.
        is_awaited: whether another call may wait for the end of this one.
        is_elsewhere: whether another deployment of the model is healthy.
    """
    own = _metadata_entry(_HOLD, token) + _metadata_entry(_HOLD_ID, admission.hold.hold_id)
    if traceparent:
        own += _metadata_entry(_TRACEPARENT, traceparent)
    placement = admission.placement
    if placement is not None and placement.cut:
        field = admission.terms.route.output_limit_field
        own += _metadata_entry(_OUTPUT_LIMIT, f"{field}={placement.cut.limit_tokens}")
    if is_awaited:
        own += _AWAITED
    if is_elsewhere:
        own += _ELSEWHERE
    response = shared + bytes_field(_DYNAMIC_METADATA, own)
    if betas:
        response += _beta_answer(betas)
    if placement is not None and (placement.tokens_left or placement.cut or placement.soft_reached):
        reported = _reported(admission, placement)
        more = external_auth_pb2.OkHttpResponse(response_headers_to_add=_headers_of(reported))
        response += external_auth_pb2.CheckResponse(ok_response=more).SerializeToString()
    return response


def _reported(admission: Admission, placement: Placed) -> dict[str, str]:
    """Returns the headers that tell the caller what the admission did or left."""
    reported: dict[str, str] = {}
    if placement.tokens_left:
        reported |= headers.quota_headers(token_quota(admission, placement.tokens_left))
    if placement.cut:
        reported[headers.OUTPUT_LIMIT] = str(placement.cut.limit_tokens)
    if placement.soft_reached:
        counters = admission.hold.claims.counters
        reported[headers.SOFT_BUDGET] = ", ".join(_short(counters[index].scope) for index in placement.soft_reached)
    return reported


def _short(scope: Scope) -> str:
    """Returns a scope as a header names it. The caller knows which key, member and organization it is."""
    return scope.encode() if scope.kind is ScopeKind.GROUP else scope.kind.value


def _beta_answer(betas: Betas) -> bytes:
    """Returns the part of a `CheckResponse` that replaces the flags of a call and reports those removed to the caller."""
    answered = external_auth_pb2.OkHttpResponse()
    if betas.kept:
        answered.headers.append(_header(betas.header, betas.kept))
    else:
        answered.headers_to_remove.append(betas.header)
    if betas.removed:
        answered.response_headers_to_add.append(_header(headers.REMOVED_BETAS, ",".join(betas.removed)))
    response: bytes = external_auth_pb2.CheckResponse(ok_response=answered).SerializeToString()
    return response


def _metadata_entry(key: bytes, text: str) -> bytes:
    """Returns a field of `dynamic_metadata`: an entry of `Struct.fields`."""
    value = bytes_field(struct_pb2.Value.STRING_VALUE_FIELD_NUMBER, text.encode())
    return bytes_field(1, bytes_field(1, key) + bytes_field(2, value))


_YES: Final = "true"
_AWAITED: Final = _metadata_entry(_REPORT_SOON, _YES)
_ELSEWHERE: Final = _metadata_entry(DecisionKey.ELSEWHERE.encode(), _YES)


def shared_answer(terms: Terms, attempts: Mapping[DecisionKey, str] = _ONE_ATTEMPT) -> bytes:
    """Returns the part of a serialized `CheckResponse` that all calls with the same terms share.

    Args:
        terms: those of the first attempt.
        attempts: what the module must know of several attempts.
    """
    metadata = _shared_metadata(terms)
    if attempts:
        if DecisionKey.LADDER in attempts and terms.claims.endpoint.dialect is not Dialect.GEMINI:
            metadata[DecisionKey.SERVED_MODEL] = terms.claims.served_model
        metadata.update(attempts)
    passed = _pass(terms.route.cluster, metadata)
    routed = terms.claims.routed
    if routed is None:
        return passed
    said = {
        headers.ROUTED_MODEL: terms.model.name,
        headers.ROUTE_TAKEN: f"{routed.arm.value.lower()}; reason={routed.reason.value}",
    }
    more = external_auth_pb2.OkHttpResponse(response_headers_to_add=_headers_of(said))
    header: bytes = external_auth_pb2.CheckResponse(ok_response=more).SerializeToString()
    return passed + header


def _pass(cluster: str, metadata: struct_pb2.Struct) -> bytes:
    passed: bytes = external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=code_pb2.OK),
        ok_response=external_auth_pb2.OkHttpResponse(
            headers=[_header(headers.CLUSTER, cluster)], headers_to_remove=_REMOVED_HEADERS
        ),
        dynamic_metadata=metadata,
    ).SerializeToString()
    return passed


@record(frozen=True, slots=True)
class Forwarded:
    """A call that passes without a hold, because it costs nothing."""

    organization: str
    dialect: Dialect
    cluster: str
    upstream_path: str
    requests: str
    """The request limits, as `request_limits.encode_limits` writes them; empty without any."""
    answers_with_file: bool = False
    """Whether the answer is the content of a file, which nothing reads."""
    betas: Betas | None = None
    """The flags of features in test; None if the call has none."""
    call_id: str = ""
    """Names a call with request limits, the same in every replica."""
    own_key: str = ""
    """The id of the organization's own key at the provider; empty if the call carries the gateway's."""


def forward(forwarded: Forwarded) -> bytes:
    """Returns the serialized `CheckResponse` that admits a call without a hold."""
    fields = _routing_fields(forwarded.organization, forwarded.dialect, forwarded.upstream_path, forwarded.requests)
    if forwarded.call_id:
        fields[DecisionKey.CALL_ID] = forwarded.call_id
    if forwarded.own_key:
        fields[DecisionKey.OWN_KEYS] = forwarded.own_key
    if forwarded.answers_with_file:
        fields[DecisionKey.FILE_ANSWER] = True
    passed = _pass(forwarded.cluster, _struct(fields))
    return passed + _beta_answer(forwarded.betas) if forwarded.betas else passed


_KEY_IS_KNOWN: Final[bytes] = external_auth_pb2.CheckResponse(
    status=status_pb2.Status(code=code_pb2.OK), ok_response=external_auth_pb2.OkHttpResponse()
).SerializeToString()


def key_is_known(organization: str) -> bytes:
    """Returns the serialized `CheckResponse` that says that a key is valid, and whose it is."""
    return _KEY_IS_KNOWN + bytes_field(_DYNAMIC_METADATA, _metadata_entry(_ORGANIZATION, organization))


def deny(refusal: Refusal, dialect: Dialect, principal: Principal | None = None) -> bytes:
    """Returns the serialized `CheckResponse` that refuses a call. Its body gives the reason in the caller's dialect."""
    quota = headers.quota_headers(refusal.quota) if refusal.quota else {}
    refused = (
        encode_refusal(refusal, principal.organization, principal.member, principal.api_key, principal.group_path)
        if principal
        else encode_refusal(refusal)
    )
    return _answered(
        refusal.status, error_body(error_of(refusal), dialect), retry_headers(refusal) | quota, {REFUSED: refused}
    )


def answer(body: str) -> bytes:
    """Returns the serialized `CheckResponse` with a successful response of authz_service itself. No provider is reached."""
    return _answered(200, body, {})


def _answered(
    status: int, body: str, more_headers: Mapping[str, str], metadata: Mapping[str, str] = _NO_METADATA
) -> bytes:
    answered: bytes = external_auth_pb2.CheckResponse(
        # Any code but OK makes Envoy return this response instead of forwarding the call.
        status=status_pb2.Status(code=code_pb2.PERMISSION_DENIED),
        denied_response=external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=status),
            headers=_headers_of({headers.CONTENT_TYPE: headers.JSON, **more_headers}),
            body=body,
        ),
        dynamic_metadata=_struct({ANSWERED: True, **metadata}),
    ).SerializeToString()
    return answered


def _headers_of(values: Mapping[str, str]) -> list[base_pb2.HeaderValueOption]:
    return [_header(name, value) for name, value in values.items()]


def _header(name: str, value: str) -> base_pb2.HeaderValueOption:
    return base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name, value=value), append_action=_OVERWRITE)


def _shared_metadata(terms: Terms) -> struct_pb2.Struct:
    """Returns what Envoy's filters and logs read. The token holds whose call it is and what it may cost."""
    claims, route = terms.claims, terms.route
    fields = _routing_fields(claims.organization, claims.endpoint.dialect, route.upstream_path, terms.limits.requests)
    if route.rewrite_model:
        fields[DecisionKey.SERVED_MODEL] = claims.served_model
    if terms.own_key:
        fields[DecisionKey.OWN_KEYS] = terms.own_key
    if route.inject_include_usage:
        fields[DecisionKey.INJECT_INCLUDE_USAGE] = True
    if any(throttle.kind is ThrottleKind.CALLS for throttle in claims.throttles):
        fields[DecisionKey.REPORT_SOON] = _YES
    if claims.routed is not None:
        fields[DecisionKey.ROUTED] = _YES
    if not claims.rungs and (quote := quote_of(terms)):
        fields[DecisionKey.QUOTE] = quote
    if claims.endpoint is Endpoint.SPEECH:
        fields[DecisionKey.AUDIO_ANSWER] = True
    return _struct(fields)


_QUOTED: Final = frozenset(
    {
        Endpoint.CHAT_COMPLETIONS,
        Endpoint.COMPLETIONS,
        Endpoint.RESPONSES,
        Endpoint.EMBEDDINGS,
        Endpoint.MESSAGES,
        Endpoint.GENERATE_CONTENT,
        Endpoint.EMBED_CONTENT,
        Endpoint.BATCH_EMBED_CONTENTS,
    }
)
"""The operations whose answers count tokens of text."""


def quote_of(terms: Terms) -> str | None:
    """Returns the prices of calls that answer with one document; None for all others."""
    endpoint = terms.claims.endpoint
    if terms.claims.streams or endpoint not in _QUOTED:
        return None
    return encode_quote(endpoint.dialect, terms.schedule, terms.validity.prices.answered.meaning(terms.model))


def _routing_fields(organization: str, dialect: Dialect, upstream_path: str, requests: str) -> dict[str, Any]:
    """Returns the metadata of every call that passes, with or without a hold."""
    fields: dict[str, Any] = {
        DecisionKey.ORGANIZATION: organization,
        DecisionKey.DIALECT: str(dialect),
        DecisionKey.UPSTREAM_PATH: upstream_path,
    }
    if requests:  # without this key, Envoy does not ask ratelimit_service
        fields[DecisionKey.RATE_LIMITS] = requests
    return fields


def _struct(fields: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(fields)
    return struct
