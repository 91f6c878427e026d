"""Measures what the gateway costs with everything switched on, as a ratio to a bare Envoy in the same run: `./dev bench`.

Envoy, the services, PostgreSQL and Redis share one core. The load and the provider share another. Every call is authenticated,
limited, held on seven scopes and settled in the ledger. At the end the ledger is compared with the answers and audited.
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.gateway import floor, peers, soak
from benchmarks.gateway.bench_stack import MODEL, PEER_PORT, SERVICES, UPSTREAM_PORT, BenchError, BenchStack, running
from benchmarks.gateway.load import Outcome, exactly, pace, saturate
from benchmarks.gateway.machine import GATEWAY_CORE, LOAD_CORE, gateway_cores, memory_mb, pin, times_s, together
from benchmarks.gateway.scenarios import PACED_CALLS_PER_S, SCENARIOS, Scenario, body_of, check, requests
from benchmarks.process_times import cpu_s

_WARM_UP_CALLS: Final = 300
_FEWEST_CALLS: Final = 1_000
_COMPARED_LOADS: Final = frozenset({"JSON", "SSE"})


@dataclass(frozen=True)
class Result:
    """The result of a scenario at saturation."""

    scenario: str
    bare_calls_per_s: float
    bare_cpu_us: float
    """CPU time for each call. Unlike calls per second, it is valid even if the load was slower than the bare Envoy."""
    gateway_calls_per_s: float
    cpu_us: dict[str, float]
    """CPU time for each call, by process."""
    drain_s: float
    """Seconds from the last answer until every call was in the ledger."""
    peers: dict[str, float] = field(default_factory=dict)
    """Calls per second of other gateways, by name."""


async def _saturated(stack: BenchStack, scenario: Scenario, duration_s: float) -> Result:
    made = requests(scenario, stack)
    bare_begun_s = cpu_s(stack.bare_pid)
    bare = await saturate(stack.bare_port, made, connections=scenario.connections, duration_s=duration_s / 2)
    bare_cpu_us = (cpu_s(stack.bare_pid) - bare_begun_s) / bare.calls * 1e6
    before = await stack.settled()
    warm = await saturate(stack.model_port, made, connections=scenario.connections, duration_s=1)
    if scenario.keys > _WARM_UP_CALLS:  # so that each key is cached
        once = requests(scenario, stack)
        warm_keys = await exactly(stack.model_port, once, connections=scenario.connections, calls=scenario.keys)
        warm.statuses.update(warm_keys.statuses)
    before += check(scenario, warm)
    await stack.until_settled(before)
    begun = times_s(stack.processes)
    outcome = await saturate(stack.model_port, made, connections=scenario.connections, duration_s=duration_s)
    drain_s = await stack.until_settled(before + check(scenario, outcome))
    ended = times_s(stack.processes)
    cpu_us = {name: (ended[name] - begun[name]) / outcome.calls * 1e6 for name in begun}
    return Result(scenario.name, bare.calls_per_s, bare_cpu_us, outcome.calls_per_s, cpu_us, drain_s)


async def _beside_peers(
    results: Sequence[Result], arguments: argparse.Namespace, console: Console, directory: Path
) -> list[Result]:
    """Returns the results with those of other gateways, if they are installed and answer correctly."""
    measured = {one.scenario for one in results} & _COMPARED_LOADS
    loads = {one.name: body_of(one) for one in SCENARIOS if one.name in measured}
    place = peers.Place(directory, arguments.port_base + PEER_PORT, arguments.port_base + UPSTREAM_PORT, MODEL)
    given = {peers.LITELLM: arguments.litellm, peers.PORTKEY: arguments.portkey}
    found = await peers.measure_all(
        place, given, loads, arguments.seconds, lambda line: console.print(line, markup=False)
    )
    return [
        replace(
            one,
            peers={
                name: figures.calls_per_s[one.scenario]
                for name, figures in found.items()
                if one.scenario in figures.calls_per_s
            },
        )
        for one in results
    ]


async def _paced(stack: BenchStack, seconds: float) -> dict[str, dict[str, float]]:
    """Measures latency at a fixed rate, alternating between bare Envoy and gateway so that both run under the same conditions."""
    made = requests(SCENARIOS[0], stack)
    rounds = max(int(seconds / 2), 2)
    latencies: dict[str, list[float]] = {"bare Envoy": [], "gateway": []}
    for _ in range(rounds):
        for name, port in (("bare Envoy", stack.bare_port), ("gateway", stack.model_port)):
            outcome = await pace(port, made, connections=32, calls=PACED_CALLS_PER_S, per_second=PACED_CALLS_PER_S)
            check(SCENARIOS[0], outcome)
            latencies[name] += outcome.latencies_s
    outcomes = {name: Outcome(latencies_s=found) for name, found in latencies.items()}
    return {name: {"p50": one.latency_ms(50), "p99": one.latency_ms(99)} for name, one in outcomes.items()}


def _table(results: Sequence[Result], cores: int) -> Table:
    table = Table(title=f"At saturation, all of the gateway on {'one core' if cores == 1 else f'{cores} cores'}")
    table.add_column("load")
    columns = ("calls/s", "bare Envoy", "ratio", "bare CPU µs", "CPU µs/call", *_SHORT.values(), "drained in s")
    others = sorted({name for one in results for name in one.peers})
    for column in (*columns, *(f"{name} calls/s" for name in others)):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(
            one.scenario,
            f"{one.gateway_calls_per_s:,.0f}",
            f"{one.bare_calls_per_s:,.0f}",
            f"{one.gateway_calls_per_s / one.bare_calls_per_s:.2f}",
            f"{one.bare_cpu_us:,.0f}",
            f"{sum(one.cpu_us.values()):,.0f}",
            *(f"{one.cpu_us[name]:,.0f}" for name in _SHORT),
            f"{one.drain_s:.2f}",
            *(f"{one.peers[name]:,.0f}" if name in one.peers else "" for name in others),
        )
    return table


_SHORT: Final = {
    "envoy": "Envoy",
    "authz_service": "authz",
    "ratelimit_service": "ratelimit",
    "usage_service": "usage",
    "postgres": "PostgreSQL",
    "redis": "Redis",
}


async def _run(arguments: argparse.Namespace, console: Console, directory: Path) -> dict[str, object]:
    chosen = [one for one in SCENARIOS if not arguments.only or one.name in arguments.only]
    with console.status("starting") as status:
        async with running(directory, arguments.port_base, arguments.workers) as stack:
            results = []
            for scenario in chosen:
                status.update(f"{scenario.name} at saturation")
                results.append(await _saturated(stack, scenario, arguments.seconds))
            if arguments.keys_on_record:
                status.update(f"creating {arguments.keys_on_record:,} keys")
                await stack.add_strangers(arguments.keys_on_record)
                more = Scenario(f"JSON, {arguments.keys_on_record:,} keys on record")
                status.update(f"{more.name} at saturation")
                results.append(await _saturated(stack, more, arguments.seconds))
            if arguments.peers:
                results = await _beside_peers(results, arguments, console, directory)
            status.update(f"latency at {PACED_CALLS_PER_S} calls/s")
            latencies = await _paced(stack, arguments.seconds)
            await asyncio.sleep(1)
            memory = together({name: memory_mb(process_id) for name, process_id in stack.processes.items()})
            memory = {name: memory[name] for name in SERVICES}
            open_holds = await stack.open_holds()
            status.update("auditing the ledger")
            calls, problems = await stack.settled(), await asyncio.to_thread(stack.audit)
            status.update("the proxy floor")
            compared = [one for one in chosen if one.name in _COMPARED_LOADS] if arguments.floor else []
            floors = await floor.measure_all(stack, compared, directory, arguments.port_base, arguments.seconds / 2)
    if open_holds or problems:
        raise BenchError(f"{open_holds} holds are open; the audit says: {problems}")
    console.print(_table(results, len(gateway_cores(arguments.workers))))
    if floors:
        console.print(floor.table(floors))
        console.print(
            f"(the same Envoy, services that repeat one answer, no ledger; latency at {PACED_CALLS_PER_S} calls/s)"
        )
    added = {name: latencies["gateway"][name] - latencies["bare Envoy"][name] for name in ("p50", "p99")}
    console.print(
        f"Added latency at {PACED_CALLS_PER_S} calls/s: p50 {added['p50']:.2f} ms, p99 {added['p99']:.2f} ms"
        f" (bare Envoy {latencies['bare Envoy']['p50']:.2f} and {latencies['bare Envoy']['p99']:.2f} ms)"
    )
    console.print(
        f"Memory of the four services: {sum(memory.values()):.0f} MB ("
        + ", ".join(f"{name.removesuffix('_service')} {size:.0f}" for name, size in memory.items())
        + ")"
    )
    console.print(f"The ledger has exactly the {calls:,} calls that were answered; the audit found nothing.")
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "saturation": [asdict(one) for one in results],
        "floor": {name: asdict(one) for name, one in floors.items()},
        "latency_ms": latencies,
        "memory_mb": memory,
        "calls": calls,
    }


async def _soaked(arguments: argparse.Namespace, console: Console, directory: Path) -> dict[str, object]:
    with console.status("starting") as status:
        async with running(directory, arguments.port_base, arguments.workers) as stack:
            status.update("measuring saturation")
            saturation = await _saturated(stack, SCENARIOS[0], arguments.seconds)
            per_second = saturation.gateway_calls_per_s / 2
            status.update(f"soaking at {per_second:.0f} calls/s for {arguments.soak:g} minutes")
            made = requests(SCENARIOS[0], stack)
            samples, outcome = await soak.soak(stack, made, per_second=per_second, seconds=arguments.soak * 60)
            check(SCENARIOS[0], outcome)
            status.update("auditing the ledger")
            open_holds, books = await stack.open_holds(), await asyncio.to_thread(stack.audit)
    console.print(soak.table(samples))
    _require_nothing_left(samples, open_holds, books)
    console.print(
        f"{outcome.calls:,} calls at {per_second:.0f}/s, half of saturation: "
        "nothing grew, no hold is open, the audit found nothing."
    )
    return {"per_second": per_second, "calls": outcome.calls, "samples": [asdict(one) for one in samples]}


async def _counted(arguments: argparse.Namespace, console: Console, directory: Path) -> dict[str, object]:
    def tell(sample: soak.Sample) -> None:
        memory = ", ".join(f"{name.removesuffix('_service')} {size:.0f}" for name, size in sample.memory_mb.items())
        console.print(f"{sample.calls:,} calls after {sample.second:.0f} s, memory in MB: {memory}")

    with console.status(f"{arguments.calls:,} calls at saturation"):
        async with running(directory, arguments.port_base, arguments.workers) as stack:
            made = requests(SCENARIOS[0], stack)
            samples, outcome = await soak.many_calls(stack, made, calls=arguments.calls, tell=tell)
            check(SCENARIOS[0], outcome)
            await asyncio.sleep(1)
            open_holds, books = await stack.open_holds(), await asyncio.to_thread(stack.audit)
    console.print(soak.table(samples))
    _require_nothing_left(samples, open_holds, books)
    console.print(
        f"The ledger has exactly the {outcome.calls:,} calls; nothing grew, no hold is open, the audit found nothing."
    )
    return {"calls": outcome.calls, "samples": [asdict(one) for one in samples]}


def _require_nothing_left(samples: Sequence[soak.Sample], open_holds: int, books: str) -> None:
    problems = soak.growth(samples)
    if open_holds or books:
        problems.append(f"{open_holds} holds are open; the audit says: {books}")
    if problems:
        raise BenchError("; ".join(problems))


def argument_parser() -> argparse.ArgumentParser:
    """Returns the parser for the options of `./dev bench`."""
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10, metavar="N", help="duration of each load (default 10)")
    parser.add_argument(
        "--port-base", type=int, default=25_000, metavar="N", help="first of 60 ports to use (default 25000)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes of authz_service and ratelimit_service, each on its own core if there are enough (default 1)",
    )
    parser.add_argument(
        "--soak",
        type=float,
        metavar="MINUTES",
        help="instead, run at half of saturation this long and report what grew",
    )
    parser.add_argument(
        "--calls",
        type=int,
        metavar="N",
        help="instead, make exactly this many calls at saturation and report what grew",
    )
    names = [one.name for one in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, help="run only this load; can be repeated")
    parser.add_argument(
        "--keys-on-record",
        type=int,
        metavar="N",
        help="repeat the first load beside this many keys of other organizations",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also measure LiteLLM and Portkey, if installed, with the loads JSON and SSE",
    )
    parser.add_argument("--floor", action="store_true", help="also measure the proxy floor with the loads JSON and SSE")
    parser.add_argument("--litellm", type=Path, metavar="FILE", help="LiteLLM's executable (default: litellm on PATH)")
    parser.add_argument("--portkey", type=Path, metavar="FILE", help="Portkey's executable (default: gateway on PATH)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the stack's files in this folder")
    return parser


def main() -> None:
    """Runs the benchmark and prints its tables."""
    parser = argument_parser()
    arguments = parser.parse_args()
    if arguments.calls is not None and arguments.calls < _FEWEST_CALLS:
        parser.error(f"--calls must be at least {_FEWEST_CALLS}")
    if arguments.floor and arguments.workers > 1:
        parser.error("--floor requires --workers 1")
    if len(os.sched_getaffinity(0)) <= LOAD_CORE or GATEWAY_CORE not in os.sched_getaffinity(0):
        sys.exit("bench: this benchmark needs two cores, one for the gateway and one for the load")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    pin([os.getpid()], {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="megarouter-bench-") as temporary:
        directory = arguments.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        try:
            work = _soaked if arguments.soak else _counted if arguments.calls else _run
            figures = uvloop.run(work(arguments, console, directory.resolve()))
        except BenchError as error:
            sys.exit(f"bench: {error}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
