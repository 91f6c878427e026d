"""Limits of tokens per minute and of concurrent calls: reserved with the hold, corrected and freed with it, exact over replicas."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.check import AuthzService
from gateway_core.model.calls.holds import Hold, verify_hold
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.redis.hold_counters import CounterEvent, HoldCounters
from gateway_core.stores.redis.keys import holds_key, pool_key, throttle_key
from tests.contract.authz_service.conftest import SIGNING_KEY, Answer, Ask, check_request, checked, guard, named, ready

SCOPES = [("member", "mia"), ("api_key", "key-1"), ("group", "g1"), ("organization", "acme")]
# 100 bytes count as 25 input tokens, plus max_tokens.
HUNDRED = {"model": "model-a", "max_tokens": 75}


def hold_of(answer: Answer) -> Hold:
    return verify_hold(answer.metadata["hold"], bytes.fromhex(SIGNING_KEY))


async def resolve(redis: Redis, answer: Answer, used_tokens: int) -> None:
    """Updates Redis about a settled call as usage_service does."""
    hold = hold_of(answer)
    sequence = int(str(await redis.hget(pool_key("acme"), "sequence")))
    throttles = tuple(throttle.encode() for throttle in hold.claims.throttles)
    names = tuple(counter.encode() for counter in hold.claims.counters)
    event = CounterEvent(sequence + 1, hold.hold_id, 0, 0, names, used_tokens, throttles)
    assert await HoldCounters(redis).apply("acme", sequence, [event]) == sequence + 1


def headers(answer: Answer) -> dict[str, str]:
    return {header.header.key: header.header.value for header in answer.response.denied_response.headers}


async def limit(owner: asyncpg.Connection, kind: str, scope_id: str, **columns: Any) -> None:
    await guard(owner, kind, scope_id, **columns)
    await asyncio.sleep(0.2)


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_call_beyond_the_token_limit_is_refused_with_retry_after(
    owner: asyncpg.Connection, ask: Ask, kind: str, scope_id: str
) -> None:
    await limit(owner, kind, scope_id, tokens_per_minute=250)
    assert (await ask(HUNDRED)).allowed
    assert (await ask(HUNDRED)).allowed
    refused = await ask(HUNDRED)
    assert (refused.status, refused.code) == (429, "tokens_rate_limited")
    assert named(kind, scope_id) in refused.body["error"]["message"]
    sent = headers(refused)
    assert (sent["x-ratelimit-limit-tokens"], sent["x-ratelimit-remaining-tokens"]) == ("250", "50")
    assert 55 <= int(sent["retry-after"]) <= 62
    # SDKs ignore a longer wait, and would try again at once.
    assert ("x-should-retry" in sent) == (int(sent["retry-after"]) > 60)
    assert (await ask({"model": "model-a", "max_tokens": 25})).allowed


async def test_a_call_larger_than_the_token_limit_gets_no_retry_after(owner: asyncpg.Connection, ask: Ask) -> None:
    await limit(owner, "member", "mia", tokens_per_minute=99)
    refused = await ask(HUNDRED)
    assert refused.code == "tokens_rate_limited"
    assert headers(refused)["x-should-retry"] == "false"
    assert "retry-after" not in headers(refused)


@pytest.mark.also_on_cluster
@pytest.mark.parametrize(("used", "left"), [(0, 100), (30, 70), (100, 0), (150, 0)])
async def test_settlement_replaces_reserved_tokens_by_used_tokens(
    owner: asyncpg.Connection, ask: Ask, redis: Redis, used: int, left: int
) -> None:
    await limit(owner, "member", "mia", tokens_per_minute=100)
    first = await ask(HUNDRED)
    await resolve(redis, first, used)
    if left:
        assert (await ask({"model": "model-a", "max_tokens": left - 25})).allowed
    assert (await ask({"model": "model-a", "max_tokens": 1})).code == "tokens_rate_limited"


@pytest.mark.also_on_cluster
async def test_a_repeated_settlement_corrects_once(owner: asyncpg.Connection, ask: Ask, redis: Redis) -> None:
    """Seen to fail when the correction does not require an open hold: the second correction took another call's tokens."""
    await limit(owner, "member", "mia", tokens_per_minute=1_000)
    first = await ask(HUNDRED)
    await ask(HUNDRED)
    await resolve(redis, first, 0)
    await resolve(redis, first, 0)
    assert await redis.hget(throttle_key("acme", "tokens:member:mia"), "total") == "100"


