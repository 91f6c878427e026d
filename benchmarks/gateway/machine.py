"""Processes on cores of their own, and what they cost."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.process_times import cpu_s

GATEWAY_CORE = 0
LOAD_CORE = 1
_PASSING = b"autovacuum worker"
_AVAILABLE = frozenset(os.sched_getaffinity(0))
"""Before this process is kept on the load's core."""


def gateway_cores(workers: int) -> set[int]:
    """A core for each worker, as far as there are; never the load's."""
    others = sorted(_AVAILABLE - {GATEWAY_CORE, LOAD_CORE})
    return {GATEWAY_CORE, *others[: workers - 1]}


@contextmanager
def starting_on(cores: set[int]) -> Iterator[None]:
    """What is started meanwhile finds these cores alone: Envoy runs a thread for each."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(process_ids: Iterable[int], cores: set[int]) -> None:
    """Keeps processes, their children and all their threads on some cores. What they start later inherits it."""
    for process_id in process_ids:
        for one in (process_id, *_children(process_id)):
            for thread in _threads(one):
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cores)


def times_s(processes: Mapping[str, int]) -> dict[str, float]:
    """CPU time of each process and its children so far, workers of a service together."""
    return together({name: cpu_s(process_id) for name, process_id in processes.items()})


def together(figures: Mapping[str, float]) -> dict[str, float]:
    """A figure of each process, workers (`name-1`, `name-2`, ...) added to the first of their service."""
    added: dict[str, float] = {}
    for name, figure in figures.items():
        service = name.partition("-")[0]
        added[service] = added.get(service, 0) + figure
    return added


def memory_mb(process_id: int) -> float:
    """What a process and its children keep in memory (proportional set size), without what they share by design: PostgreSQL's
    buffers fill until they are full. Its workers for cleaning come and go, and are left out.
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
