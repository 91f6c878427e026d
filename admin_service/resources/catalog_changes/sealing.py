"""Seals credentials. A seal is bound to its place: moved to another row, it cannot be opened."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.api.errors import AdminError, FieldViolation, invalid_fields
from gateway_core.stores.channel_seals import open_seal, seal

_FINGERPRINT_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class CredentialPlace:
    """What a seal is bound to."""

    provider: str
    organization: str = ""
    """The one whose own key it is; empty for the credential of all."""

    @property
    def bound(self) -> bytes:
        """The associated data of the seal. Names have no zero byte."""
        kind = "organization" if self.organization else "provider"
        return f"megarouter {kind} credential\0{self.name}".encode()

    @property
    def name(self) -> str:
        """Differs from that of every other place."""
        return f"{self.organization}\0{self.provider}" if self.organization else self.provider


@dataclass(frozen=True, slots=True)
class CredentialKeys:
    """The keys that open seals. The first one seals."""

    accepted: tuple[bytes, ...]
    random_bytes: Callable[[int], bytes]

    def seal(self, secret: str, place: CredentialPlace) -> bytes:
        """Returns the sealed credential of a place."""
        return seal(secret, place, self.accepted[0], self.random_bytes)

    def open(self, sealed: bytes, place: CredentialPlace) -> str:
        """Returns the credential of a place.

        Raises:
            SealError: no key opens it for this place.
        """
        return open_seal(sealed, place, self.accepted)

    def fingerprint(self, secret: str, place: CredentialPlace) -> str:
        """Returns digits by which people can see whether a credential is still the same. They reveal nothing of it.

        Those of organizations differ, so that no one learns whether another organization has the same key.
        """
        message = f"megarouter fingerprint\0{place.name}\0{secret}".encode()
        return hmac.new(self.accepted[0], message, hashlib.sha256).hexdigest()[:_FINGERPRINT_DIGITS]


def keys_for(secret: str, keys: CredentialKeys | None) -> CredentialKeys:
    """Returns the keys that seal the secret of a request.

    Raises:
        AdminError: CREDENTIALS_NOT_KEPT, the deployment has no keys; FIELD_INVALID, Envoy cannot send the secret.
    """
    if keys is None:
        message = "This deployment has no key for credentials. Ask an operator to set MEGAROUTER_CREDENTIAL_KEY."
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.CREDENTIALS_NOT_KEPT, message)
    if not secret.isascii() or not secret.isprintable() or secret.strip() != secret:
        raise invalid_fields(FieldViolation("secret", "must be printable ASCII without spaces at its ends"))
    return keys
