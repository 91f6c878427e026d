"""Conversion of Envoy's requests to demands, and of decisions to Envoy's responses."""

import json
from typing import Any

import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.contract.metadata import REFUSED, SHADOW_REFUSED, RefusedCall, decode_refusal
from gateway_core.model.endpoints import Dialect
from gateway_core.model.limits.rate_limits import CounterState, Demand, RateCounter, RateUnit
from gateway_core.model.organization.scopes import Scope, ScopeKind
from ratelimit_service.answers import UINT32_MAX, Answer, answer, response_to
from ratelimit_service.descriptors import DescribedCall, InvalidDescriptorsError, read_call
from tests.unit.ratelimit_service.requests import headers_of, rate_limit_request

MEMBER = RateCounter("acme", Scope(ScopeKind.MEMBER, "mia"), RateUnit.MINUTE)
KEY = RateCounter("acme", Scope(ScopeKind.API_KEY, "key-1"), RateUnit.MINUTE)
OK, OVER_LIMIT = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT


def read(answered: Answer) -> rls_pb2.RateLimitResponse:
    response = rls_pb2.RateLimitResponse.FromString(answered.content)
    assert (answered.code, answered.has_shadows) == (response.overall_code, SHADOW_REFUSED in response.dynamic_metadata)
    return response


@given(
    limits=st.tuples(*[st.integers(1, UINT32_MAX)] * 2),
    remaining=st.tuples(*[st.integers(0, UINT32_MAX)] * 2),
    resets=st.tuples(*[st.integers(0, 10**14)] * 2),
)
def test_a_hand_serialized_response_is_parsed_unchanged(
    limits: tuple[int, int], remaining: tuple[int, int], resets: tuple[int, int]
) -> None:
    demands = (Demand(MEMBER, limits[0], 1), Demand(KEY, limits[1], 1))
    states = [
        CounterState(demand, fits=True, remaining=left, wait_us=0, reset_us=reset)
        for demand, left, reset in zip(demands, remaining, resets, strict=True)
    ]
    call = DescribedCall((demands,), Dialect.OPENAI)
    assert read(answer(call, states)) == response_to(call, states)


def refused(dialect: Dialect, wait_us: int | None = 11_500_000) -> rls_pb2.RateLimitResponse:
    demands = (Demand(MEMBER, 60, 1), Demand(KEY, 10, 1))
    states = [
        CounterState(demands[0], fits=True, remaining=40, wait_us=0, reset_us=60_000_000),
        CounterState(demands[1], fits=False, remaining=0, wait_us=wait_us, reset_us=60_500_000),
    ]
    return read(answer(DescribedCall((demands,), dialect), states))


def test_a_descriptor_gives_demands_on_all_its_scopes() -> None:
    call = read_call(rate_limit_request(("member", "mia", 60), ("api_key", "key-1", 10), dialect="anthropic"))
    assert call == DescribedCall(((Demand(MEMBER, 60, 1), Demand(KEY, 10, 1)),), Dialect.ANTHROPIC)


def test_a_descriptor_without_a_limit_gives_no_demand() -> None:
    assert read_call(rate_limit_request()).descriptors == ((),)


@pytest.mark.parametrize("unit", RateUnit)
def test_every_window_can_be_requested(unit: RateUnit) -> None:
    ((demand,),) = read_call(rate_limit_request(("member", "mia", 5), unit=unit.name)).descriptors
    assert demand.counter.unit is unit


def test_hits_of_a_descriptor_override_those_of_the_request() -> None:
    request = rate_limit_request(("member", "mia", 60), hits=3)
    request.descriptors.extend(rate_limit_request(("api_key", "key-1", 10)).descriptors)
    request.descriptors[1].hits_addend.value = 0
    assert [[demand.hits for demand in demands] for demands in read_call(request).descriptors] == [[3], [0]]


def _without_limits() -> rls_pb2.RateLimitRequest:
    request = rate_limit_request(("member", "mia", 1))
    del request.descriptors[0].entries[1]
    return request


def _with_limits(text: str) -> rls_pb2.RateLimitRequest:
    request = rate_limit_request()
    request.descriptors[0].entries[1].value = text
    return request


def _with_two_organizations() -> rls_pb2.RateLimitRequest:
    request = rate_limit_request(("member", "mia", 1))
    request.descriptors[0].entries.add(key="organization", value="other")
    return request


def _with_foreign_entry() -> rls_pb2.RateLimitRequest:
    request = rate_limit_request(("member", "mia", 1))
    request.descriptors[0].entries.add(key="remote_address", value="192.0.2.1")
    return request


def _of_two_calls() -> rls_pb2.RateLimitRequest:
    request = rate_limit_request(("member", "mia", 1), call={"hold_id": "hold-1"})
    request.descriptors.extend(rate_limit_request(("member", "mia", 1), call={"hold_id": "hold-2"}).descriptors)
    return request


def _of_two_organizations() -> rls_pb2.RateLimitRequest:
    request = rate_limit_request(("member", "mia", 1))
    request.descriptors.extend(rate_limit_request(("member", "mia", 1), organization="other").descriptors)
    return request


