"""The examples of envoyproxy/ratelimit's documentation over gRPC on a real Redis, and changes of rules."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from pydantic import SecretStr
from redis.asyncio import Redis

from deploy.local.programs.redis import RedisServer
from gateway_core.runtime.settings import RateLimitSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from ratelimit_service.rule_files import RuleFiles
from ratelimit_service.rules import RulesError
from ratelimit_service.wiring import open_service
from tests.contract.ratelimit_service.conftest import Ask, running_service

Response = rls_pb2.RateLimitResponse
Entries = Sequence[tuple[str, str]]
UINT32_MAX = 2**32 - 1

EXAMPLES = {
    "1": """
domain: mongo_cps
descriptors:
  - key: database
    value: users
    rate_limit: {unit: minute, requests_per_unit: 5}
  - key: database
    value: default
    rate_limit: {unit: minute, requests_per_unit: 7}
""",
    "2": """
domain: messaging
descriptors:
  - key: message_type
    value: marketing
    descriptors:
      - key: to_number
        rate_limit: {unit: day, requests_per_unit: 5}
  - key: to_number
    rate_limit: {unit: day, requests_per_unit: 8}
""",
    "3": """
domain: edge_proxy_per_ip
descriptors:
  - key: remote_address
    rate_limit: {unit: minute, requests_per_unit: 10}
  - key: remote_address
    value: 50.0.0.5
    rate_limit: {unit: minute, requests_per_unit: 0}
""",
    "4": """
domain: example4
descriptors:
  - key: key
    value: value
    rate_limit: {requests_per_unit: 3, unit: minute}
  - key: nested
    value: value
    descriptors:
      - key: subkey
        rate_limit: {requests_per_unit: 3, unit: minute}
""",
    "5": """
domain: internal
descriptors:
  - key: ldap
    rate_limit: {unlimited: true}
  - key: azure
    rate_limit: {unit: minute, requests_per_unit: 4}
""",
    "6": """
domain: example6
descriptors:
  - key: service
    descriptors:
      - key: user
        value: user-a
        rate_limit: {requests_per_unit: 2, unit: minute}
        shadow_mode: true
      - key: user
        value: user-b
        rate_limit: {requests_per_unit: 3, unit: minute}
""",
    "7": """
domain: example7
descriptors:
  - key: key_1
    value: value_1
    descriptors:
      - key: user
        value: bkthomps
        rate_limit: {name: specific_limit, requests_per_unit: 2, unit: minute}
  - key: key_2
    value: value_2
    descriptors:
      - key: user
        value: bkthomps
        rate_limit:
          replaces: [{name: specific_limit}]
          requests_per_unit: 4
          unit: minute
""",
    "8": """
domain: example8
descriptors:
  - key: key1
    detailed_metric: true
    rate_limit: {unit: minute, requests_per_unit: 3}
  - key: key1
    value: value1
    rate_limit: {unit: minute, requests_per_unit: 5}
""",
    "9": """
domain: example9
descriptors:
  - key: key1
    value: value*
    rate_limit: {unit: minute, requests_per_unit: 3}
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in EXAMPLES.items():
        (tmp_path / f"example{name}.yaml").write_text(text)
    return tmp_path


@pytest.fixture
async def ruled(redis_server: RedisServer, redis: Redis, folder: Path) -> "RuledAsk":
    return RuledAsk(redis_server.url, folder)


