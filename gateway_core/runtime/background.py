"""Background work beside the calls: started, watched and reliably ended.

Work started here is meant to run until it is ended. It handles failures of its dependencies itself by retrying. Any
other failure is a bug or contradictory state. The work is then no longer done, so the process must not look healthy
(INV-20): it stops in good order and restarts from the stored state.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Final

logger = logging.getLogger(__name__)

_CANCEL_AGAIN_S: Final = 0.2
_on_failure: ContextVar[Callable[[], None] | None] = ContextVar("on_failure", default=None)


@contextmanager
def watched(on_failure: Callable[[], None]) -> Iterator[None]:
    """Calls `on_failure` whenever work started in this context, or in a task started in it, fails."""
    token = _on_failure.set(on_failure)
    try:
        yield
    finally:
        _on_failure.reset(token)


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` while the context is open. A failure is reported immediately, even if nothing awaits the work."""
    task = start(work)
    try:
        yield
    finally:
        await end(task)


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Starts a task. Logs its failure, and reports it to the `watched` context."""
    task = asyncio.create_task(work, name=getattr(work, "__qualname__", None))
    task.add_done_callback(_report_failure)
    return task


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks until they have ended.

    It cancels repeatedly, because a client library may mistake a cancellation for its own timeout. An error that a task
    raises while it is being ended does not count as a failure of its work.
    """
    waiting = {task for task in tasks if not task.done()}
    for task in waiting:
        task.remove_done_callback(_report_failure)
        task.add_done_callback(_note_end)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_CANCEL_AGAIN_S)


def _report_failure(task: asyncio.Task[None]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    logger.error("background work failed", extra=_described(task, error))
    on_failure = _on_failure.get()
    if on_failure is not None:
        on_failure()


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.info("background work failed while it was ended", extra=_described(task, error))


def _described(task: asyncio.Task[None], error: BaseException) -> dict[str, str]:
    return {"work": task.get_name(), "error": type(error).__name__, "at": _place(error)}


def _place(error: BaseException) -> str:
    """Returns where the error was raised. Its message stays out of the log, because it may quote untrusted data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
