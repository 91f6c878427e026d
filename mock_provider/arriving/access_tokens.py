"""The token endpoints of Google and Microsoft Entra, and the tokens that they have given.

Google wants an assertion that is signed with the key of a service account; Entra wants the secret of an application. A token is
random, lives for a stated time, and is accepted until its end.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE_MAX_S = 3_600
_SKEW_S = 60


class TokenRefusalError(Exception):
    """The endpoint gives no token. The text is the code of the error (RFC 6749)."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may have tokens."""

    public_keys: Mapping[str, rsa.RSAPublicKey] = field(default_factory=dict)
    """Of service accounts, by e-mail address."""
    client_secrets: Mapping[str, str] = field(default_factory=dict)
    """Of applications, by client id."""
    life_s: int = 3_600
    """How long a token lives."""


def read_accounts(text: str) -> Accounts:
    """Reads `{"service_accounts": {EMAIL: PUBLIC_PEM}, "applications": {CLIENT_ID: SECRET}, "life_s": N}`.

    Raises:
        ValueError: the text has another form.
    """
    fields = json.loads(text)
    keys = {}
    for email, pem in fields.get("service_accounts", {}).items():
        key = serialization.load_pem_public_key(pem.encode())
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError(f"{email}: the key is not one of RSA")  # noqa: TRY004 - of a file
        keys[email] = key
    return Accounts(keys, dict(fields.get("applications", {})), int(fields.get("life_s", 3_600)))


class AccessTokens:
    """The tokens that were given."""

    def __init__(self, accounts: Accounts, now_s: Callable[[], float]) -> None:
        self._accounts = accounts
        self._now_s = now_s
        self._ends_s: dict[str, float] = {}

    def give(self, path: str, form: Mapping[str, str], url: str) -> dict[str, Any]:
        """Returns the answer to a request for a token.

        Args:
            path: that of Entra ends with `/oauth2/v2.0/token`, and that of Google with `/token`.
            form: the fields of the body.
            url: of the request, for which an assertion must be meant.

        Raises:
            TokenRefusalError: the request gives no right to a token.
        """
        if path.endswith("/oauth2/v2.0/token"):
            self._check_application(form)
        else:
            self._check_assertion(form, url)
        token = secrets.token_urlsafe(48)
        self._ends_s[token] = self._now_s() + self._accounts.life_s
        return {"access_token": token, "expires_in": self._accounts.life_s, "token_type": "Bearer"}

    def accepts(self, authorization: str) -> bool:
        """Returns whether a header has a token that was given and has not ended."""
        scheme, _, token = authorization.partition(" ")
        return scheme == "Bearer" and self._ends_s.get(token, 0.0) > self._now_s()

    def _check_application(self, form: Mapping[str, str]) -> None:
        if form.get("grant_type") != "client_credentials" or not form.get("scope", "").endswith("/.default"):
            raise TokenRefusalError("invalid_scope")
        known = self._accounts.client_secrets.get(form.get("client_id", ""))
        if known is None or known != form.get("client_secret"):
            raise TokenRefusalError("invalid_client")

    def _check_assertion(self, form: Mapping[str, str], url: str) -> None:
        if form.get("grant_type") != _JWT_BEARER:
            raise TokenRefusalError("unsupported_grant_type")
        signed, _, signature = form.get("assertion", "").rpartition(".")
        try:
            claims = json.loads(_decoded(signed.split(".")[1]))
            self._accounts.public_keys[claims["iss"]].verify(
                _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            life_s, is_for_us = claims["exp"] - claims["iat"], claims["aud"] == url
        except (ValueError, TypeError, IndexError, KeyError, InvalidSignature):
            raise TokenRefusalError("invalid_grant") from None
        is_now = claims["iat"] - _SKEW_S <= self._now_s() <= claims["exp"]
        if not is_for_us or not is_now or not 0 < life_s <= _ASSERTION_LIFE_MAX_S or not claims.get("scope"):
            raise TokenRefusalError("invalid_grant")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
