"""Soak tests: half of saturation for a long time, or many calls at saturation. Nothing may grow."""

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from benchmarks.gateway.bench_stack import MEASURED, BenchStack
from benchmarks.gateway.load import Outcome, exactly, pace
from benchmarks.gateway.machine import memory_mb, together

SAMPLE_S: Final = 10.0
_TENTHS: Final = 10
_WARM_UP_SHARE: Final = 0.2
"""The share of samples at the beginning that are ignored, while caches fill and pools open."""
_MEMORY_SLACK_MB: Final = 8.0
_MEMORY_SLACK_SHARE: Final = 0.08
_DESCRIPTOR_SLACK: Final = 8
_MAX_LAG_S: Final = 1.0


@dataclass(frozen=True)
class Sample:
    """The state at one moment under load."""

    second: float
    calls: int
    """Calls answered so far."""
    memory_mb: Mapping[str, float]
    descriptors: Mapping[str, float]
    open_holds: int
    lag_s: float
    """Seconds until all calls answered so far were in the ledger."""
    p50_ms: float
    p99_ms: float


async def soak(
    stack: BenchStack, requests: Iterator[bytes], *, per_second: float, seconds: float
) -> tuple[list[Sample], Outcome]:
    """Makes calls at a fixed rate, with a sample every ten seconds."""
    samples: list[Sample] = []
    total = Outcome()
    before = await stack.settled()
    while len(samples) * SAMPLE_S < seconds:
        outcome = await pace(
            stack.model_port, requests, connections=64, calls=int(per_second * SAMPLE_S), per_second=per_second
        )
        total.statuses.update(outcome.statuses)
        samples.append(await _sample(stack, before, total, outcome, (len(samples) + 1) * SAMPLE_S))
        await asyncio.sleep(0)
    return samples, total


async def many_calls(
    stack: BenchStack, requests: Iterator[bytes], *, calls: int, tell: Callable[[Sample], None]
) -> tuple[list[Sample], Outcome]:
    """Makes exactly this many calls at saturation, with a sample at each tenth. `tell` gets each sample immediately."""
    samples: list[Sample] = []
    total = Outcome()
    before = await stack.settled()
    begun_s = time.perf_counter()
    for tenth in range(_TENTHS):
        share = calls * (tenth + 1) // _TENTHS - calls * tenth // _TENTHS
        outcome = await exactly(stack.model_port, requests, connections=64, calls=share)
        total.statuses.update(outcome.statuses)
        samples.append(await _sample(stack, before, total, outcome, time.perf_counter() - begun_s))
        tell(samples[-1])
    return samples, total


async def _sample(stack: BenchStack, before: int, total: Outcome, latest: Outcome, second: float) -> Sample:
    open_holds = await stack.open_holds()
    lag_s = await stack.until_settled(before + total.statuses[200])
    processes = stack.processes
    return Sample(
        second,
        total.calls,
        together({name: memory_mb(process_id) for name, process_id in processes.items()}),
        together({name: _descriptors(process_id) for name, process_id in processes.items()}),
        open_holds,
        lag_s,
        latest.latency_ms(50),
        latest.latency_ms(99),
    )


def growth(samples: Sequence[Sample]) -> list[str]:
    """Returns what grew from the beginning, after the warm-up, to the end, and whether settlement lagged. Empty if neither."""
    warm = samples[int(len(samples) * _WARM_UP_SHARE) :]
    quarter = max(len(warm) // 4, 1)
    first, last = warm[:quarter], warm[-quarter:]
    problems = []
    for name in MEASURED:
        before, after = (statistics.median(one.memory_mb[name] for one in part) for part in (first, last))
        if after > before * (1 + _MEMORY_SLACK_SHARE) + _MEMORY_SLACK_MB:
            problems.append(f"memory of {name} grew from {before:.0f} to {after:.0f} MB")
        opened, open_now = (statistics.median(one.descriptors[name] for one in part) for part in (first, last))
        if open_now > opened + _DESCRIPTOR_SLACK:
            problems.append(f"descriptors of {name} grew from {opened:.0f} to {open_now:.0f}")
    holds_before, holds_after = (statistics.median(one.open_holds for one in part) for part in (first, last))
    if holds_after > 2 * holds_before + 100:
        problems.append(f"open holds grew from {holds_before:.0f} to {holds_after:.0f}")
    late = max(one.lag_s for one in warm)
    if late > _MAX_LAG_S:
        problems.append(f"settlement was {late:.1f} s behind")
    return problems


def table(samples: Sequence[Sample], rows: int = 12) -> Table:
    """Returns up to `rows` samples, evenly spread."""
    built = Table(title=f"{samples[-1].calls:,} calls in {samples[-1].second / 60:.1f} minutes")
    for column in ("minute", "calls", *(f"{name.removesuffix('_service')} MB" for name in MEASURED)):
        built.add_column(column, justify="right")
    for column in ("descriptors", "open holds", "lag s", "p50 ms", "p99 ms"):
        built.add_column(column, justify="right")
    step = max(len(samples) // rows, 1)
    for one in samples[step - 1 :: step]:
        built.add_row(
            f"{one.second / 60:.1f}",
            f"{one.calls:,}",
            *(f"{one.memory_mb[name]:.0f}" for name in MEASURED),
            f"{sum(one.descriptors.values()):.0f}",
            str(one.open_holds),
            f"{one.lag_s:.2f}",
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
        )
    return built


def _descriptors(process_id: int) -> int:
    return len(os.listdir(f"/proc/{process_id}/fd"))  # noqa: PTH208 - counted, not used
