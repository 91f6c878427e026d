"""Simulates gateways, PostgreSQL and Redis under skewed organizations and bursts, with the measured costs.

`python -m benchmarks.capacity.simulate --envoys 100 --calls-per-second 20000`
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random

from benchmarks.capacity.costs import Costs, measured_costs
from benchmarks.capacity.events import Lock, Process, Server, Simulation
from benchmarks.capacity.load import Load, arrivals
from benchmarks.capacity.model import Plan
from benchmarks.capacity.settling import Batching, Gateway, Records, Shared

SATURATED = 0.95
LIFTED_BY = {
    "cores of each gateway": "more Envoys",
    "usage_service of each gateway": "more Envoys",
    "PostgreSQL cores": "organizations over several PostgreSQL",
    "PostgreSQL WAL": "organizations over several PostgreSQL",
    "Redis nodes": "more nodes of the cluster, or sub-ledgers if one organization fills its slot",
    "ledger of one organization": "fewer and larger batches, sub-ledgers, or organizations over several PostgreSQL",
}


@dataclass(frozen=True)
class Result:
    """What a simulation saw after its warm-up."""

    seconds: float
    arrived: int
    decided: int
    settled: int
    waiting: int
    """Decided calls that wait for a batch at the end, with those whose batch is not committed."""
    settled_per_second: float
    calls_per_batch: float
    decision_s: Sequence[float]
    lag_s: Sequence[float]
    used: dict[str, float]
    """How much of the time each resource was busy; of several equal ones, the busiest."""

    @property
    def scarcest(self) -> str:
        """The resource that was busiest."""
        return max(self.used, key=lambda name: self.used[name])

    @property
    def is_saturated(self) -> bool:
        """Whether that resource has no more to give."""
        return self.used[self.scarcest] >= SATURATED


def simulate(
    plan: Plan,
    load: Load,
    random: Random,
    *,
    seconds: float,
    warm_s: float = 1.0,
    costs: Costs | None = None,
    batching: Batching | None = None,
    services_per_core: int = 1,
) -> Result:
    """Returns what happens. It depends on nothing but the arguments.

    Args:
        plan: the machines. Its calls and shares do not count.
        load: the calls.
        random: decides when calls come, and from whom.
        seconds: how long it is watched.
        warm_s: how long it runs before.
        costs: None for the measured ones.
        batching: None for the defaults of usage_service.
        services_per_core: how many usage_services share a core.
    """
    simulation = Simulation()
    shared = Shared(
        simulation,
        Server(simulation, plan.postgres_cores),
        Server(simulation),
        [Server(simulation) for _ in range(plan.redis_nodes)],
        [Lock(simulation) for _ in range(load.organizations)],
    )
    records, costs = Records(warm_s), costs or measured_costs(plan.wal_bytes_per_second)
    usage_cores = [Server(simulation) for _ in range(-(-plan.envoys // services_per_core))]
    gateways = [
        Gateway(
            shared,
            costs,
            batching or Batching(),
            records,
            Server(simulation, plan.envoy_cores),
            usage_cores[number // services_per_core],
        )
        for number in range(plan.envoys)
    ]
    simulation.start(_arriving(simulation, gateways, arrivals(load, random), random))
    simulation.run_until(warm_s)
    before, settled = _busy(shared, gateways), records.settled
    batches = len(records.batches)
    simulation.run_until(warm_s + seconds)
    after, later = _busy(shared, gateways), records.batches[batches:]
    used = {
        name: max(
            (end - begin) / seconds / units for (end, units), (begin, _) in zip(after[name], before[name], strict=True)
        )
        for name in after
    }
    return Result(
        seconds=seconds,
        arrived=records.arrived,
        decided=records.decided,
        settled=records.settled,
        waiting=sum(one.waiting + one.under_way for one in gateways),
        settled_per_second=(records.settled - settled) / seconds,
        calls_per_batch=sum(later) / len(later) if later else 0.0,
        decision_s=sorted(records.decision_s),
        lag_s=sorted(records.lag_s),
        used=used,
    )


def _arriving(
    simulation: Simulation, gateways: Sequence[Gateway], calls: Iterator[tuple[float, int]], random: Random
) -> Process:
    for time_s, organization in calls:
        yield simulation.pause(time_s - simulation.now_s)
        gateways[int(random.random() * len(gateways))].arrive(organization)


def _busy(shared: Shared, gateways: Sequence[Gateway]) -> dict[str, list[tuple[float, int]]]:
    """Returns how long each resource was busy until now, and its units."""

    def of(servers: Sequence[Server]) -> list[tuple[float, int]]:
        return [(one.busy_s, one.units) for one in servers]

    return {
        "cores of each gateway": of([one.cores for one in gateways]),
        "usage_service of each gateway": of([one.usage for one in gateways]),
        "PostgreSQL cores": of([shared.postgres]),
        "PostgreSQL WAL": of([shared.wal]),
        "Redis nodes": of(shared.redis),
        "ledger of one organization": [(one.busy_s, 1) for one in shared.heads],
    }


def quantile(ordered: Sequence[float], share: float) -> float:
    """Returns a quantile of values in order; 0 without any."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def _times(name: str, ordered: Sequence[float]) -> str:
    if not ordered:
        return f"{name}: over for none of the calls that came in this time"
    return f"{name}: p50 {quantile(ordered, 0.5) * 1e3:,.0f} ms, p99 {quantile(ordered, 0.99) * 1e3:,.0f} ms"


