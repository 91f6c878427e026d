"""Entity tags (AIP-154): they change with every change of a resource, so that nobody overwrites what they have not seen."""

import hashlib

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError


def etag_of(*facts: object) -> str:
    """A strong tag of the facts, in quotes."""
    return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"'


def check_etag(given: str, current: str) -> None:
    """Passes when the caller gave no tag, or the one of the resource as it is.

    Raises:
        AdminError: ETAG_MISMATCH.
    """
    if given and given != current:
        message = "The resource was changed since it was read: read it again and repeat the change."
        raise AdminError(grpc.StatusCode.ABORTED, ErrorReason.ETAG_MISMATCH, message)
