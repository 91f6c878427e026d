"""What a token of an identity provider says about a person (OpenID Connect).

Envoy checks the token: signature, issuer, audience and times. It forwards the verified payload in a header that clients cannot set,
and proves with the deployment's secret that the call came through it. A caller who bypasses Envoy has no such proof, so this
service ignores their token.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway_core.contract import headers

MAX_PAYLOAD_CHARACTERS: Final = 16_384
_MAX_ISSUER: Final = 500
_MAX_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_MAX_NAME: Final = 200
_MAX_EMAIL: Final = 254  # RFC 5321, section 4.5.3.1.3
# ASCII only: some letters of other scripts become ASCII when lowercased, and would match another person's address.
# A domain has no empty label: `acme.example.` with a final dot would be another spelling of a domain that an issuer vouches for.
_EMAIL: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)
# Entra ID says with it whether the domain of `email` was verified, in one of several forms.
_ENTRA_VERIFIED: Final = "xms_edov"
_ENTRA_TRUE: Final = (True, 1, "1", "true")

Metadata = Sequence[tuple[str, str | bytes]]


class EdgeProof:
    """Tells calls that came through Envoy from those that bypassed it."""

    def __init__(self, *secrets: str) -> None:
        """Prepares it. There are two secrets while the deployment replaces its secret."""
        self._secrets = tuple(secret.encode() for secret in secrets if secret)

    def holds(self, metadata: Metadata) -> bool:
        """Whether the call came through Envoy. Compares in constant time. Without any secret the answer is always no."""
        given = [value for key, value in metadata if key == headers.EDGE_SECRET]
        if len(given) != 1 or not isinstance(given[0], str):
            return False
        value = given[0].encode()
        return any(hmac.compare_digest(value, secret) for secret in self._secrets)


@dataclass(frozen=True, slots=True)
class ProviderUser:
    """A person as an identity provider identifies them."""

    issuer: str
    subject: str
    verified_email: str | None
    """The e-mail address in lower case; None unless the provider says that it is verified."""
    display_name: str
    """The name, or else the address or the subject."""
    has_name: bool = True
    """Whether the provider gave the name."""


def verified_claims(token: str, metadata: Metadata) -> dict[str, Any] | None:
    """Returns the claims of the token if its payload is the one that Envoy forwards as verified, else None."""
    forwarded = [value for key, value in metadata if key == headers.IDENTITY]
    parts = token.split(".")
    if len(forwarded) != 1 or len(parts) != 3 or forwarded[0] != parts[1]:
        return None
    return _claims(parts[1])


def _claims(payload: str) -> dict[str, Any] | None:
    if len(payload) > MAX_PAYLOAD_CHARACTERS:
        return None
    try:
        claims = json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def identity_of_claims(claims: dict[str, Any], email_claim: str | None = None) -> ProviderUser | None:
    """Returns the identity in the claims of an ID token, or None if they lack a usable issuer or subject.

    Args:
        claims: of a token that Envoy verified.
        email_claim: where the issuer has an address that counts without `email_verified`.
    """
    issuer, subject, name = claims.get("iss"), claims.get("sub"), claims.get("name")
    if not (_is_text(issuer, _MAX_ISSUER) and _is_text(subject, _MAX_SUBJECT)):
        return None
    email = _verified_email(claims, email_claim)
    if _is_text(name, _MAX_NAME):
        return ProviderUser(str(issuer), str(subject), email, str(name))
    return ProviderUser(str(issuer), str(subject), email, email or str(subject)[:_MAX_NAME], has_name=False)


def _verified_email(claims: dict[str, Any], email_claim: str | None) -> str | None:
    """Returns the address only if `email_verified` is the boolean true. Other truthy values, such as "true", do not count.

    With an `email_claim`, no claim has to say that the address is verified, but none may say that it is not.
    """
    verified = claims.get("email_verified", email_claim is not None)
    if verified is not True or (email_claim and claims.get(_ENTRA_VERIFIED, True) not in _ENTRA_TRUE):
        return None
    email = claims.get(email_claim or "email")
    return str(email).lower() if _is_text(email, _MAX_EMAIL) and _EMAIL.fullmatch(str(email)) else None


def _is_text(value: object, maximum: int) -> bool:
    """Whether the value is printable text that PostgreSQL can store. Control characters and lone surrogates are not printable."""
    return isinstance(value, str) and 0 < len(value) <= maximum and value.isprintable()
