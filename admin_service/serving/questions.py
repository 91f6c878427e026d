"""The share of each organization in the answers to questions about usage, which take longer than anything else that is read."""

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import grpc
from google.rpc import error_details_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError
from gateway_core.stores.postgres.connecting.fair_turns import FairTurns, LineFullError

WAITING: Final = 64
"""Questions of an organization that may wait. A page of the console asks about ten."""
_NEWEST: Final = 0.1
"""Weight of the newest answer in the mean duration."""
_SHORTEST_DELAY_S: Final = 1
_LONGEST_DELAY_S: Final = 60


class Questions:
    """Lets an organization ask a few questions at a time. Its others wait for these, and no other organization does."""

    def __init__(self, connections: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Shares the connections of a pool.

        Args:
            connections: how many the pool has. One of them is left to whoever asks nothing, and an organization has half of them.
            clock_s: a clock that only goes forward.
        """
        self._of_one = max(1, connections // 2)
        self._turns = FairTurns(max(1, connections - 1), of_one=self._of_one, line=WAITING)
        self._clock_s = clock_s
        self._mean_s = 0.0

    @asynccontextmanager
    async def of(self, organization: str) -> AsyncIterator[None]:
        """Waits for the organization's turn, and has it while the context is open.

        Raises:
            AdminError: too many questions of the organization wait.
        """
        try:
            async with self._turns.of(organization):
                began_s = self._clock_s()
                try:
                    yield
                finally:
                    self._mean_s += _NEWEST * (self._clock_s() - began_s - self._mean_s)
        except LineFullError:
            raise self._refusal() from None

    def _refusal(self) -> AdminError:
        wait_s = math.ceil(self._mean_s * WAITING / self._of_one)
        delay = error_details_pb2.RetryInfo()
        delay.retry_delay.seconds = min(max(wait_s, _SHORTEST_DELAY_S), _LONGEST_DELAY_S)
        message = (
            f"{WAITING} questions about usage of this organization already wait for an answer."
            f" Try again in {delay.retry_delay.seconds} s, and ask fewer at a time."
        )
        return AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorReason.TOO_MANY_QUESTIONS, message, details=[delay])
