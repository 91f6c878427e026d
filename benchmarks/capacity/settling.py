"""What a simulation consists of: gateways that decide calls and settle them in batches, with one PostgreSQL and some Redis nodes.

A gateway's usage_service gathers batches as `usage_service.settlement.queue.pipeline` does. A batch locks the heads of its
organizations one after the other, in the order of their names, and keeps them until its commit, as
`usage_service.settlement.store` does.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.events import Lock, Process, Resume, Server, Simulation, Wait
from usage_service.settlement.queue.pipeline import LONGEST_INTERVAL_S, PAUSE_PER_BATCH


@dataclass(frozen=True)
class Batching:
    """How usage_service gathers batches: its defaults."""

    entries: int = 500
    interval_s: float = 0.08
    concurrent: int = 2


@dataclass
class Shared:
    """What all gateways use."""

    simulation: Simulation
    postgres: Server
    wal: Server
    redis: Sequence[Server]
    heads: Sequence[Lock]
    """Those of the organizations."""

    def node_of(self, organization: int) -> Server:
        """Returns the Redis node with the slot of an organization."""
        return self.redis[organization % len(self.redis)]

    def order_of(self, organization: int) -> int:
        """Returns the place of an organization in the order of names. The largest one is in the middle."""
        return (organization + len(self.heads) // 2) % len(self.heads)


@dataclass
class Records:
    """What became of the calls. Times are seconds."""

    from_s: float
    """Calls that came before do not count in the lists."""
    decision_s: list[float] = field(default_factory=list)
    """How long each decision took."""
    lag_s: list[float] = field(default_factory=list)
    """From the end of each call until it was settled."""
    batches: list[int] = field(default_factory=list)
    arrived: int = 0
    decided: int = 0
    settled: int = 0


class Gateway:
    """An Envoy with its services."""

    def __init__(
        self, shared: Shared, costs: Costs, batching: Batching, records: Records, cores: Server, usage: Server
    ) -> None:
        """Creates one, and starts the settlement of batches.

        Args:
            shared: what all gateways use.
            costs: what calls and batches cost.
            batching: how usage_service gathers batches.
            records: where results go.
            cores: those of Envoy, authz_service and ratelimit_service.
            usage: the core of usage_service.
        """
        self._shared, self._costs, self._batching, self._records = shared, costs, batching, records
        self.cores, self.usage = cores, usage
        self._lines: dict[int, deque[float]] = {}
        """When the calls of each organization ended that wait for a batch. The first organization is next."""
        self.waiting = 0
        self.under_way = 0
        """Calls in batches that are not committed."""
        self._arrival: Resume | None = None
        self._gathering = Lock(shared.simulation)
        self._settling_s = 0.0
        for _ in range(batching.concurrent):
            shared.simulation.start(self._settle())

    def arrive(self, organization: int) -> None:
        """Begins a call of an organization at this moment."""
        self._records.arrived += 1
        self._shared.simulation.start(self._call(organization, self._shared.simulation.now_s))

    def _call(self, organization: int, begun_s: float) -> Process:
        simulation, costs, records = self._shared.simulation, self._costs, self._records
        yield self.cores.work(costs.decision_s)
        yield self._shared.node_of(organization).work(costs.placing_s)
        self._shared.postgres.reserve(costs.other_postgres_s)  # the call does not wait for its hold to be recorded
        records.decided += 1
        if begun_s >= records.from_s:
            records.decision_s.append(simulation.now_s - begun_s)
        line = self._lines.get(organization)
        if line is None:
            line = self._lines[organization] = deque()
        line.append(simulation.now_s)
        self.waiting += 1
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            arrival()

    def _settle(self) -> Process:
        simulation, batching = self._shared.simulation, self._batching
        while True:
            if not self._gathering.take():
                yield self._gathering.turn()
            if not self.waiting:
                yield self._until_arrival()
            if self.waiting < batching.entries:
                slow_s = min(self._settling_s * PAUSE_PER_BATCH, LONGEST_INTERVAL_S)
                yield simulation.pause(max(batching.interval_s, slow_s))
            batch = self._take()
            self._gathering.release()
            begun_s = simulation.now_s
            yield from self._commit(batch)
            self._settling_s = simulation.now_s - begun_s

    def _until_arrival(self) -> Wait:
        def wait(resume: Resume) -> None:
            self._arrival = resume

        return wait

    def _take(self) -> dict[int, list[float]]:
        """Returns the next calls: an equal share of each organization that waits, and what is left of the batch in turns."""
        batch: dict[int, list[float]] = {}
        room = self._batching.entries
        while self.waiting and room:
            share = max(room // len(self._lines), 1)
            for organization in tuple(self._lines):
                line = self._lines.pop(organization)
                count = min(share, room, len(line))
                batch.setdefault(organization, []).extend(line.popleft() for _ in range(count))
                if line:
                    self._lines[organization] = line  # behind the others
                self.waiting -= count
                room -= count
                if not room:
                    break
        return batch

    def _commit(self, batch: dict[int, list[float]]) -> Process:
        shared, costs, records = self._shared, self._costs, self._records
        calls, organizations = sum(map(len, batch.values())), sorted(batch, key=shared.order_of)
        self.under_way += calls
        yield self.usage.work(calls * costs.reading_s)
        for organization in organizations:
            if not shared.heads[organization].take():
                yield shared.heads[organization].turn()
        yield self.usage.work(costs.batch.service_s(calls, len(organizations)))
        yield shared.postgres.work(costs.batch.postgres_s(calls, len(organizations)))
        yield shared.wal.work(calls * costs.wal_s)
        yield shared.simulation.pause(costs.batch.idle_s(calls, len(organizations)))
        for organization in organizations:
            shared.heads[organization].release()
        now_s = shared.simulation.now_s
        for organization, ended in batch.items():
            shared.node_of(organization).reserve(len(ended) * costs.following_s)
            records.lag_s += [now_s - one for one in ended if one >= records.from_s]
        records.batches.append(calls)
        records.settled += calls
        self.under_way -= calls
