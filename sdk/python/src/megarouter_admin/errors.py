"""`MegaRouterError`: the exception for every failed call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

Detail = TypeVar("Detail", bound=Message)

STATUS_DETAILS: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """An invalid field of the request."""

    field: str
    """Path from the request, such as `api_key.display_name`."""
    description: str
    """What is wrong with the field, for people."""


class MegaRouterError(Exception):
    """A failed call. `str()` of it is for people; the attributes are for programs."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_after_s: float | None = None,
        details: Sequence[AnyMessage] = (),
    ) -> None:
        super().__init__(f"{code.name}{f' ({reason})' if reason else ''}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        """A value of `megarouter.type.v1.ErrorReason`, which never changes; empty if no MegaRouter service answered."""
        self.metadata: dict[str, str] = dict(metadata or {})
        """Details of the reason, such as `permission` and `resource`."""
        self.field_violations = tuple(field_violations)
        self.retry_after_s = retry_after_s
        """Seconds after which a retry may succeed; None if the service named none."""
        self.details = tuple(details)
        """Every error detail that the service sent."""


def error_from(
    code: grpc.StatusCode, message: str | None, trailers: Sequence[tuple[str, str | bytes]] | None
) -> MegaRouterError:
    """Creates the error for a failed call from its status and the error details in its trailers."""
    text = message or code.name
    encoded = next((value for key, value in trailers or () if key == STATUS_DETAILS), b"")
    if not isinstance(encoded, bytes) or not encoded:
        return MegaRouterError(code, text)
    try:
        details = status_pb2.Status.FromString(encoded).details
    except ValueError:
        return MegaRouterError(code, text)
    info, bad_request, retry = (
        _unpacked(details, kind())
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
    )
    return MegaRouterError(
        code,
        text,
        reason=info.reason if info else "",
        metadata=info.metadata if info else {},
        field_violations=[
            FieldViolation(violation.field, violation.description) for violation in bad_request.field_violations
        ]
        if bad_request
        else (),
        retry_after_s=retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
        details=details,
    )


def _unpacked(details: Sequence[AnyMessage], message: Detail) -> Detail | None:
    return message if any(detail.Unpack(message) for detail in details) else None
