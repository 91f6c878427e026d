"""Runs processes on their own cores, and measures their CPU time and memory."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.process_times import cpu_s

GATEWAY_CORE = 0
LOAD_CORE = 1
_PASSING = b"autovacuum worker"
_AVAILABLE = frozenset(os.sched_getaffinity(0))
"""Read before this process is pinned to the load's core."""


def gateway_cores(workers: int) -> set[int]:
    """Returns one core for each worker, as far as available, and never the load's."""
    others = sorted(_AVAILABLE - {GATEWAY_CORE, LOAD_CORE})
    return {GATEWAY_CORE, *others[: workers - 1]}


@contextmanager
def starting_on(cores: set[int]) -> Iterator[None]:
    """Restricts processes that are started inside to these cores. Envoy then runs one thread for each."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(process_ids: Iterable[int], cores: set[int]) -> None:
    """Pins processes, their children and all their threads to these cores. New children and threads inherit it."""
    for process_id in process_ids:
        for one in (process_id, *_children(process_id)):
            for thread in _threads(one):
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cores)


def times_s(processes: Mapping[str, int]) -> dict[str, float]:
    """Returns the CPU time in seconds of each process with its children so far. Workers of a service are added up."""
    return together({name: cpu_s(process_id) for name, process_id in processes.items()})


def together(figures: Mapping[str, float]) -> dict[str, float]:
    """Adds up the figures of the workers (`name-1`, `name-2`, ...) of each service."""
    added: dict[str, float] = {}
    for name, figure in figures.items():
        service = name.partition("-")[0]
        added[service] = added.get(service, 0) + figure
    return added


def memory_mb(process_id: int) -> float:
    """Returns the memory of a process and its children in MB (proportional set size).

    It excludes shared memory, because PostgreSQL's buffers fill up by design, and autovacuum workers, because they come and go.
    """
    return sum(_kept_kb(one) for one in (process_id, *_children(process_id))) / 1_024


def _kept_kb(process_id: int) -> int:
    directory = Path(f"/proc/{process_id}")
    try:
        if _PASSING in (directory / "cmdline").read_bytes():
            return 0
        lines = (directory / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended
    sizes = {line.partition(":")[0]: line.split()[1] for line in lines[1:]}
    return int(sizes["Pss"]) - int(sizes["Pss_Shmem"])


def _children(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def _threads(process_id: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(thread) for thread in os.listdir(f"/proc/{process_id}/task")]  # noqa: PTH208 - numbers wanted
    return []
