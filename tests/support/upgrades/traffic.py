"""What runs all the time while processes are restarted: calls, long streams, and questions to the admin API."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.attacks.racing import super_admin
from tests.support.data.tenants import Tenant
from tests.support.faults.admin_load import AdminLoad
from tests.support.faults.load import Outcome, long_stream
from tests.support.faults.steady_load import SteadyLoad
from tests.support.upgrades.fleet import Fleet

CALLS_PER_SECOND = 30
STREAMS_PER_SECOND = 2
STREAM_S = 5.0


@dataclass
class Traffic:
    """The loads and the tenants that make them."""

    tenants: list[Tenant]
    calls: SteadyLoad
    streams: SteadyLoad
    admin: AdminLoad
    restarts: dict[str, tuple[float, float]] = field(default_factory=dict)
    """When each restart began and ended, in monotonic seconds."""

    @property
    def outcomes(self) -> list[Outcome]:
        return [*self.calls.outcomes, *self.streams.outcomes]

    def lost(self) -> list[str]:
        """Returns what was refused or cut, with the restart during which it ended."""
        return [
            f"{outcome.status} after {outcome.ended_s - outcome.started_s:.2f} s, during {self._during(outcome)}"
            for outcome in self.outcomes
            if not outcome.is_served
        ]

    def _during(self, outcome: Outcome) -> str:
        names = [name for name, (begin_s, end_s) in self.restarts.items() if begin_s <= outcome.ended_s <= end_s]
        return ", ".join(names) or "no restart"

    def slowest_s(self, begin_s: float = 0.0, end_s: float = float("inf")) -> float:
        """Returns the time of the slowest call (not stream) that began in between, or 0 without one."""
        times = [one.ended_s - one.started_s for one in self.calls.outcomes if begin_s <= one.started_s <= end_s]
        return max(times, default=0.0)

    @asynccontextmanager
    async def restarting(self, name: str) -> AsyncIterator[None]:
        """Notes when a restart takes place."""
        begin_s = time.monotonic()
        yield
        self.restarts[name] = (begin_s, time.monotonic())


@asynccontextmanager
async def running_traffic(fleet: Fleet) -> AsyncIterator[Traffic]:
    """Makes calls until the context ends, and waits for those under way."""
    tenants = await fleet.tenants(3)
    for tenant in tenants:
        await tenant.guard("member", "mia", requests_per_minute=100_000)
    token = await super_admin(tenants[0])
    calls = SteadyLoad(fleet.session, fleet.base_url, tenants, CALLS_PER_SECOND)
    streams = SteadyLoad(fleet.session, fleet.base_url, tenants, STREAMS_PER_SECOND, long_stream(STREAM_S))
    admin = AdminLoad(fleet.session, fleet.admin_url, tenants[0].organization, token)
    async with calls, streams, admin:
        yield Traffic(tenants, calls, streams, admin)
