"""Work that goes on beside the calls: started, watched and surely ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

logger = logging.getLogger(__name__)

_CANCEL_AGAIN_S: Final = 0.2


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` while the context is open. If it fails, that is logged at once, not when somebody happens to wait for it."""
    task = start(work)
    try:
        yield
    finally:
        await end(task)


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task whose failure is logged."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report_failure)
    return task


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks until they have ended. Once is not enough: a client library may mistake a cancellation for its own timeout."""
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_CANCEL_AGAIN_S)


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("background work failed", exc_info=task.exception())
