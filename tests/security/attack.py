"""Runs senders and customers, and compares the figures of two runs."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.supervision.embedded_stack import Stack
from tests.support.repository import ROOT

FIGURES: Final = "figures"
"""The property of a test with its lines for the end of the run."""

HUNDRED: Final = 100
STOP_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class Senders:
    """Senders of one kind, in one process."""

    kind: str
    count: int
    is_admin: bool = False
    """Whether they send to the admin API."""
    begin_s: float = 2.0
    """They begin this long before the customers, who so meet the attack while it grows."""


ALL_AT_ONCE: Final = (
    Senders("idle", 12_000),
    Senders("half_sent", 150),
    Senders("junk", 8, is_admin=True),
    Senders("deep", 4),
)
WITH_KEY: Final = Senders("half_sent_with_key", 150, begin_s=6.0)
"""Until 512 MiB have arrived, they take the worker's time as any upload does. The bare Envoy refuses them instead."""


@dataclass(frozen=True)
class Ports:
    """Where the senders send to."""

    model: int
    admin: int


@dataclass(frozen=True)
class Attack:
    """What the senders do while customers call."""

    senders: tuple[Senders, ...]
    source: str
    """The address that they send from."""
    key: str
    """That of the senders that have one."""
    calls: int
    """How many calls the customers make."""


@dataclass
class Run:
    """What the customers saw, and what the senders counted."""

    times_ms: list[float]
    outcomes: dict[str, int]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    cpu_ms: dict[str, int] = field(default_factory=dict)
    """CPU time of the stack's processes during the run, by program."""

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def slowest_ms(self) -> float:
        """The slowest of a hundred calls: the median over the hundreds."""
        hundreds = [self.times_ms[start : start + HUNDRED] for start in range(0, len(self.times_ms), HUNDRED)]
        return statistics.median(max(hundred) for hundred in hundreds)

    def line(self, name: str) -> str:
        outcomes = ", ".join(f"{count} x {name}" for name, count in sorted(self.outcomes.items()))
        return f"{name:44} {self.median_ms:9.1f} {self.slowest_ms:12.1f} {max(self.times_ms):9.1f}   {outcomes}"


HEAD: Final = f"{'':44} {'median ms':>9} {'slowest/100':>12} {'max ms':>9}   outcomes"


@contextmanager
def attacking(attack: Attack, ports: Ports) -> Iterator[dict[str, dict[str, int]]]:
    """Runs the senders. After them, the result has their counts."""
    counts: dict[str, dict[str, int]] = {}
    processes = [(one, _start(one, attack, ports)) for one in attack.senders]
    try:
        time.sleep(max(one.begin_s for one in attack.senders))
        yield counts
    finally:
        for one, process in processes:
            output, _ = process.communicate(timeout=STOP_TIMEOUT_S)
            counts[one.kind] = json.loads(output)


def _start(senders: Senders, attack: Attack, ports: Ports) -> subprocess.Popen[bytes]:
    target = f"127.0.0.1:{ports.admin if senders.is_admin else ports.model}"
    command = [sys.executable, "-m", "tests.security.senders", senders.kind, target, attack.source, str(senders.count)]
    environment = {"MEGAROUTER_API_KEY": attack.key, "PATH": ""}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def customers(url: str, key: str, calls: int) -> Run:
    """Makes the calls of a customer and returns what they saw."""
    command = [sys.executable, "-m", "tests.security.customers", url, str(calls)]
    environment = {"MEGAROUTER_API_KEY": key, "PATH": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return Run(**json.loads(done.stdout))


def cpu_ms(stack: Stack, bare_pid: int) -> dict[str, int]:
    """Returns the CPU time of the stack's processes and of the bare Envoy since their start, by program."""
    pids = {process.name: process.identity.pid for process in stack.state.processes if process.identity is not None}
    return {name: _used_ms(pid) for name, pid in {**pids, "bare Envoy": bare_pid}.items()}


def _used_ms(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1_000 // os.sysconf("SC_CLK_TCK")


def run_under(attack: Attack, ports: Ports, stack: Stack, bare_pid: int) -> Run:
    """Returns what customers see while the senders send."""
    environment = stack.environment
    before = cpu_ms(stack, bare_pid)
    with attacking(attack, ports) as counts:
        run = customers(environment["MEGAROUTER_BASE_URL"], environment["MEGAROUTER_API_KEY"], attack.calls)
    run.counts = counts
    run.cpu_ms = {name: used - before.get(name, 0) for name, used in cpu_ms(stack, bare_pid).items()}
    return run
