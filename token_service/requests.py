"""The requests for tokens: pure functions of a source, its credential and the time."""

import base64
import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway_core.model.catalog.providers.authentication import GoogleServiceAccount, MicrosoftEntra, may_carry_secrets
from token_service.problems import Problem, TokenError

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE_S: Final = 600


@dataclass(frozen=True, slots=True, repr=False)
class TokenRequest:
    """A POST of a form."""

    url: str
    form: bytes


def request_of(
    authentication: GoogleServiceAccount | MicrosoftEntra, credential: str, now_epoch_s: int
) -> TokenRequest:
    """Returns the request for a token.

    Raises:
        TokenError: the credential has not the form that it must have.
    """
    if isinstance(authentication, MicrosoftEntra):
        return _entra(authentication, credential)
    return _google(authentication, credential, now_epoch_s)


def _entra(entra: MicrosoftEntra, client_secret: str) -> TokenRequest:
    form = {
        "grant_type": "client_credentials",
        "client_id": entra.client_id,
        "client_secret": client_secret,
        "scope": entra.scope,
    }
    return TokenRequest(f"{entra.authority}/{entra.tenant}/oauth2/v2.0/token", urlencode(form).encode())


def _google(account: GoogleServiceAccount, key_json: str, now_epoch_s: int) -> TokenRequest:
    email, key_id, key, url = _service_account(key_json)
    header = {"alg": "RS256", "typ": "JWT", "kid": key_id}
    claims = {
        "iss": email,
        "scope": account.scope,
        "aud": url,
        "iat": now_epoch_s,
        "exp": now_epoch_s + _ASSERTION_LIFE_S,
    }
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    form = {"grant_type": _JWT_BEARER, "assertion": f"{signed}.{_encoded(signature)}"}
    return TokenRequest(url, urlencode(form).encode())


def _service_account(key_json: str) -> tuple[str, str, rsa.RSAPrivateKey, str]:
    try:
        fields = json.loads(key_json)
        email, key_id, url = fields["client_email"], fields["private_key_id"], fields["token_uri"]
        key = serialization.load_pem_private_key(fields["private_key"].encode(), password=None)
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        # The cause would quote the key.
        raise TokenError(Problem.CREDENTIAL, "the credential is not the JSON key of a service account") from None
    if not isinstance(key, rsa.RSAPrivateKey) or not all(isinstance(text, str) for text in (email, key_id, url)):
        raise TokenError(Problem.CREDENTIAL, "the credential is not the JSON key of a service account")
    if not may_carry_secrets(url):
        raise TokenError(Problem.CREDENTIAL, "token_uri of the service account must begin with https://")
    return email, key_id, key, url


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
