"""A folder like the one that envoyproxy/ratelimit ships as its example, with the options that its tests use, on a real Redis."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from google.protobuf import json_format
from redis.asyncio import Redis

from deploy.local.programs.redis import RedisServer
from tests.contract.ratelimit_service.conftest import Ask, running_service
from tests.contract.ratelimit_service.test_rules import request

OK, OVER_LIMIT = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT

FILES = {
    "edge.yaml": """
domain: edge
descriptors:
  - key: from_cluster
    value: front
    descriptors:
      - key: to_cluster
        value: back
        rate_limit: {unit: minute, requests_per_unit: 1}
  - key: color
    rate_limit: {unit: minute, requests_per_unit: 2}
    descriptors:
      - {key: shape, rate_limit: {unit: minute, requests_per_unit: 3}}
      - {key: shape, value: forbidden, rate_limit: {unit: minute, requests_per_unit: 0}}
      - {key: size, rate_limit: {unlimited: true}}
      - {key: size, value: odd, rate_limit: {unit: minute, requests_per_unit: 1}, shadow_mode: true}
  - {key: free, rate_limit: {unlimited: true}}
""",
    "quotas.yaml": """
domain: quotas
descriptors:
  - key: backend
    value: first
    quota_mode: true
    rate_limit: {unit: minute, requests_per_unit: 1}
    metadata: {pools: {first: 1}}
  - key: backend
    value: second
    quota_mode: true
    rate_limit: {unit: minute, requests_per_unit: 2}
    metadata: {pools: {second: 2}}
  - {key: all, rate_limit: {unit: minute, requests_per_unit: 4}}
""",
    "wildcards.yaml": """
domain: wildcards
descriptors:
  - {key: path, value: /a/*, share_threshold: true, rate_limit: {unit: minute, requests_per_unit: 3}}
  - {key: path, value: /b*z, rate_limit: {unit: minute, requests_per_unit: 2}}
  - {key: route, value: s*e*r, share_threshold: true, rate_limit: {unit: minute, requests_per_unit: 2}}
""",
    "metadata.yaml": """
domain: metadata
descriptors:
  - {key: a, rate_limit: {unit: minute, requests_per_unit: 1}, metadata: {name: a, list: [1, true, null], nested: {x: 1}}}
  - {key: b, rate_limit: {unit: minute, requests_per_unit: 5}, metadata: {name: b, nested: {y: 2}}}
""",
}


@pytest.fixture
async def ask(redis_server: RedisServer, redis: Redis, tmp_path: Path) -> AsyncIterator[Ask]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    async with running_service(redis_server.url, rules_folder=tmp_path) as (_, asking):
        yield asking


async def codes(ask: Ask, domain: str, *calls: Sequence[Sequence[tuple[str, str]]]) -> list[int]:
    return [(await ask(request(domain, *descriptors))).overall_code for descriptors in calls]


@pytest.mark.parametrize(
    ("descriptor", "passes"),
    [
        ([("from_cluster", "front"), ("to_cluster", "back")], 1),
        ([("color", "red")], 2),
        ([("color", "red"), ("shape", "round")], 3),
        ([("color", "red"), ("shape", "forbidden")], 0),
        ([("color", "red"), ("size", "big")], 6),
        ([("color", "red"), ("size", "odd")], 6),
        ([("free", "")], 6),
    ],
)
async def test_the_edge_is_limited(ask: Ask, descriptor: list[tuple[str, str]], passes: int) -> None:
    found = await codes(ask, "edge", *[[descriptor]] * 6)
    assert found == [OK] * passes + [OVER_LIMIT] * (6 - passes)


async def test_values_of_a_wildcard_with_a_shared_threshold_are_counted_together(ask: Ask) -> None:
    """Seen to fail with separate counters: `/a/4` passed."""
    assert await codes(ask, "wildcards", *([[("path", f"/a/{name}")]] for name in "1234")) == [OK, OK, OK, OVER_LIMIT]
    assert await codes(ask, "wildcards", *([[("route", name)]] for name in ("ser", "s-e-r", "s/e/r"))) == [
        OK,
        OK,
        OVER_LIMIT,
    ]


async def test_values_of_another_wildcard_are_counted_separately(ask: Ask) -> None:
    paths = ["/b1z", "/b1z", "/b1z", "/b2z", "/b2"]
    assert await codes(ask, "wildcards", *([[("path", path)]] for path in paths)) == [OK, OK, OVER_LIMIT, OK, OK]


async def test_a_call_is_refused_only_if_all_its_quotas_are_used_up(ask: Ask) -> None:
    """Seen to fail with quotas as ordinary limits: the second call was refused."""
    both = [[("backend", "first")], [("backend", "second")]]
    answers = [await ask(request("quotas", *both)) for _ in range(3)]
    assert [answer.overall_code for answer in answers] == [OK, OK, OVER_LIMIT]
    assert [[status.code for status in answer.statuses] for answer in answers] == [
        [OK, OK],
        [OVER_LIMIT, OK],
        [OVER_LIMIT, OVER_LIMIT],
    ]
    assert [metadata(answer) for answer in answers] == [
        {"pools": {"first": 1, "second": 2}},
        {"pools": {"second": 2}},
        None,
    ]


async def test_a_quota_beside_a_limit_does_not_weaken_it(ask: Ask) -> None:
    call = [[("backend", "second")], [("all", "")]]
    assert await codes(ask, "quotas", *[call] * 3) == [OK, OK, OVER_LIMIT]
    assert await codes(ask, "quotas", *[[[("all", "")]]] * 3) == [OK, OK, OVER_LIMIT]


async def test_metadata_of_descriptors_that_pass_is_merged(ask: Ask) -> None:
    both = request("metadata", [("a", "1")], [("b", "1")])
    merged = {"name": "a", "list": [1, True, None], "nested": {"x": 1, "y": 2}}
    assert metadata(await ask(both)) == merged
    refused = await ask(both)
    assert (refused.overall_code, metadata(refused)) == (OVER_LIMIT, {"name": "b", "nested": {"y": 2}})


async def test_a_rule_without_metadata_adds_none(ask: Ask) -> None:
    answer = await ask(request("edge", [("color", "red")]))
    assert not answer.HasField("dynamic_metadata")


def metadata(answer: rls_pb2.RateLimitResponse) -> Any:
    return json_format.MessageToDict(answer.dynamic_metadata).get("metadata")
