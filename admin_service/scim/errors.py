"""Errors of SCIM (RFC 7644, section 3.12), and how errors of the admin API look in SCIM."""

from typing import Any, Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError

_SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_STATUS: Final = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 412,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 403,
    grpc.StatusCode.UNAVAILABLE: 503,
}
_CODE: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    409: grpc.StatusCode.ALREADY_EXISTS,
    412: grpc.StatusCode.ABORTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
}


class ScimError(AdminError):
    """A request that SCIM refuses."""

    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(_CODE[status], ErrorReason.FIELD_INVALID, detail)
        self.status = status
        self.scim_type = scim_type


def invalid_value(detail: str) -> ScimError:
    """The error for a value that does not fit its attribute."""
    return ScimError(400, detail, "invalidValue")


def not_found(path: str) -> ScimError:
    """The error for what is not there, or belongs to another organization."""
    return ScimError(404, f"There is no {path[:200]!r} in this organization.")


def not_allowed(path: str) -> ScimError:
    """The error for a path that does not have the HTTP method."""
    return ScimError(405, f"{path[:200]!r} does not have this method.")


def status_of(error: AdminError) -> int:
    """Returns the HTTP status of an error."""
    return error.status if isinstance(error, ScimError) else _STATUS.get(error.code, 500)


def body_of(error: AdminError) -> dict[str, Any]:
    """Returns an error as SCIM writes it."""
    body = {"schemas": [_SCHEMA], "status": str(status_of(error)), "detail": error.message}
    if isinstance(error, ScimError) and error.scim_type:
        body["scimType"] = error.scim_type
    return body
