"""How every call is made, whatever the service: its deadline, its repetitions, its request id. Pure."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from megarouter_admin.errors import MegaRouterError

REQUEST_ID: Final = "request_id"
Request = TypeVar("Request", bound=Message)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Bounds of a call."""

    timeout_s: float = 30.0
    """Deadline of a call that names none, all its attempts included."""
    max_attempts: int = 4
    """How often a call is tried. Only UNAVAILABLE is tried again (AIP-194)."""
    first_backoff_s: float = 0.1
    """Longest pause before the second attempt; it doubles with each further one."""
    max_backoff_s: float = 2.0
    """Longest pause of all, also where the service asks for a longer one."""

    def pause_before_retry_s(
        self, error: MegaRouterError, attempt: int, remaining_s: float, draw: Callable[[], float]
    ) -> float | None:
        """Seconds to wait after a failed attempt; None when the failure is final.

        Args:
            attempt: how many were made, from 1.
            remaining_s: until the deadline.
            draw: a random number from 0 to 1, so that clients that failed together do not return together.
        """
        if error.code is not grpc.StatusCode.UNAVAILABLE or attempt >= self.max_attempts:
            return None
        longest = min(self.first_backoff_s * 2 ** (attempt - 1), self.max_backoff_s)
        pause = max(longest * draw(), min(error.retry_after_s or 0.0, self.max_backoff_s))
        return pause if pause < remaining_s else None


def with_request_id(request: Request, make_id: Callable[[], str] = lambda: str(uuid.uuid4())) -> Request:
    """A request that can be repeated without doing its work twice (AIP-155): one without its `request_id` gets one.

    The caller's own message is left as it is.
    """
    field = request.DESCRIPTOR.fields_by_name.get(REQUEST_ID)
    if field is None or field.type != field.TYPE_STRING or getattr(request, REQUEST_ID):
        return request
    identified = type(request)()
    identified.CopyFrom(request)
    setattr(identified, REQUEST_ID, make_id())
    return identified
