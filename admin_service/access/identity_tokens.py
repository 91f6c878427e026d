"""Users whom an identity provider vouches for (OpenID Connect).

Envoy checks the token: signature, issuer, audience and times. It forwards the verified payload in a header that clients cannot set,
and proves with the deployment's secret that the call came through it. A caller who bypasses Envoy has no such proof, so this
service ignores their token.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from admin_service.access.directory import Directory, Grant
from admin_service.access.operators import Identity, Operators
from gateway_core.contract import headers
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN
from gateway_core.stores.postgres.connections import Connection

MAX_PAYLOAD_CHARACTERS: Final = 16_384
_MAX_ISSUER: Final = 500
_MAX_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_MAX_NAME: Final = 200
_MAX_EMAIL: Final = 254  # RFC 5321, section 4.5.3.1.3
# ASCII only: some letters of other scripts become ASCII when lowercased, and would match another person's address.
_EMAIL: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+", re.ASCII)

_KNOWN: Final = "SELECT user_id FROM user_identities WHERE issuer = $1 AND subject = $2"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(10) || $2, 20))"
_ADD_USER: Final = """
INSERT INTO users (user_id, email, display_name) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING RETURNING user_id
"""
_OF_EMAIL: Final = "SELECT user_id FROM users WHERE email = $1"
_LINK: Final = "INSERT INTO user_identities (issuer, subject, user_id) VALUES ($1, $2, $3)"

Metadata = Sequence[tuple[str, str | bytes]]


class EdgeProof:
    """Tells calls that came through Envoy from those that bypassed it."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret.encode() if secret else None

    def holds(self, metadata: Metadata) -> bool:
        """Whether the call came through Envoy. Compares in constant time. Without a secret the answer is always no."""
        given = [value for key, value in metadata if key == headers.EDGE_SECRET]
        if self._secret is None or len(given) != 1 or not isinstance(given[0], str):
            return False
        return hmac.compare_digest(given[0].encode(), self._secret)


@dataclass(frozen=True, slots=True)
class ProviderUser:
    """A person as an identity provider identifies them."""

    issuer: str
    subject: str
    verified_email: str | None
    """The e-mail address in lower case; None unless the provider says that it is verified."""
    display_name: str


class IdentityTokens:
    """Finds the user behind a token of an identity provider, and creates the user the first time."""

    def __init__(
        self, pool: asyncpg.Pool, proof: EdgeProof, make_user_id: Callable[[], str], operators: Operators
    ) -> None:
        self._pool = pool
        self._proof = proof
        self._make_user_id = make_user_id
        self._operators = operators

    async def grant_of_identity_token(self, token: str, metadata: Metadata) -> Grant | None:
        """Returns all the rights of the token's user, or None if Envoy did not verify the token.

        Args:
            token: the only bearer token of the call.
            metadata: the gRPC metadata of the call as it arrived.
        """
        claims = verified_claims(token, metadata) if self._proof.holds(metadata) else None
        identity = identity_of_claims(claims) if claims else None
        if claims is None or identity is None:
            return None
        known = await self._pool.fetchval(_KNOWN, identity.issuer, identity.subject)
        user = known or await self._meet(identity)
        named = Identity(identity.issuer, identity.subject)
        is_operator = self._operators.include_sign_in(user, named, identity.verified_email, claims)
        return Grant(user, is_operator=is_operator)

    async def _meet(self, identity: ProviderUser) -> str:
        """Links an identity that is seen for the first time to a user. Concurrent calls link it once."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, identity.issuer, identity.subject)
            known: str | None = await connection.fetchval(_KNOWN, identity.issuer, identity.subject)
            if known is None:
                known = await self._user(connection, identity)
                await connection.execute(_LINK, identity.issuer, identity.subject, known)
            return known

    async def _user(self, connection: Connection, identity: ProviderUser) -> str:
        """Returns the user with the verified address, or a new user if there is none or the identity has no verified address."""
        made = await connection.fetchval(
            _ADD_USER, self._make_user_id(), identity.verified_email, identity.display_name
        )
        return str(made or await connection.fetchval(_OF_EMAIL, identity.verified_email))


class BearerTokens:
    """Finds the user of a bearer token of either kind. No text is valid as both kinds."""

    def __init__(self, directory: Directory, identity_tokens: IdentityTokens) -> None:
        self._directory = directory
        self._identity_tokens = identity_tokens

    async def grant(self, token: str, metadata: Metadata) -> Grant | None:
        """Returns what the bearer may do, or None if the token is not valid."""
        if ACCESS_TOKEN.is_well_formed(token):
            return await self._directory.grant_of_token(token)
        return await self._identity_tokens.grant_of_identity_token(token, metadata)


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


def identity_of_claims(claims: dict[str, Any]) -> ProviderUser | None:
    """Returns the identity in the claims of an ID token, or None if they lack a usable issuer or subject."""
    issuer, subject, name = claims.get("iss"), claims.get("sub"), claims.get("name")
    if not (_is_text(issuer, _MAX_ISSUER) and _is_text(subject, _MAX_SUBJECT)):
        return None
    email = _verified_email(claims)
    display_name = name if _is_text(name, _MAX_NAME) else (email or "")
    return ProviderUser(str(issuer), str(subject), email, str(display_name) or str(subject)[:_MAX_NAME])


def _verified_email(claims: dict[str, Any]) -> str | None:
    """Returns the address only if `email_verified` is the boolean true. Other truthy values, such as "true", do not count."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not _is_text(email, _MAX_EMAIL) or not _EMAIL.fullmatch(str(email)):
        return None
    return str(email).lower()


def _is_text(value: object, maximum: int) -> bool:
    """Whether the value is printable text that PostgreSQL can store. Control characters and lone surrogates are not printable."""
    return isinstance(value, str) and 0 < len(value) <= maximum and value.isprintable()
