"""Starts, halts and ends a neighbor."""

import asyncio
import enum
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

DATABASE_URL: Final = "MEGAROUTER_DATABASE_URL"


class Neighbor(enum.StrEnum):
    """What runs beside a benchmark. The value is its module."""

    FOLLOWERS = "benchmarks.neighbors.followers"
    """The followers of the ledger: rollups, standings and alerts."""
    UNRELATED = "benchmarks.neighbors.unrelated"
    """Something that uses the other core about as much."""


class NeighborProcess:
    """Starts and halts a neighbor. It reads orders from its input, and answers each with the CPU time since the last `go`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def started(cls, neighbor: Neighbor, database_url: str) -> AsyncIterator[Self]:
        """Starts the process, halted, and ends it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", neighbor.value),
            env=os.environ | {DATABASE_URL: database_url},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        started = cls(process)
        await started.catch_up()
        try:
            yield started
        finally:
            process.terminate()
            await process.wait()

    async def go(self) -> None:
        """Lets it work."""
        await self._told("go")

    async def halt(self) -> float:
        """Lets it finish and halts it. Returns the CPU time since `go` in microseconds, with its connections."""
        return await self._told("halt")

    async def catch_up(self) -> None:
        """Lets it do what is left."""
        await self._told("go")
        await self._told("halt")

    async def _told(self, order: str) -> float:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(f"{order}\n".encode())
        return float(await self._process.stdout.readline())
