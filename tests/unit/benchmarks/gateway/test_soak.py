"""A long run detects growth, and makes exactly as many calls as it reports."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from benchmarks.gateway import upstream
from benchmarks.gateway.bench_stack import MEASURED
from benchmarks.gateway.load import exactly
from benchmarks.gateway.soak import Sample, growth

REQUEST = b'POST / HTTP/1.1\r\ncontent-length: 17\r\n\r\n{"stream": false}'


def samples(count: int = 10) -> list[Sample]:
    memory, descriptors = dict.fromkeys(MEASURED, 100.0), dict.fromkeys(MEASURED, 50.0)
    return [Sample(second, 1_000 * (second + 1), memory, descriptors, 100, 0.2, 1.0, 2.0) for second in range(count)]


def test_constant_figures_have_not_grown() -> None:
    assert growth(samples()) == []


def test_growth_during_warm_up_is_ignored() -> None:
    cold = {**samples()[0].memory_mb, "authz_service": 10.0}
    assert growth([replace(one, memory_mb=cold) if number < 2 else one for number, one in enumerate(samples())]) == []


@pytest.mark.parametrize("name", MEASURED)
def test_continued_growth_of_memory_and_descriptors_is_reported(name: str) -> None:
    growing = [
        replace(
            one,
            memory_mb={**one.memory_mb, name: 100.0 + 5 * number},
            descriptors={**one.descriptors, name: 50.0 + 3 * number},
        )
        for number, one in enumerate(samples())
    ]
    assert growth(growing) == [
        f"memory of {name} grew from 112 to 142 MB",
        f"descriptors of {name} grew from 58 to 76",
    ]


def test_growth_of_open_holds_and_lag_is_reported() -> None:
    late = [replace(one, open_holds=100 * number, lag_s=number / 5) for number, one in enumerate(samples())]
    assert growth(late) == ["open holds grew from 250 to 850", "settlement was 1.8 s behind"]


@pytest.fixture
async def provider() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(upstream._Provider, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.mark.parametrize("calls", [1, 7, 1_003])
async def test_exactly_the_requested_calls_are_made_and_each_is_timed(provider: int, calls: int) -> None:
    """Seen to fail when a connection checks for a next call only after its answer: one extra call per connection."""
    made = (REQUEST for _ in itertools.count())
    outcome = await exactly(provider, made, connections=8, calls=calls)
    assert outcome.statuses == {200: calls}
    assert len(outcome.latencies_s) == calls