@pytest.mark.also_on_cluster
async def test_a_withdrawn_call_releases_its_tokens_and_its_place(
    owner: asyncpg.Connection, ask: Ask, redis: Redis
) -> None:
    await limit(owner, "member", "mia", tokens_per_minute=100, concurrency_limit=1)
    hold = hold_of(await ask(HUNDRED))
    assert (await ask(HUNDRED)).status == 429
    attempt = int(str(await redis.hget(holds_key("acme"), hold.hold_id)).rpartition(",")[2])
    await HoldCounters(redis).release(hold, attempt)
    await HoldCounters(redis).release(hold, attempt)
    assert (await ask(HUNDRED)).allowed


async def test_a_call_refused_by_another_limit_takes_no_tokens_and_no_place(
    owner: asyncpg.Connection, ask: Ask
) -> None:
    await guard(owner, "member", "mia", tokens_per_minute=100, concurrency_limit=1)
    await limit(owner, "group", "g1", budget_nano_credits=0)
    assert (await ask(HUNDRED)).code == "budget_exhausted"
    await limit(owner, "group", "g1", budget_nano_credits=None)
    assert (await ask(HUNDRED)).allowed


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_concurrency_limit_refuses_calls_until_an_open_call_ends(
    owner: asyncpg.Connection, ask: Ask, redis: Redis, kind: str, scope_id: str
) -> None:
    await limit(owner, kind, scope_id, concurrency_limit=2)
    first = await ask()
    assert (await ask()).allowed
    refused = await ask()
    assert (refused.status, refused.code) == (429, "too_many_concurrent_calls")
    assert headers(refused)["retry-after"] == "1"
    assert headers(refused)["x-ratelimit-limit-concurrent-requests"] == "2"
    assert named(kind, scope_id) in refused.body["error"]["message"]
    await resolve(redis, first, 0)
    assert (await ask()).allowed
    assert (await ask()).status == 429


@pytest.mark.also_on_cluster
async def test_a_thousand_concurrent_calls_on_three_replicas_use_a_limit_exactly(
    settings: AuthzSettings, service: AuthzService, owner: asyncpg.Connection
) -> None:
    await limit(owner, "member", "mia", tokens_per_minute=26 * 40, concurrency_limit=60)
    await limit(owner, "api_key", "key-1", concurrency_limit=50)
    async with ready(settings) as second, ready(settings) as third:
        replicas = (service, second, third)
        answers = await asyncio.gather(*(checked(replicas[index % 3], check_request()) for index in range(600)))
        assert sum(Answer(answer).allowed for answer in answers) == 40
        await limit(owner, "member", "mia", tokens_per_minute=None)
        answers = await asyncio.gather(*(checked(replicas[index % 3], check_request()) for index in range(600)))
        assert sum(Answer(answer).allowed for answer in answers) == 10


@pytest.mark.also_on_cluster
async def test_open_calls_are_restored_after_redis_was_emptied(
    owner: asyncpg.Connection, ask: Ask, redis: Redis
) -> None:
    """Seen to fail when the seed contains no open calls."""
    await limit(owner, "member", "mia", concurrency_limit=3)
    for _ in range(2):
        assert (await ask()).allowed
    await asyncio.sleep(0.2)
    await redis.flushall()
    assert (await ask()).allowed
    assert (await ask()).code == "too_many_concurrent_calls"


async def test_a_new_limit_counts_calls_that_are_already_open(owner: asyncpg.Connection, ask: Ask) -> None:
    for _ in range(2):
        assert (await ask()).allowed
    await limit(owner, "member", "mia", concurrency_limit=3)
    assert (await ask()).allowed
    assert (await ask()).status == 429


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_a_call_older_than_the_limit_frees_a_place_when_it_ends(
    owner: asyncpg.Connection, ask: Ask, redis: Redis, kind: str, scope_id: str
) -> None:
    """Seen to fail when a call frees only the limits that existed at its admission: its place stayed taken."""
    before = await ask()
    await limit(owner, kind, scope_id, concurrency_limit=2)
    assert (await ask()).allowed
    assert (await ask()).status == 429
    await resolve(redis, before, 0)
    assert (await ask()).allowed
    assert (await ask()).status == 429


