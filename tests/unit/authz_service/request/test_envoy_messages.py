"""Conversion of Envoy's request to a call and of a decision to Envoy's response, with real serialized messages."""

import json
from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from authz_service.request.envoy_messages import allow, answer, deny, read_call, shared_answer
from authz_service.request.readings import FactsMemory
from gateway_core.contract.errors import error_body, error_of
from gateway_core.contract.metadata import RefusedCall, decode_refusal
from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect, Endpoint
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.support.data.examples import SCOPES, admitted, parameters, principal

FACTS = {"model": "plain", "max_tokens": 7.0, "stream": True, "text": "", "nothing": None}


def check_request(
    headers: list[tuple[str, bytes]], facts: dict[str, Any] | None = None
) -> external_auth_pb2.CheckRequest:
    request = external_auth_pb2.CheckRequest()
    http = request.attributes.request.http
    http.method, http.path = "POST", "/v1/messages?beta=true"
    http.header_map.headers.extend(base_pb2.HeaderValue(key=name, raw_value=value) for name, value in headers)
    if facts is not None:
        request.attributes.metadata_context.filter_metadata["megarouter.request"].update(facts)
    return external_auth_pb2.CheckRequest.FromString(request.SerializeToString())


def read(response: bytes) -> external_auth_pb2.CheckResponse:
    return external_auth_pb2.CheckResponse.FromString(response)


def fields_of(response: bytes) -> dict[str, Any]:
    return dict(json_format.MessageToDict(read(response).dynamic_metadata))


def headers_of(options: Any) -> dict[str, str]:
    assert all(option.append_action == base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD for option in options)
    return {option.header.key: option.header.value for option in options}


def test_a_call_is_read_as_envoy_sent_it() -> None:
    headers = [("content-length", b"12"), ("x-api-key", b"caf\xc3\xa9"), ("x-api-key", b"\xff")]
    call = read_call(check_request(headers, FACTS), FactsMemory())
    assert (call.method, call.path) == ("POST", "/v1/messages?beta=true")
    assert call.headers == tuple(headers)
    assert call.body_bytes == 12
    assert call.facts == FACTS
    assert call.encoded_facts
    assert call.address == ""
    assert type(call.facts["stream"]) is bool


def test_facts_of_other_filters_are_not_read() -> None:
    request = check_request([])
    request.attributes.metadata_context.filter_metadata["envoy.filters.http.other"].update({"model": "plain"})
    assert read_call(request, FactsMemory()).facts == {}


def test_headers_are_also_read_from_the_joined_map() -> None:
    request = external_auth_pb2.CheckRequest()
    request.attributes.request.http.headers["content-length"] = "5"
    call = read_call(request, FactsMemory())
    assert call.headers == (("content-length", b"5"),)
    assert call.body_bytes == 5


@pytest.mark.parametrize("length", [None, b"", b"-1", b"+1", b"1.5", b"0x10", b" 1", b"\xc2\xb2", b"9" * 5_000])
def test_an_invalid_length_is_unknown(length: bytes | None) -> None:
    headers = [] if length is None else [("content-length", length)]
    assert read_call(check_request(headers), FactsMemory()).body_bytes == -1


def allowed(admission: Admission, token: str, traceparent: str | None) -> bytes:
    return allow(admission, token, shared_answer(admission.terms), traceparent)


def test_an_admitted_call_carries_its_hold_in_metadata() -> None:
    admission = admitted(what=parameters("renamed", streams=True, output_limit=7))
    response = read(allowed(admission, "the-token", None))
    assert response.status.code == 0
    assert fields_of(response.SerializeToString()) == {
        "hold": "the-token",
        "hold_id": "hold-1",
        "organization": "acme",
        "dialect": "openai",
        "served_model": "acme/renamed-2",
        "inject_include_usage": True,
        "upstream_path": "/openai/v1/chat/completions",
    }


def test_an_admitted_call_goes_to_its_cluster_without_the_callers_credentials() -> None:
    ok = read(allowed(admitted(), "the-token", None)).ok_response
    assert headers_of(ok.headers) == {"x-megarouter-cluster": "provider-acme"}
    assert set(ok.headers_to_remove) >= {"authorization", "x-api-key", "x-goog-api-key", "cookie"}


