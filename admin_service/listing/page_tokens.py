"""Page tokens (AIP-158): opaque, signed, bound to the call they continue. A token grants no access."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

MAX_TOKEN_BYTES: Final = 1_024
LIFE_S: Final = 3 * 86_400
# The number is the version of the payload: tokens of another version are refused.
_KEY_LABEL: Final = b"megarouter page tokens 2"
_MAC_BYTES: Final = 16


class PageTokenError(Exception):
    """The token is malformed, expired, or was made for another call."""


class PageTokens:
    """Makes and reads tokens. The signing key is derived, so a token reveals nothing about any other secret."""

    def __init__(self, secret: bytes, now_epoch_s: Callable[[], float], others: Sequence[bytes] = ()) -> None:
        """Prepares it.

        Args:
            secret: signs tokens.
            now_epoch_s: returns the time.
            others: secrets of other replicas, while the deployment replaces its secret. Their tokens are accepted.
        """
        self._key, *self._others = (hmac.digest(each, _KEY_LABEL, hashlib.sha256) for each in (secret, *others))
        self._now = now_epoch_s

    def encode(self, last_key: str, arguments: str) -> str:
        """Returns the token for the rows after `last_key`.

        Args:
            last_key: sort key of the last entry of this page.
            arguments: everything about the call that must be the same for the next page.
        """
        payload = f"{int(self._now())} {last_key}".encode()
        return base64.urlsafe_b64encode(_mac(self._key, payload, arguments) + payload).rstrip(b"=").decode()

    def decode(self, token: str, arguments: str) -> str:
        """Returns the last key of the previous page.

        Args:
            token: as the caller sent it.
            arguments: of this call, as for `encode`.

        Raises:
            PageTokenError: the token is malformed, expired, or was made for another call.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise PageTokenError("the page token is malformed") from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(key, payload, arguments)) for key in (self._key, *self._others)):
            raise PageTokenError("the page token was not made for this call")
        issued, _, last_key = payload.decode().partition(" ")
        if not 0 <= self._now() - int(issued) <= LIFE_S:
            raise PageTokenError("the page token has expired")
        return last_key


def _mac(key: bytes, payload: bytes, arguments: str) -> bytes:
    digest = hmac.new(key, digestmod=hashlib.sha256)
    digest.update(hashlib.sha256(arguments.encode()).digest() + payload)
    return digest.digest()[:_MAC_BYTES]
