"""Access tokens of users: bearer tokens of the admin API, kept only as a peppered hash (INV-16).

`mrt-<43 characters, 256 random bits>-<6 hex digits>`: an API key with another first part, so that neither is ever taken for
the other.
"""

from typing import Final

from gateway_core.model.organization.api_keys import hash_api_key, is_well_formed, make_api_key

_PREFIX: Final = "mrt-"
_API_KEY_PREFIX: Final = "mr-"


def make_access_token(randomness: bytes) -> str:
    """A new token from 32 random bytes.

    Raises:
        ValueError: not exactly 32 bytes.
    """
    return _PREFIX + make_api_key(randomness).removeprefix(_API_KEY_PREFIX)


def is_access_token(text: str) -> bool:
    """Whether the text has the form of a token and its checksum holds: what has not is refused before any look-up."""
    return text.startswith(_PREFIX) and is_well_formed(_API_KEY_PREFIX + text.removeprefix(_PREFIX))


def hash_access_token(token: str, pepper: bytes) -> bytes:
    """HMAC-SHA256 of the whole token under the deployment's pepper, 32 bytes."""
    return hash_api_key(token, pepper)


def obfuscated_access_token(token: str) -> str:
    """What may be shown of a token after its creation: `mrt-Ab3d…9f0c`."""
    return f"{token[:8]}…{token[-4:]}"