class RuledAsk:
    """Calls a service that has loaded the examples."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    async def passed(self, domain: str, *descriptors: Entries, calls: int = 12) -> int:
        """Makes calls, and returns how many pass."""
        responses = await self.responses(domain, *descriptors, calls=calls)
        return sum(response.overall_code == Response.OK for response in responses)

    async def responses(self, domain: str, *descriptors: Entries, calls: int = 1) -> list[rls_pb2.RateLimitResponse]:
        async with running_service(self._url, rules_folder=self._folder) as (_, ask):
            return [await ask(request(domain, *descriptors)) for _ in range(calls)]


def request(domain: str, *descriptors: Entries) -> rls_pb2.RateLimitRequest:
    built = rls_pb2.RateLimitRequest(domain=domain)
    for entries in descriptors:
        descriptor = built.descriptors.add()
        for key, value in entries:
            descriptor.entries.add(key=key, value=value)
    return built


async def test_example_1_two_values_have_separate_limits(ruled: RuledAsk) -> None:
    assert await ruled.passed("mongo_cps", [("database", "users")]) == 5
    assert await ruled.passed("mongo_cps", [("database", "default")]) == 7
    assert await ruled.passed("mongo_cps", [("database", "other")]) == 12


async def test_example_2_all_matching_rules_limit_a_call_and_a_refused_one_consumes_nothing(ruled: RuledAsk) -> None:
    marketing = [("message_type", "marketing"), ("to_number", "2061111111")]
    assert await ruled.passed("messaging", marketing, [("to_number", "2061111111")]) == 5
    assert await ruled.passed("messaging", [("to_number", "2061111111")]) == 3
    assert await ruled.passed("messaging", [("message_type", "marketing"), ("to_number", "2062222222")]) == 5


async def test_example_3_a_specific_value_precedes_any_value(ruled: RuledAsk) -> None:
    assert await ruled.passed("edge_proxy_per_ip", [("remote_address", "50.0.0.1")]) == 10
    assert await ruled.passed("edge_proxy_per_ip", [("remote_address", "50.0.0.5")]) == 0


async def test_example_4_a_rule_matches_descriptors_of_its_own_depth(ruled: RuledAsk) -> None:
    assert await ruled.passed("example4", [("key", "value"), ("subkey", "subvalue")]) == 12
    assert await ruled.passed("example4", [("nested", "value"), ("subkey", "subvalue")]) == 3


async def test_example_5_an_unlimited_rule_is_reported_as_unlimited(ruled: RuledAsk) -> None:
    (response,) = await ruled.responses("internal", [("ldap", "x")])
    assert (response.overall_code, response.statuses[0].limit_remaining) == (Response.OK, UINT32_MAX)
    assert await ruled.passed("internal", [("ldap", "x")]) == 12
    assert await ruled.passed("internal", [("azure", "x")]) == 4


async def test_example_6_a_rule_in_shadow_mode_refuses_nothing(ruled: RuledAsk) -> None:
    assert await ruled.passed("example6", [("service", "auth"), ("user", "user-a")]) == 12
    assert await ruled.passed("example6", [("service", "auth"), ("user", "user-b")]) == 3


async def test_example_7_a_rule_that_replaces_another_does_not_count_for_it(ruled: RuledAsk) -> None:
    first = [("key_1", "value_1"), ("user", "bkthomps")]
    second = [("key_2", "value_2"), ("user", "bkthomps")]
    assert await ruled.passed("example7", first, second) == 4
    assert await ruled.passed("example7", first) == 2


async def test_example_8_every_value_is_counted_separately(ruled: RuledAsk) -> None:
    for value, limit in (("unspecified", 3), ("unspecified2", 3), ("value1", 5)):
        assert await ruled.passed("example8", [("key1", value)]) == limit


async def test_example_9_values_with_a_common_prefix_share_a_rule_but_not_a_count(ruled: RuledAsk) -> None:
    assert await ruled.passed("example9", [("key1", "value_1")]) == 3
    assert await ruled.passed("example9", [("key1", "value_2")]) == 3
    assert await ruled.passed("example9", [("key1", "other")]) == 12


async def test_the_response_reports_the_limit_and_the_remaining_calls(ruled: RuledAsk) -> None:
    first = [("key_1", "value_1"), ("user", "bkthomps")]
    (response,) = await ruled.responses("example7", first, [("unknown", "limits")])
    limited, unknown = response.statuses
    assert (limited.current_limit.requests_per_unit, limited.current_limit.name) == (2, "specific_limit")
    assert (limited.current_limit.unit, limited.limit_remaining) == (Response.RateLimit.MINUTE, 1)
    assert 59 <= limited.duration_until_reset.seconds <= 61
    assert (unknown.code, unknown.HasField("current_limit")) == (Response.OK, False)


@pytest.mark.also_on_cluster
async def test_a_limit_and_hits_in_a_descriptor_are_applied(
    redis_server: RedisServer, redis: Redis, folder: Path
) -> None:
    async with running_service(redis_server.url, rules_folder=folder) as (_, ask):
        codes = [(await ask(with_limit("internal"))).overall_code for _ in range(3)]
    assert codes == [Response.OK, Response.OK, Response.OVER_LIMIT]


async def test_a_limit_in_a_descriptor_of_a_domain_without_rules_limits_nothing(
    redis_server: RedisServer, redis: Redis, folder: Path
) -> None:
    """Seen to fail when the limit was applied in any domain."""
    async with running_service(redis_server.url, rules_folder=folder) as (_, ask):
        answers = [await ask(with_limit("anything")) for _ in range(4)]
    assert {answer.overall_code for answer in answers} == {Response.OK}
    assert not answers[0].statuses[0].HasField("current_limit")


def with_limit(domain: str) -> rls_pb2.RateLimitRequest:
    """Returns a request of 4 hits with a limit of 10 in an hour in its descriptor."""
    built = request(domain, [("a", "b")])
    built.descriptors[0].limit.requests_per_unit = 10
    built.descriptors[0].limit.unit = Response.RateLimit.HOUR
    built.descriptors[0].hits_addend.value = 4
    return built


@pytest.mark.parametrize(
    "built", [request("", [("a", "b")]), request("a"), request("a", []), request("a", [("", "b")])]
)
async def test_an_incomplete_request_is_refused(
    redis_server: RedisServer, redis: Redis, folder: Path, built: rls_pb2.RateLimitRequest
) -> None:
    async with running_service(redis_server.url, rules_folder=folder) as (_, ask):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(built)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_the_gateways_domain_exists_without_rules(ask: Ask) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ask(request("mongo_cps", [("database", "users")]))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_changed_rules_are_loaded_and_invalid_ones_are_ignored(folder: Path) -> None:
    files = RuleFiles(folder)

    def limit() -> int | None:
        assert files.rules is not None
        found = files.rules.find("internal", (("azure", "x"),))
        return found.rule.requests_per_unit if found else None

    async def after(text: str) -> int | None:
        (folder / "example5.yaml").write_text(text)
        await asyncio.to_thread(files.look)
        return limit()

    assert limit() == 4
    assert await after(EXAMPLES["5"].replace("requests_per_unit: 4", "requests_per_unit: 40")) == 40
    assert await after("domain: internal\ndescriptors: 7") == 40
    assert await after("domain: internal") is None


async def test_invalid_rules_at_startup_stop_the_service(redis_server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("domain: megarouter")
    settings = RateLimitSettings(
        listen="127.0.0.1:0", redis_url=SecretStr(redis_server.url), rate_limit_rules_folder=tmp_path
    )
    with pytest.raises(RulesError, match=r"bad\.yaml"):
        async with open_service(settings, Tracing("ratelimit_service", None)):
            pass