async def test_a_place_ends_with_its_hold_even_if_it_is_never_freed(
    owner: asyncpg.Connection, settings: AuthzSettings, organization: str, redis: Redis
) -> None:
    """Seen to fail when expired places are not dropped: the member could not call again."""
    await limit(owner, "member", "mia", concurrency_limit=1)
    async with ready(settings.model_copy(update={"hold_life_ms": 1_500})) as service:
        assert Answer(await checked(service, check_request())).allowed
        assert not Answer(await checked(service, check_request())).allowed
        await asyncio.sleep(2.6)
        # The sweeper changes the holds table like this; this test does not update Redis.
        await owner.execute("UPDATE holds SET state = 'EXPIRED', resolve_time = now()")
        assert Answer(await checked(service, check_request())).allowed


async def test_throttles_in_shadow_mode_count_and_refuse_nothing(owner: asyncpg.Connection, ask: Ask) -> None:
    await guard(owner, "member", "mia", tokens_per_minute=150, mode="SHADOW")
    await limit(owner, "api_key", "key-1", concurrency_limit=2, mode="SHADOW")
    answers = [await ask(HUNDRED) for _ in range(3)]
    assert [hold_of(answer).shadow_refusals for answer in answers] == [(), (1,), (0, 1)]


@pytest.mark.also_on_cluster
async def test_a_repeated_placement_takes_nothing_twice(owner: asyncpg.Connection, ask: Ask, redis: Redis) -> None:
    await limit(owner, "member", "mia", tokens_per_minute=1_000, mode="SHADOW")
    await limit(owner, "api_key", "key-1", budget_nano_credits=0, mode="SHADOW")
    hold = hold_of(await ask(HUNDRED))
    shadows = frozenset(counter.scope for counter in hold.claims.counters[:2])
    again = await HoldCounters(redis).place(hold, [0, *[None] * 6], 0, [1_000], shadows)
    assert again.shadow_refusals == (0,)  # type: ignore[union-attr]
    assert await redis.hget(throttle_key("acme", "tokens:member:mia"), "total") == "100"


async def test_a_rule_counts_only_the_tokens_of_its_models(owner: asyncpg.Connection, ask: Ask) -> None:
    rules = [["model-a", "MINUTE", None, 150], ["model-a", "HOUR", 7, None]]
    await limit(owner, "group", "g1", rate_rules=json.dumps(rules))
    passed = await ask(HUNDRED)
    assert passed.metadata["rate_limits"] == "group:g1:HOUR:7:model-a"
    refused = await ask(HUNDRED)
    assert (refused.status, refused.code) == (429, "tokens_rate_limited")
    assert "for model-a" in refused.body["error"]["message"]
    assert [(await ask({**HUNDRED, "model": "model-b"})).allowed for _ in range(3)] == [True] * 3


async def test_an_admitted_call_gets_headers_of_the_tightest_token_limit(owner: asyncpg.Connection, ask: Ask) -> None:
    await limit(owner, "organization", "acme", tokens_per_minute=1_000)
    await limit(owner, "member", "mia", tokens_per_minute=450)
    await limit(owner, "api_key", "key-1", tokens_per_minute=1, mode="SHADOW")
    headers_of_calls = [added_headers(await ask(HUNDRED)) for _ in range(3)]
    assert [one["x-ratelimit-limit-tokens"] for one in headers_of_calls] == ["450"] * 3
    assert [one["x-ratelimit-remaining-tokens"] for one in headers_of_calls] == ["350", "250", "150"]
    assert all(one["x-ratelimit-reset-tokens"].startswith(("1m", "59", "60")) for one in headers_of_calls)


async def test_an_admitted_call_gets_no_token_headers_without_a_limit(ask: Ask) -> None:
    assert added_headers(await ask(HUNDRED)) == {}


def added_headers(answer: Answer) -> dict[str, str]:
    """Returns the headers added to the response of an admitted call."""
    headers = answer.response.ok_response.response_headers_to_add
    return {option.header.key: option.header.value or option.header.raw_value.decode() for option in headers}