def test_metadata_has_rate_limits_and_the_trace_only_if_they_exist() -> None:
    rails = {scope: Guardrail(scope, requests_per_minute=30 + index) for index, scope in enumerate(SCOPES[:2])}
    fields = fields_of(allowed(admitted(principal(rails)), "the-token", "00-trace-span-01"))
    assert fields["rate_limits"] == "api_key:key-1:MINUTE:30 member:mia:MINUTE:31"
    assert fields["traceparent"] == "00-trace-span-01"
    plain = fields_of(allowed(admitted(), "the-token", None))
    assert not {"rate_limits", "traceparent"} & plain.keys()


def test_a_call_with_one_document_as_its_answer_carries_its_prices() -> None:
    fields = fields_of(allowed(admitted(what=parameters("renamed")), "the-token", None))
    assert fields["quote"] == f"openai;{','.join(['1000000000'] * 4)},2000000000,2000000000;;renamed,renamed-2;"


@pytest.mark.parametrize(
    ("endpoint", "streams"),
    [(Endpoint.CHAT_COMPLETIONS, True), (Endpoint.IMAGES, False), (Endpoint.MODERATIONS, False)],
)
def test_other_calls_carry_no_prices(endpoint: Endpoint, *, streams: bool) -> None:
    admission = admitted(endpoint=endpoint, what=parameters("plain", streams=streams))
    assert "quote" not in fields_of(allowed(admission, "the-token", None))


def test_the_end_of_a_call_is_reported_soon_only_if_another_call_may_wait_for_it() -> None:
    one_at_a_time = {SCOPES[0]: Guardrail(SCOPES[0], concurrency_limit=1)}
    assert fields_of(allowed(admitted(principal(one_at_a_time)), "the-token", None))["report_soon"] == "true"
    admission = admitted()
    shared = shared_answer(admission.terms)
    assert fields_of(allow(admission, "the-token", shared, None, is_awaited=True))["report_soon"] == "true"
    assert "report_soon" not in fields_of(allow(admission, "the-token", shared, None))


def test_metadata_names_only_necessary_changes() -> None:
    fields = fields_of(allowed(admitted(what=parameters("plain")), "the-token", None))
    assert not {"served_model", "inject_include_usage"} & fields.keys()


@given(token=st.text(max_size=40_000), traceparent=st.none() | st.text(min_size=1, max_size=60))
def test_a_hand_serialized_answer_is_parsed_unchanged(token: str, traceparent: str | None) -> None:
    fields = fields_of(allowed(admitted(), token, traceparent))
    assert (fields["hold"], fields.get("traceparent")) == (token, traceparent)
    assert fields["upstream_path"] == "/openai/v1/chat/completions"


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("reason", RefusalReason)
def test_a_denial_has_its_status_and_a_body_in_the_callers_dialect(reason: RefusalReason, dialect: Dialect) -> None:
    refusal = Refusal(reason, "Why.")
    response = read(deny(refusal, dialect))
    assert response.status.code != 0
    denied = response.denied_response
    assert denied.status.code == refusal.status
    assert denied.body == error_body(error_of(refusal), dialect)
    assert headers_of(denied.headers)["content-type"] == "application/json"
    assert fields_of(response.SerializeToString()) == {"answered": True, "refused": f"{reason} -"}


def test_a_denial_names_the_caller_whose_key_is_known() -> None:
    refusal = Refusal(RefusalReason.BUDGET_EXHAUSTED, "Why.", scope=Scope(ScopeKind.GROUP, "g2"))
    caller = principal(organization="acme", group_path=("g1", "g2"), member="mia", api_key="key-1")
    fields = fields_of(deny(refusal, Dialect.OPENAI, caller))
    assert decode_refusal(fields["refused"]) == RefusedCall(
        "budget_exhausted", refusal.scope, "acme", "mia", "key-1", ("g1", "g2")
    )


def test_a_denial_says_whether_to_retry() -> None:
    final = headers_of(read(deny(Refusal(RefusalReason.KEY_EXPIRED, "Why."), Dialect.OPENAI)).denied_response.headers)
    assert (final["x-should-retry"], "retry-after" in final) == ("false", False)
    later = Refusal(RefusalReason.DEPENDENCY_UNAVAILABLE, "Why.", retry_after_s=3)
    passing = headers_of(read(deny(later, Dialect.OPENAI)).denied_response.headers)
    assert (passing["retry-after"], "x-should-retry" in passing) == ("3", False)


def test_a_local_answer_is_a_success_that_reaches_no_provider() -> None:
    response = read(answer(json.dumps({"data": []})))
    assert response.WhichOneof("http_response") == "denied_response"
    assert response.status.code != 0
    assert response.denied_response.status.code == 200
    assert json.loads(response.denied_response.body) == {"data": []}
    assert fields_of(response.SerializeToString()) == {"answered": True}
