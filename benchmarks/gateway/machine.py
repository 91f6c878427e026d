"""Processes on cores of their own, and what they cost."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.process_times import cpu_s

GATEWAY_CORE = 0
LOAD_CORE = 1


def pin(process_ids: Iterable[int], core: int) -> None:
    """Keeps processes, their children and all their threads on one core. What they start later inherits it."""
    for process_id in process_ids:
        for one in (process_id, *_children(process_id)):
            for thread in _threads(one):
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, {core})


def times_s(processes: Mapping[str, int]) -> dict[str, float]:
    """CPU time of each process and its children so far."""
    return {name: cpu_s(process_id) for name, process_id in processes.items()}


def memory_mb(process_id: int) -> float:
    """What a process keeps in memory (proportional set size)."""
    text = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1_024


def _children(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def _threads(process_id: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(thread) for thread in os.listdir(f"/proc/{process_id}/task")]  # noqa: PTH208 - numbers wanted
    return []