def report(result: Result, load: Load) -> str:
    """Returns what the program prints."""
    lines = [
        (
            f"settled {result.settled_per_second:,.0f} of {load.calls_per_second:,.0f} calls/s,"
            f" {result.calls_per_batch:.0f} in a batch; {result.waiting:,} wait at the end"
        ),
        _times("decision", result.decision_s),
        _times("settlement lag", result.lag_s),
        "",
        "| resource | busy |",
        "| --- | --- |",
        *(f"| {name} | {share:.0%} |" for name, share in sorted(result.used.items(), key=lambda one: -one[1])),
        "",
    ]
    scarcest = result.scarcest
    if result.is_saturated:
        lines.append(f"Saturated: {scarcest}. What lifts it: {LIFTED_BY[scarcest]}.")
    else:
        lines.append(f"Nothing is saturated. The busiest: {scarcest}.")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity.simulate",
        description="Simulates how many calls a number of Envoys serves and settles, and what is saturated first.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--envoys", type=int, required=True, help="gateways, each with a usage_service")
    add("--calls-per-second", type=float, required=True, help="of all Envoys together")
    add("--organizations", type=int, default=Load.organizations, help="how many make calls")
    add("--largest-share", type=float, default=Load.largest_share, help="of the largest organization in the calls")
    add(
        "--burst-factor",
        type=float,
        default=Load.burst_factor,
        help="calls during a burst, as a multiple of those outside",
    )
    add("--burst-share", type=float, default=Load.burst_share, help="of the time in which an organization has a burst")
    add("--postgres-cores", type=int, default=Plan.postgres_cores, help="of the PostgreSQL")
    add("--redis-nodes", type=int, default=Plan.redis_nodes, help="of the cluster")
    add(
        "--batch-entries",
        type=int,
        default=Batching.entries,
        help="the most calls in a batch (MEGAROUTER_SETTLE_BATCH_ENTRIES)",
    )
    add("--batch-interval-ms", type=float, default=Batching.interval_s * 1e3, help="how long a call waits for others")
    add("--services-per-core", type=int, default=1, help="usage_services that share a core")
    add("--leave-busy", action="store_true", help="tries batches that leave out organizations whose heads are busy")
    add("--seconds", type=float, default=5.0, help="how long it is watched, after a second of warming up")
    add("--seed", type=int, default=1, help="the same seed gives the same result")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the result."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    numbers = chain(
        (
            asked.envoys,
            asked.calls_per_second,
            asked.organizations,
            asked.postgres_cores,
            asked.redis_nodes,
            asked.services_per_core,
        )
    )
    if min(*numbers, asked.seconds, asked.batch_entries, asked.burst_factor) <= 0:
        parser.error("all numbers must be greater than 0")
    if not (0 < asked.largest_share <= 1 and 0 <= asked.burst_share <= 1):
        parser.error("shares must be between 0 and 1")
    load = Load(asked.calls_per_second, asked.organizations, asked.largest_share, asked.burst_factor, asked.burst_share)
    plan = Plan(
        asked.envoys, asked.calls_per_second, postgres_cores=asked.postgres_cores, redis_nodes=asked.redis_nodes
    )
    batching = Batching(asked.batch_entries, asked.batch_interval_ms / 1e3, leaves_busy=asked.leave_busy)
    random = Random(asked.seed)  # noqa: S311 - no secret
    result = simulate(
        plan, load, random, seconds=asked.seconds, batching=batching, services_per_core=asked.services_per_core
    )
    sys.stdout.write(report(result, load) + "\n")


if __name__ == "__main__":
    main()
