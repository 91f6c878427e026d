"""Bearer secrets: API keys, access tokens, invite tokens, credentials, and links to sign in and to reports. They share one form,
one checksum and one peppered hash (INV-16).

The form is `<prefix>-<43 characters, 256 random bits>-<6 hex digits>`. The prefix identifies the kind, so a secret is
never mistaken for another kind. The last part is a checksum, so a mistyped secret is refused before any lookup. Secrets
of 256 bits need no slow hash. The pepper makes a stolen database useless.
"""

import base64
import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass
from typing import Final

SECRET_BYTES: Final = 32
_SHOWN_CHARACTERS: Final = 4


class SecretKind:
    """One kind of bearer secret, identified by its prefix."""

    __slots__ = ("_form", "prefix")

    def __init__(self, prefix: str) -> None:
        self.prefix = f"{prefix}-"
        self._form = re.compile(rf"{prefix}-([A-Za-z0-9_-]{{43}})-([0-9a-f]{{6}})")

    def make(self, randomness: bytes) -> str:
        """Returns a new secret made from 32 random bytes.

        Raises:
            ValueError: `randomness` is not exactly 32 bytes.
        """
        if len(randomness) != SECRET_BYTES:
            raise ValueError(f"a secret is made from {SECRET_BYTES} random bytes")
        text = base64.urlsafe_b64encode(randomness).rstrip(b"=").decode()
        return f"{self.prefix}{text}-{_checksum(text)}"

    def is_well_formed(self, text: str) -> bool:
        """Returns whether the text has the form of this kind and a correct checksum."""
        match = self._form.fullmatch(text)
        return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])

    def obfuscated(self, secret: str) -> str:
        """Returns what may be shown of a secret after its creation: `mr-Ab3d…9f0c`."""
        return f"{secret[: len(self.prefix) + _SHOWN_CHARACTERS]}…{secret[-_SHOWN_CHARACTERS:]}"


API_KEY: Final = SecretKind("mr")
"""Authenticates calls of models."""
ACCESS_TOKEN: Final = SecretKind("mrt")
"""Authenticates a user at the admin API."""
INVITE_TOKEN: Final = SecretKind("mri")
"""Lets its holder accept an invite."""
CREDENTIAL: Final = SecretKind("mrc")
"""Authenticates a program at the admin API, such as a SCIM connection."""
SIGN_IN_LINK: Final = SecretKind("mrl")
"""Lets its holder sign in once."""
REPORT_LINK: Final = SecretKind("mrr")
"""Lets its holder open a report that somebody shares."""


def hash_secret(secret: str, pepper: bytes) -> bytes:
    """Returns the HMAC-SHA256 (32 bytes) of the whole secret under the deployment's pepper."""
    return hmac.digest(pepper, secret.encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True, repr=False)
class Peppers:
    """The peppers that are accepted. There is more than one only while the pepper is replaced."""

    current: bytes
    """Hashes every new secret."""
    previous: bytes | None = None
    """Hashed older secrets. Their hashes are replaced when they are used."""
    following: bytes | None = None
    """Other replicas already hash with it. Its hashes are left as they are."""

    @property
    def others(self) -> tuple[bytes, ...]:
        """The accepted peppers besides the current one."""
        return tuple(pepper for pepper in (self.previous, self.following) if pepper is not None)

    @property
    def name(self) -> str:
        """What the database stores beside a hash to tell which pepper made it. It says nothing about the pepper."""
        return pepper_name(self.current)

    def hashes_of(self, secret: str) -> list[bytes]:
        """Returns every hash under which the secret may be stored, the current one first."""
        return [hash_secret(secret, pepper) for pepper in (self.current, *self.others)]

    def replacement_of(self, found: bytes, secret: str) -> bytes | None:
        """Returns the hash that must replace the one under which the secret was found; None if it is to stay."""
        if self.previous is None or found != hash_secret(secret, self.previous):
            return None
        return hash_secret(secret, self.current)


def pepper_name(pepper: bytes) -> str:
    """Returns 16 hex digits that identify a pepper."""
    return hmac.digest(pepper, b"megarouter name of the pepper", hashlib.sha256)[:8].hex()


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()) & 0xFFFFFF:06x}"
