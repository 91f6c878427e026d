"""CPU time of the servers that a benchmark runs against, from Linux's `/proc`."""

import os
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(process_id: int) -> float:
    """Returns the CPU time in seconds of a process and its children, including those that have ended."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii").split()
    return _own_s(process_id, ended_children=True) + sum(_own_s(int(child)) for child in children)


def on_cpu_s(process_id: int) -> float:
    """Returns the CPU time in seconds of a process of one thread, such as a connection of PostgreSQL, to the microsecond."""
    return int(Path(f"/proc/{process_id}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


async def postgres_process(database_url: str) -> int:
    """Returns the id of the main process of this PostgreSQL."""
    connection = await asyncpg.connect(database_url)
    backend = await connection.fetchval("SELECT pg_backend_pid()")
    status = Path(f"/proc/{backend}/stat").read_text(encoding="ascii")  # noqa: ASYNC240 - no disk
    await connection.close()
    return int(_fields(status)[1])


async def redis_process(client: Redis) -> int:
    """Returns the process id of this Redis."""
    return int((await client.info("server"))["process_id"])


def _own_s(process_id: int, *, ended_children: bool = False) -> float:
    try:
        fields = _fields(Path(f"/proc/{process_id}/stat").read_text(encoding="ascii"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(ticks) for ticks in fields[11 : 15 if ended_children else 13]) / _TICKS_PER_S


def _fields(status: str) -> list[str]:
    """Returns the fields from the state on. The fields before it may contain blanks."""
    return status.rpartition(")")[2].split()
