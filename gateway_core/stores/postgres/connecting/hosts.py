"""Connects to the first server that will do, of one or several that a URL names.

asyncpg tries the servers of a URL one after the other with one time limit for all. So one that does not answer, such as the
former primary after its machine was lost, would use up the time, and the next one would never be asked.
"""

import asyncio
from collections import deque
from typing import Any, Final, cast

import asyncpg

from gateway_core.runtime.database_urls.postgres import urls_of_hosts

_HEAD_START_S: Final = 0.25
"""How long a server is waited for before the next one is asked too."""
_NEXT: Final = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)
"""The errors after which another server may do. One that refuses the login would be refused by all."""

_Attempt = asyncio.Task[asyncpg.Connection]


async def connect(url: str, *, timeout: float, **options: object) -> asyncpg.Connection:
    """Connects. With `target_session_attrs=primary` in the URL, only the primary will do.

    Args:
        url: of one server or of several.
        timeout: in seconds, for all servers together.
        options: of `asyncpg.connect`.

    Raises:
        TimeoutError: none answered in time.
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as `asyncpg.connect`; of the last server, if all failed.
    """
    urls, for_each = urls_of_hosts(url), cast("dict[str, Any]", {**options, "timeout": timeout})
    if len(urls) == 1:
        return await asyncpg.connect(url, **for_each)
    attempts: set[_Attempt] = set()
    try:
        async with asyncio.timeout(timeout):
            return await _first_of(deque(urls), attempts, for_each)
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_discard)
            attempt.cancel()


async def _first_of(urls: deque[str], attempts: set[_Attempt], options: dict[str, Any]) -> asyncpg.Connection:
    """Returns the first connection. What else is in `attempts` then is of no use any more."""
    failure: BaseException | None = None
    while urls or attempts:
        if urls:
            attempts.add(asyncio.create_task(asyncpg.connect(urls.popleft(), **options)))
        done, _ = await asyncio.wait(
            attempts, timeout=_HEAD_START_S if urls else None, return_when=asyncio.FIRST_COMPLETED
        )
        for attempt in done:
            attempts.discard(attempt)
            failure = attempt.exception()
            if failure is None:
                attempts |= done - {attempt}
                return attempt.result()
            if not isinstance(failure, _NEXT):
                raise failure
    raise failure or ConnectionError("the URL names no server")


def _discard(attempt: _Attempt) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()
