"""Health of what a service depends on, as metrics: asked now and then, off when nobody collects them."""

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
"""Asks a dependency for something trifling. It raises when there is no answer."""

_INTERVAL_S: Final = 5.0
_TIMEOUT_S: Final = 1.0


@dataclass
class _Health:
    """Of one dependency. Nothing is told before the first probe."""

    is_up: bool | None = None
    latency_s: float | None = None


@asynccontextmanager
async def reported(metrics: Metrics, probes: Mapping[str, Probe]) -> AsyncIterator[None]:
    """Reports the health of dependencies while the context is open.

    Args:
        metrics: of the process.
        probes: by the dependency's name: `postgres`, `redis`.
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
    async with in_background(_probe_for_ever(healths, probes)):
        yield


async def _probe_for_ever(healths: Mapping[str, _Health], probes: Mapping[str, Probe]) -> None:
    while True:
        await asyncio.gather(*(_probe(health, probes[name]) for name, health in healths.items()))
        await asyncio.sleep(_INTERVAL_S)


async def _probe(health: _Health, probe: Probe) -> None:
    start_s = time.monotonic()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await probe()
    except Exception:  # noqa: BLE001 - whatever kept it from answering, it is down; who uses it logs why
        health.is_up = False
    else:
        health.is_up, health.latency_s = True, time.monotonic() - start_s
