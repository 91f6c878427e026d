"""Errors of the admin API. Every failure is a `google.rpc.Status` with exactly one `ErrorInfo` (AIP-193)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from gateway_core.contract.doors import ADMIN_UNAUTHENTICATED
from gateway_core.contract.errors import ERROR_DOMAIN


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A request field that breaks its rule."""

    field: str
    description: str


class AdminError(Exception):
    """A call that fails, with everything that its caller sees."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: ErrorReason.ValueType,
        message: str,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        details: Sequence[Message] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.details = tuple(details)
        """More google.rpc details, such as QuotaFailure; each type at most once."""


def status_of(error: AdminError) -> status_pb2.Status:
    """Returns the status that goes to the caller."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=ErrorReason.Name(error.reason), domain=ERROR_DOMAIN, metadata=error.metadata)
    ]
    if error.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field, description=violation.description
                    )
                    for violation in error.violations
                ]
            )
        )
    details += error.details
    return status_pb2.Status(
        code=error.code.value[0], message=error.message, details=[_packed(item) for item in details]
    )


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def unauthenticated() -> AdminError:
    """The error for every unusable token. It does not say what is wrong with the token."""
    return AdminError(
        grpc.StatusCode.UNAUTHENTICATED,
        ErrorReason.ACCESS_TOKEN_INVALID,
        ADMIN_UNAUTHENTICATED,
    )


def sign_in_link_invalid() -> AdminError:
    """The error for every sign-in link that cannot be used. It does not say why."""
    message = "This sign-in link cannot be used: it was used or revoked, or has expired. Ask its sender for a new one."
    return AdminError(grpc.StatusCode.UNAUTHENTICATED, ErrorReason.SIGN_IN_LINK_INVALID, message)


def permission_denied(permission: str, resource: str) -> AdminError:
    """The error for a resource that is forbidden or does not exist, the same for both (AIP-211)."""
    return AdminError(
        grpc.StatusCode.PERMISSION_DENIED,
        ErrorReason.PERMISSION_DENIED,
        f"Permission {permission} denied on resource '{resource}' (or it might not exist).",
        {"permission": permission, "resource": resource},
    )


def already_exists(resource: object) -> AdminError:
    """The error for an id that is taken, possibly by something deleted."""
    message = f"{resource} already exists, or existed before. Ids are never reused: choose another one."
    return AdminError(grpc.StatusCode.ALREADY_EXISTS, ErrorReason.ALREADY_EXISTS, message, {"resource": str(resource)})


def invalid_fields(*violations: FieldViolation) -> AdminError:
    """The error for fields that break their rules."""
    message = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
    return AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.FIELD_INVALID, message, violations=violations)


def dependency_unavailable(what: str = "its database") -> AdminError:
    """The error for a store that does not answer now: PostgreSQL by default."""
    return AdminError(
        grpc.StatusCode.UNAVAILABLE,
        ErrorReason.DEPENDENCY_UNAVAILABLE,
        f"The service cannot reach {what}. Try again.",
    )


def internal_fault(incident: str) -> AdminError:
    """The error for a fault of the service itself. The log describes it under the incident id."""
    return AdminError(
        grpc.StatusCode.INTERNAL,
        ErrorReason.INTERNAL_FAULT,
        f"The service failed. Report incident {incident}; the service's log describes it.",
        {"incident": incident},
    )