@pytest.mark.parametrize(
    "request_",
    [
        rate_limit_request(("member", "mia", 1), domain="another"),
        rate_limit_request(("member", "mia", 1), domain=""),
        rls_pb2.RateLimitRequest(domain="megarouter"),
        rls_pb2.RateLimitRequest(domain="megarouter", descriptors=rate_limit_request().descriptors[:] * 33),
        rate_limit_request(*[("member", f"m{index}", 1) for index in range(129)]),
        rate_limit_request(("member", "mia", 2**32)),
        _with_limits("member:mia:MINUTE"),
        _with_limits("member:mia:MINUTE:-1"),
        _with_limits("member:mia:MINUTE:1_0"),
        _with_limits("member:mia:MINUTE:1 "),
        _with_limits("member:mia:MINUTE:"),
        _with_limits("x" * 40_000),
        rate_limit_request(("planet", "mia", 1)),
        rate_limit_request(("member", "", 1)),
        rate_limit_request(("member", "mia", 1), organization=""),
        rate_limit_request(("member", "x" * 257, 1)),
        rate_limit_request(("member", "mia", 1), unit="UNKNOWN"),
        _without_limits(),
        _with_two_organizations(),
        _with_foreign_entry(),
        _of_two_organizations(),
        _of_two_calls(),
        rate_limit_request(("member", "mia", 1), call={"hold_id": ""}),
        rate_limit_request(("member", "mia", 1), call={"call_id": "x" * 257}),
    ],
)
def test_a_malformed_request_is_an_error(request_: rls_pb2.RateLimitRequest) -> None:
    with pytest.raises(InvalidDescriptorsError):
        read_call(request_)


@pytest.mark.parametrize("call", [{"hold_id": "hold-1"}, {"call_id": "hold-1"}])
def test_a_descriptor_names_its_call(call: dict[str, str]) -> None:
    assert read_call(rate_limit_request(("member", "mia", 60), call=call)).call_id == "hold-1"


def test_an_unknown_dialect_is_answered_in_the_openai_format() -> None:
    assert read_call(rate_limit_request(("member", "mia", 1), dialect="klingon")).dialect is Dialect.OPENAI


def test_an_admitted_call_carries_the_headers_of_the_tightest_limit() -> None:
    demands = (Demand(MEMBER, 60, 1), Demand(KEY, 10, 1))
    states = [
        CounterState(demands[0], fits=True, remaining=40, wait_us=0, reset_us=60_000_000),
        CounterState(demands[1], fits=True, remaining=3, wait_us=0, reset_us=60_500_000),
    ]
    response = read(answer(DescribedCall((demands,), Dialect.OPENAI), states))
    assert response.overall_code == OK
    assert headers_of(response) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "1m0.5s",
    }


def test_a_refusal_says_when_the_call_would_pass() -> None:
    response = refused(Dialect.OPENAI)
    assert response.overall_code == OVER_LIMIT
    assert decode_refusal(response.dynamic_metadata[REFUSED]) == RefusedCall("rate_limited", KEY.scope)
    assert headers_of(response) == {
        "content-type": "application/json",
        "retry-after": "12",
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m0.5s",
    }


def test_a_call_that_can_never_pass_is_not_retryable() -> None:
    headers = headers_of(refused(Dialect.OPENAI, wait_us=None))
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers


MESSAGE = "The rate limit of API key 'key-1' is 10 requests per minute. Try again in 12 seconds."


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            Dialect.OPENAI,
            {"error": {"message": MESSAGE, "type": "rate_limit_error", "param": None, "code": "rate_limited"}},
        ),
        (
            Dialect.ANTHROPIC,
            {"type": "error", "error": {"type": "rate_limit_error", "message": MESSAGE, "code": "rate_limited"}},
        ),
        (
            Dialect.GEMINI,
            {
                "error": {
                    "code": 429,
                    "message": MESSAGE,
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [
                        {
                            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                            "reason": "RATE_LIMITED",
                            "domain": "megarouter",
                        }
                    ],
                }
            },
        ),
    ],
)
def test_a_refusal_is_in_the_dialect_of_the_call(dialect: Dialect, body: Any) -> None:
    assert json.loads(refused(dialect).raw_body) == body


def test_every_descriptor_gets_its_status_in_order() -> None:
    member, key = Demand(MEMBER, 60, 1), Demand(KEY, 10, 1)
    descriptors = ((), (member,), (key,), (member, key))
    states = [
        CounterState(Demand(MEMBER, 60, 1), fits=True, remaining=40, wait_us=0, reset_us=60_250_000),
        CounterState(Demand(KEY, 10, 1), fits=False, remaining=0, wait_us=1_000_000, reset_us=60_500_000),
    ]
    response = read(answer(DescribedCall(descriptors, Dialect.OPENAI), states))
    assert [status.code for status in response.statuses] == [OK, OK, OVER_LIMIT, OVER_LIMIT]
    assert not response.statuses[0].HasField("current_limit")
    assert response.statuses[1].current_limit.requests_per_unit == 60
    assert response.statuses[1].current_limit.unit == rls_pb2.RateLimitResponse.RateLimit.MINUTE
    assert response.statuses[1].limit_remaining == 40
    assert response.statuses[1].duration_until_reset.seconds == 60
    assert response.statuses[1].duration_until_reset.nanos == 250_000_000


def test_a_call_without_limits_passes_without_headers() -> None:
    response = read(answer(DescribedCall(((),), Dialect.OPENAI), []))
    assert response.overall_code == OK
    assert not response.response_headers_to_add
