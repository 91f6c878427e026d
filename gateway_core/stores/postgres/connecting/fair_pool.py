"""A pool at whose connections organizations take turns."""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from gateway_core.stores.postgres.connecting.fair_turns import FairTurns

# As `asyncpg.create_pool` has them.
_QUERIES_OF_A_CONNECTION: Final = 50_000
_IDLE_S: Final = 300.0


class FairPool(asyncpg.Pool):
    """A pool of asyncpg. `organization_wall.acting_for` waits for a turn before it takes a connection."""

    def __init__(
        self,
        url: str,
        *,
        connect: Callable[..., Awaitable[asyncpg.Connection]],
        connection_class: type[asyncpg.Connection],
        min_size: int,
        max_size: int,
        reset: Callable[..., Awaitable[None]],
        init: Callable[..., Awaitable[None]] | None = None,
    ) -> None:
        """Creates a pool, which opens its connections when it is awaited.

        Args:
            url: where to connect to, and the login.
            connect: opens a connection, in place of `asyncpg.connect`.
            connection_class: what it opens.
            min_size: connections that it keeps.
            max_size: connections that it has at most.
            reset: prepares a connection that comes back.
            init: prepares a new connection.
        """
        super().__init__(
            url, connection_class=connection_class, min_size=min_size, max_size=max_size, reset=reset,
            connect=connect, init=init,  # type: ignore[arg-type] # the stubs want protocols that no function can be shown to follow
            max_queries=_QUERIES_OF_A_CONNECTION, max_inactive_connection_lifetime=_IDLE_S, loop=None,
            record_class=asyncpg.Record,
        )  # fmt: skip
        self.turns = FairTurns(max_size)
