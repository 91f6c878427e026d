"""Seals the credentials of providers. A seal is bound to its provider: moved to another row, it cannot be opened."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.channel_seals import open_seal, seal

_FINGERPRINT_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class CredentialPlace:
    """What a seal is bound to."""

    provider: str

    @property
    def bound(self) -> bytes:
        """The associated data of the seal."""
        return f"megarouter provider credential\0{self.provider}".encode()


@dataclass(frozen=True, slots=True)
class OwnCredentialPlace:
    """What the seal of an organization's own key is bound to."""

    organization: str
    provider: str

    @property
    def bound(self) -> bytes:
        """The associated data of the seal. Names have no zero byte."""
        return f"megarouter organization credential\0{self.organization}\0{self.provider}".encode()


@dataclass(frozen=True, slots=True)
class CredentialKeys:
    """The keys that open seals. The first one seals."""

    accepted: tuple[bytes, ...]
    random_bytes: Callable[[int], bytes]

    def seal(self, secret: str, provider: str) -> bytes:
        """Returns the sealed credential of a provider."""
        return seal(secret, CredentialPlace(provider), self.accepted[0], self.random_bytes)

    def open(self, sealed: bytes, provider: str) -> str:
        """Returns the credential of a provider.

        Raises:
            SealError: no key opens it for this provider.
        """
        return open_seal(sealed, CredentialPlace(provider), self.accepted)

    def seal_own(self, secret: str, organization: str, provider: str) -> bytes:
        """Returns the sealed key of an organization at a provider."""
        return seal(secret, OwnCredentialPlace(organization, provider), self.accepted[0], self.random_bytes)

    def open_own(self, sealed: bytes, organization: str, provider: str) -> str:
        """Returns the key of an organization at a provider.

        Raises:
            SealError: no key opens it for this organization and provider.
        """
        return open_seal(sealed, OwnCredentialPlace(organization, provider), self.accepted)

    def fingerprint(self, secret: str, provider: str, organization: str = "") -> str:
        """Returns digits by which people can see whether a credential is still the same. They reveal nothing of it.

        Those of organizations differ, so that no one learns whether another organization has the same key.
        """
        owner = f"{organization}\0{provider}" if organization else provider
        message = f"megarouter fingerprint\0{owner}\0{secret}".encode()
        return hmac.new(self.accepted[0], message, hashlib.sha256).hexdigest()[:_FINGERPRINT_DIGITS]
