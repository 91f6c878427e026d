"""Examines Redis as a service sees it: reachability, version, eviction and clock."""

import time
from typing import Any, Final, cast

from redis.exceptions import RedisError

from admin_service.doctor.findings import Finding, Verdict
from admin_service.doctor.postgres import clock_finding
from gateway_core.stores.redis.connections import UNAVAILABLE, RedisClient, open_redis

OLDEST_VERSION: Final = (6, 2)
_NO_EVICTION: Final = "noeviction"


async def examine_redis(url: str) -> list[Finding]:
    """Returns what is found at a URL. It writes nothing."""
    try:
        async with open_redis(url, connections=1) as client:
            return await _examined(client)
    except (RedisError, *UNAVAILABLE, ValueError) as error:
        # Only the type of the error: its message may quote a URL with a password.
        return [Finding("redis", Verdict.FAULT, f"cannot be reached: {type(error).__name__}")]


async def _examined(client: RedisClient) -> list[Finding]:
    before_s = time.time()
    servers = _by_node(await cast("Any", client).info("server"))
    offset_s = _clock_s(servers) - (before_s + time.time()) / 2 if _clock_s(servers) else None
    memory = _by_node(await cast("Any", client).info("memory"))
    versions = {str(facts["redis_version"]) for facts in servers.values()}
    policies = {str(facts.get("maxmemory_policy", "unknown")) for facts in memory.values()}
    is_new = all(_version(version) >= OLDEST_VERSION for version in versions)
    keeps = policies == {_NO_EVICTION}
    findings = [
        Finding(
            "redis version",
            Verdict.OK if is_new else Verdict.FAULT,
            _with_advice(versions, None if is_new else "6.2 is needed"),
        ),
        Finding(
            "redis eviction",
            Verdict.OK if keeps else Verdict.FAULT,
            _with_advice(policies, None if keeps else f"set maxmemory-policy to {_NO_EVICTION}, or counters are lost"),
        ),
    ]
    return findings if offset_s is None else [*findings, clock_finding("redis", offset_s)]


def _by_node(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the answer of each node: a client of one server returns the facts themselves."""
    return answer if answer and all(isinstance(value, dict) for value in answer.values()) else {"": answer}


def _clock_s(servers: dict[str, dict[str, Any]]) -> float:
    """Returns the clock of a node in epoch seconds, or 0 if it does not say."""
    return float(next(iter(servers.values())).get("server_time_usec", 0)) / 1e6


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _with_advice(values: set[str], advice: str | None) -> str:
    text = ", ".join(sorted(values))
    return text if advice is None else f"{text}: {advice}"
