"""Entity tags (AIP-154). A tag changes with every change of its resource, so a caller cannot overwrite what they have not seen."""

import hashlib

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError


def etag_of(*facts: object) -> str:
    """Returns a strong tag of the facts, in quotes."""
    return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"'


def check_etag(given: str, current: str) -> None:
    """Passes if the caller gave no tag, or the current tag of the resource.

    Raises:
        AdminError: ETAG_MISMATCH.
    """
    if given and given != current:
        message = "The resource has changed since you read it. Read it again and repeat the change."
        raise AdminError(grpc.StatusCode.ABORTED, ErrorReason.ETAG_MISMATCH, message)
