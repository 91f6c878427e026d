"""The deadline, retries and request id of every call. Pure."""

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
    """The deadline and retries of a call."""

    timeout_s: float = 30.0
    """Default deadline of a call, including all its attempts."""
    max_attempts: int = 4
    """Maximum number of attempts. Only UNAVAILABLE is retried (AIP-194)."""
    first_backoff_s: float = 0.1
    """Maximum pause before the second attempt. It doubles with each further attempt."""
    max_backoff_s: float = 2.0
    """Maximum pause before any attempt, even if the service asks for a longer one."""

    def pause_before_retry_s(
        self, error: MegaRouterError, attempt: int, remaining_s: float, draw: Callable[[], float]
    ) -> float | None:
        """Returns the seconds to wait after a failed attempt, or None if the failure is final.

        Args:
            error: the failure.
            attempt: the number of attempts made so far, from 1.
            remaining_s: seconds until the deadline.
            draw: returns a random number from 0 to 1, so that clients that failed together do not retry together.
        """
        if error.code is not grpc.StatusCode.UNAVAILABLE or attempt >= self.max_attempts:
            return None
        longest = min(self.first_backoff_s * 2 ** (attempt - 1), self.max_backoff_s)
        pause = max(longest * draw(), min(error.retry_after_s or 0.0, self.max_backoff_s))
        return pause if pause < remaining_s else None


def with_request_id(request: Request, make_id: Callable[[], str] = lambda: str(uuid.uuid4())) -> Request:
    """Returns a request that is safe to retry (AIP-155): a copy with a new `request_id` if it has such a field and it is empty.

    The caller's message is not modified.
    """
    field = request.DESCRIPTOR.fields_by_name.get(REQUEST_ID)
    if field is None or field.type != field.TYPE_STRING or getattr(request, REQUEST_ID):
        return request
    identified = type(request)()
    identified.CopyFrom(request)
    setattr(identified, REQUEST_ID, make_id())
    return identified
