"""Signs callbacks by Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"


class SecretError(ValueError):
    """The secret is not `whsec_` and base64."""


def signature_headers(event_id: str, time_s: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Returns the headers that prove where a message comes from.

    Args:
        event_id: the id of the message, the same in every attempt.
        time_s: of this attempt, in seconds since the epoch.
        body: the exact bytes that are sent.
        secrets: sign it, each for itself.

    Raises:
        SecretError: a secret is malformed.
    """
    content = f"{event_id}.{time_s}.".encode() + body
    signatures = [_signature(content, _key(secret)) for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(time_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _signature(content: bytes, key: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError("the secret is not base64") from None
    if not secret.startswith(PREFIX) or not key:
        raise SecretError(f"the secret must begin with {PREFIX}")
    return key
