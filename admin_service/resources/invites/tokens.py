"""Tokens of invites, kept only as a peppered hash (INV-16).

`mri-<43 characters, 256 random bits>-<6 hex digits>`: an API key with another first part, so that no token is ever taken for
another kind.
"""

from typing import Final

from gateway_core.model.organization.api_keys import hash_api_key, is_well_formed, make_api_key

_PREFIX: Final = "mri-"
_API_KEY_PREFIX: Final = "mr-"


def make_invite_token(randomness: bytes) -> str:
    """A new token from 32 random bytes.

    Raises:
        ValueError: not exactly 32 bytes.
    """
    return _PREFIX + make_api_key(randomness).removeprefix(_API_KEY_PREFIX)


def is_invite_token(text: str) -> bool:
    """Whether the text has the form of a token and its checksum holds: what has not is refused before any look-up."""
    return text.startswith(_PREFIX) and is_well_formed(_API_KEY_PREFIX + text.removeprefix(_PREFIX))


def hash_invite_token(token: str, pepper: bytes) -> bytes:
    """HMAC-SHA256 of the whole token under the deployment's pepper, 32 bytes."""
    return hash_api_key(token, pepper)


def invite_link(page: str | None, token: str) -> str:
    """The link to send: the token behind `#`, which browsers send to no server. Empty without a page for invites."""
    return f"{page}#{token}" if page else ""
