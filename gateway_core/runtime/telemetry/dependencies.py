"""Health of a service's dependencies as metrics. Probed periodically, and only if metrics are collected."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from gateway_core.runtime.background import in_background
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import Metrics

Probe = Callable[[], Awaitable[object]]
"""Sends a trivial request to a dependency. Raises if there is no response. A `float` is the dependency's clock in epoch seconds."""

CLOCK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
"""A trivial statement whose answer is PostgreSQL's clock."""

_INTERVAL_S: Final = 5.0
_TIMEOUT_S: Final = 1.0


@dataclass
class _Health:
    """The health of one dependency. All are None before the first probe."""

    is_up: bool | None = None
    latency_s: float | None = None
    clock_offset_s: float | None = None
    """None also if the probe does not read the clock."""


@asynccontextmanager
async def reported(metrics: Metrics, probes: Mapping[str, Probe]) -> AsyncIterator[None]:
    """Reports the health of dependencies while the context is open.

    Args:
        metrics: the metrics of the process.
        probes: by name of the dependency: `postgres`, `redis`.
    """
    if not metrics.enabled:
        yield
        return
    healths = {name: _Health() for name in probes}
    metrics.gauge(
        semconv.DEPENDENCY_UP,
        lambda: [
            (float(health.is_up), {semconv.DEPENDENCY: name})
            for name, health in healths.items()
            if health.is_up is not None
        ],
    )
    metrics.gauge(
        semconv.DEPENDENCY_LATENCY,
        lambda: [
            (health.latency_s, {semconv.DEPENDENCY: name})
            for name, health in healths.items()
            if health.latency_s is not None
        ],
    )
    metrics.gauge(
        semconv.CLOCK_OFFSET,
        lambda: [
            (health.clock_offset_s, {semconv.DEPENDENCY: name})
            for name, health in healths.items()
            if health.clock_offset_s is not None
        ],
    )
    async with in_background(_probe_forever(healths, probes)):
        yield


async def _probe_forever(healths: Mapping[str, _Health], probes: Mapping[str, Probe]) -> None:
    while True:
        await asyncio.gather(*(_probe(health, probes[name]) for name, health in healths.items()))
        await asyncio.sleep(_INTERVAL_S)


async def _probe(health: _Health, probe: Probe) -> None:
    start_s, start_epoch_s = time.monotonic(), time.time()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await probe()
    except Exception:  # noqa: BLE001 - any failure means that it is down; its users log the reason
        health.is_up = False
    else:
        health.is_up, health.latency_s = True, time.monotonic() - start_s
        if isinstance(answer, float):
            # The clock was read somewhere between question and answer. In the middle, the error is smallest.
            health.clock_offset_s = answer - (start_epoch_s + health.latency_s / 2)
