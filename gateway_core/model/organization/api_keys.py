"""API keys: their form, their checksum, and the peppered hash that is all the database keeps (INV-16).

`mr-<43 characters, 256 random bits>-<6 hex digits>`. The last part is a checksum: a mistyped key is refused before any
look-up. Secrets of 256 bits need no slow hash; the pepper makes a stolen database useless.
"""

import base64
import hashlib
import hmac
import re
import zlib
from typing import Final

SECRET_BYTES: Final = 32
_KEY: Final = re.compile(r"mr-([A-Za-z0-9_-]{43})-([0-9a-f]{6})")


def make_api_key(randomness: bytes) -> str:
    """A new key from 32 random bytes.

    Raises:
        ValueError: not exactly 32 bytes.
    """
    if len(randomness) != SECRET_BYTES:
        raise ValueError(f"an API key is made from {SECRET_BYTES} random bytes")
    secret = base64.urlsafe_b64encode(randomness).rstrip(b"=").decode()
    return f"mr-{secret}-{_checksum(secret)}"


def is_well_formed(text: str) -> bool:
    """Whether the text has the form of a key and its checksum holds."""
    match = _KEY.fullmatch(text)
    return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])


def hash_api_key(key: str, pepper: bytes) -> bytes:
    """HMAC-SHA256 of the key under the deployment's pepper, 32 bytes."""
    return hmac.digest(pepper, key.encode(), hashlib.sha256)


def obfuscate(key: str) -> str:
    """What may be shown of a key after its creation: `mr-Ab3d…9f0c`."""
    return f"{key[:7]}…{key[-4:]}"


def _checksum(secret: str) -> str:
    return f"{zlib.crc32(secret.encode()) & 0xFFFFFF:06x}"
