"""The loads: what is called, on how many connections, and which answers are allowed."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.bench_stack import MODEL, BenchError, BenchStack
from benchmarks.gateway.load import Outcome

PACED_CALLS_PER_S: Final = 200
"""The rate at which latency is measured."""


@dataclass(frozen=True)
class Scenario:
    """One load."""

    name: str
    body_bytes: int = 1_000
    keys: int = 100
    streams: bool = False
    half_refused: bool = False
    connections: int = 64


SCENARIOS: Final = (
    Scenario("JSON"),
    Scenario("SSE", streams=True),
    Scenario("JSON, 1 key", keys=1),
    Scenario("JSON, 9,900 keys", keys=9_900),
    Scenario("JSON, half refused", half_refused=True),
    Scenario("JSON, 100 KB", body_bytes=100_000, connections=32),
    Scenario("JSON, 4 MB", body_bytes=4_000_000, connections=4),
)


def requests(scenario: Scenario, stack: BenchStack) -> Iterator[bytes]:
    """Yields the calls of a scenario without end, using one key after the other."""
    keys = stack.keys[: scenario.keys]
    body = body_of(scenario)
    made = [_request(key, body) for key in keys]
    if not scenario.half_refused:
        return itertools.cycle(made)
    refused = [_request(key, body) for key in stack.refused_keys]
    return itertools.cycle([one for pair in zip(made, refused, strict=True) for one in pair])


def body_of(scenario: Scenario) -> bytes:
    """Returns the body of its calls, of about `body_bytes` bytes."""
    text = "x" * max(scenario.body_bytes - 120, 10)
    content = {"model": MODEL, "max_tokens": 16, "stream": scenario.streams}
    if scenario.streams:
        content["stream_options"] = {"include_usage": True}
    return json.dumps({**content, "messages": [{"role": "user", "content": text}]}).encode()


def _request(key: str, body: bytes) -> bytes:
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check(scenario: Scenario, outcome: Outcome) -> int:
    """Returns the number of calls that were served.

    Raises:
        BenchError: a call got an unexpected answer.
    """
    allowed = {200, 403} if scenario.half_refused else {200}
    if set(outcome.statuses) - allowed:
        raise BenchError(f"{scenario.name}: unexpected answers {dict(outcome.statuses)}")
    return outcome.statuses[200]
