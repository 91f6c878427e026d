"""A steady load: a call begins at every tick, however long the earlier ones take, as calls of many clients do."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.support.data.tenants import Tenant
from tests.support.faults.load import Outcome, Request, call, chat


@dataclass
class SteadyLoad:
    """Begins `per_second` calls a second while its context is open, and keeps every outcome."""

    session: aiohttp.ClientSession
    base_url: str
    tenants: Sequence[Tenant]
    per_second: int
    request: Request = field(default_factory=lambda: chat("Are you there?"))
    outcomes: list[Outcome] = field(default_factory=list)
    _calls: set["asyncio.Task[None]"] = field(default_factory=set)
    _ticking: "asyncio.Task[None] | None" = None

    async def __aenter__(self) -> "SteadyLoad":
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        await asyncio.gather(*self._calls)

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.is_served]

    @property
    def slowest_s(self) -> float:
        return max(outcome.ended_s - outcome.started_s for outcome in self.outcomes)

    async def _tick(self) -> None:
        begun_s = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, begun_s + number / self.per_second - time.monotonic()))
            task = asyncio.create_task(self._call(self.tenants[number % len(self.tenants)]))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def _call(self, tenant: Tenant) -> None:
        self.outcomes.append(await call(self.session, self.base_url, tenant, self.request))
