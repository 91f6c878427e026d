"""A rate limit in shadow mode counts every call, refuses none, and reports which calls it would have refused."""

from envoy.service.ratelimit.v3 import rls_pb2

from tests.contract.ratelimit_service.conftest import Ask
from tests.unit.ratelimit_service.requests import headers_of, rate_limit_request

OK, OVER_LIMIT = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT


def reported(response: rls_pb2.RateLimitResponse) -> str:
    return str(dict(response.dynamic_metadata.items()).get("shadow_refused", ""))


def shadow_request(member_limit: int, *key_limit: int) -> rls_pb2.RateLimitRequest:
    """Returns a request with the member's limit in shadow mode and the key's limit enforced."""
    keys = [("api_key", "key-1", limit) for limit in key_limit]
    return rate_limit_request(("member", "mia", member_limit), *keys, shadow={"member"})


async def test_a_shadow_limit_refuses_nothing_and_reports_what_it_would_refuse(ask: Ask) -> None:
    answers = [await ask(shadow_request(2)) for _ in range(4)]
    assert {answer.overall_code for answer in answers} == {OK}
    assert [reported(answer) for answer in answers] == ["", "", "member:mia", "member:mia"]
    assert all(headers_of(answer) == {} for answer in answers)


async def test_a_shadow_limit_refuses_immediately_once_it_is_enforced(ask: Ask) -> None:
    for _ in range(5):
        await ask(shadow_request(2))
    assert (await ask(rate_limit_request(("member", "mia", 5)))).overall_code == OVER_LIMIT
    assert (await ask(rate_limit_request(("member", "mia", 6)))).overall_code == OK


async def test_a_shadow_limit_does_not_affect_an_enforced_limit(ask: Ask) -> None:
    answers = [await ask(shadow_request(0, 2)) for _ in range(4)]
    assert [answer.overall_code for answer in answers] == [OK, OK, OVER_LIMIT, OVER_LIMIT]
    assert [reported(answer) for answer in answers] == ["member:mia", "member:mia", "", ""]
    assert headers_of(answers[3])["x-ratelimit-limit-requests"] == "2"
    assert (await ask(rate_limit_request(("member", "mia", 3)))).overall_code == OK
