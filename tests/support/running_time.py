"""Measures time on a machine that is busy with other work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

_TURN_S = 0.01


@asynccontextmanager
async def running_time() -> AsyncIterator[Callable[[], float]]:
    """Yields a function that returns the seconds since then in which the event loop ran.

    It counts turns of the event loop. A process that waits for the processor takes none, so a bound on this time does not fail
    because of other processes. A bound on the time of the clock would.
    """
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(_TURN_S)
            turns += 1

    counting = asyncio.create_task(count())
    try:
        yield lambda: turns * _TURN_S
    finally:
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting
