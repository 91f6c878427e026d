"""What a simulation consists of: gateways that decide calls and settle them in batches, with one PostgreSQL and some Redis nodes.

A gateway's usage_service gathers batches as `usage_service.settlement.queue.pipeline` does. A batch locks the heads of its
organizations one after the other, in the order of their names, and keeps them until its commit, as
`usage_service.settlement.store` does. What it would bring if a batch left out the organizations whose heads are busy can be tried.
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
    leaves_busy: bool = False
    """Whether a batch takes only the heads that are free. usage_service does not do that (ADR 31). The calls of the other
    organizations are set aside, and one more worker waits for the head of one organization at a time."""


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
        self._aside: dict[int, deque[float]] = {}
        """The same of organizations whose heads were busy. They are in no other batch until the first one's head was free."""
        self.waiting = 0
        self.under_way = 0
        """Calls in batches that are not committed."""
        self._arrival: Resume | None = None
        self._set_aside: Resume | None = None
        self._gathering = Lock(shared.simulation)
        self._settling_s = 0.0
        for _ in range(batching.concurrent):
            shared.simulation.start(self._settle())
        if batching.leaves_busy:
            shared.simulation.start(self._settle_aside())

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
        self.waiting += 1
        if organization in self._aside:
            self._aside[organization].append(simulation.now_s)
            return
        self._lines.setdefault(organization, deque()).append(simulation.now_s)
        self._arrived()

    def _arrived(self) -> None:
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            arrival()

    def _settle(self) -> Process:
        simulation, batching = self._shared.simulation, self._batching
        while True:
            if not self._gathering.take():
                yield self._gathering.turn()
            if not self._lines:
                yield self._until_arrival()
            if self.waiting < batching.entries:
                slow_s = min(self._settling_s * PAUSE_PER_BATCH, LONGEST_INTERVAL_S)
                yield simulation.pause(max(batching.interval_s, slow_s))
            batch = self._take()
            self._gathering.release()
            begun_s = simulation.now_s
            yield from self._commit(batch)
            self._settling_s = simulation.now_s - begun_s

    def _settle_aside(self) -> Process:
        while True:
            if not self._aside:
                yield self._until_set_aside()
            organization, line = next(iter(self._aside.items()))
            ended = [line.popleft() for _ in range(min(len(line), self._batching.entries))]
            self.waiting -= len(ended)
            self.under_way += len(ended)
            yield self.usage.work(len(ended) * self._costs.reading_s)
            if not self._shared.heads[organization].take():
                yield self._shared.heads[organization].turn()
            yield from self._write({organization: ended})
            if line := self._aside.pop(organization):
                self._lines[organization] = line
                self._arrived()

    def _until_set_aside(self) -> Wait:
        def wait(resume: Resume) -> None:
            self._set_aside = resume

        return wait

    def _until_arrival(self) -> Wait:
        def wait(resume: Resume) -> None:
            self._arrival = resume

        return wait

    def _take(self) -> dict[int, list[float]]:
        """Returns the next calls: an equal share of each organization that waits, and what is left of the batch in turns."""
        batch: dict[int, list[float]] = {}
        room = self._batching.entries
        while self._lines and room:
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
        calls, heads = sum(map(len, batch.values())), self._shared.heads
        self.under_way += calls
        yield self.usage.work(calls * self._costs.reading_s)
        if self._batching.leaves_busy:
            batch = self._leave_busy(batch)
        else:
            for organization in sorted(batch, key=self._shared.order_of):
                if not heads[organization].take():
                    yield heads[organization].turn()
        if batch:
            yield from self._write(batch)

    def _leave_busy(self, batch: dict[int, list[float]]) -> dict[int, list[float]]:
        """Takes the heads that are free, and returns the calls of their organizations. Sets the others aside."""
        taken: dict[int, list[float]] = {}
        for organization, ended in batch.items():
            if self._shared.heads[organization].take():
                taken[organization] = ended
                continue
            line = self._aside.setdefault(organization, self._lines.pop(organization, deque()))
            line.extendleft(reversed(ended))
            self.waiting += len(ended)
            self.under_way -= len(ended)
        if self._aside and self._set_aside is not None:
            resume, self._set_aside = self._set_aside, None
            resume()
        return taken

    def _write(self, batch: dict[int, list[float]]) -> Process:
        """Writes what a batch has, and gives back its heads."""
        shared, costs, records = self._shared, self._costs, self._records
        calls, organizations = sum(map(len, batch.values())), sorted(batch, key=shared.order_of)
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
