"""Seals the targets and secrets of notification channels, because the URL of a chat is a secret, too.

A seal is AES-256-GCM. It is bound to its channel and its use: moved to another place, it cannot be opened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12

Use = Literal["target", "secret"]
"""What is sealed. A former secret was sealed as `secret`, and can be moved without being opened."""


class SealError(Exception):
    """The content cannot be opened: another key sealed it, for another channel or use, or it is damaged."""


class Bound(Protocol):
    """Where a seal is stored."""

    @property
    def bound(self) -> bytes:
        """The associated data of the seal."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a seal is bound to."""

    organization: str
    channel: str
    use: Use

    @property
    def bound(self) -> bytes:
        """The associated data of the seal."""
        # No id contains NUL.
        return "\0".join(("megarouter channel", self.organization, self.channel, self.use)).encode()


def seal(text: str, place: Bound, key: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """Returns the sealed text.

    Args:
        text: the target or the secret.
        place: where it will be stored.
        key: 32 bytes, the current key.
        random_bytes: returns unpredictable bytes.
    """
    nonce = random_bytes(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, text.encode(), place.bound)


def is_sealed_with(sealed: bytes, place: Bound, key: bytes) -> bool:
    """Returns whether this key opens it."""
    try:
        open_seal(sealed, place, (key,))
    except SealError:
        return False
    return True


def open_seal(sealed: bytes, place: Bound, keys: Sequence[bytes]) -> str:
    """Returns the text.

    Args:
        sealed: the output of `seal`.
        place: where it was stored.
        keys: the accepted keys, the current one first.

    Raises:
        SealError: no key opens it at this place.
    """
    head = len(_VERSION) + _NONCE_BYTES
    nonce, content = sealed[len(_VERSION) : head], sealed[head:]
    if sealed[: len(_VERSION)] != _VERSION or len(nonce) != _NONCE_BYTES:
        raise SealError("the seal has an unknown form")
    for key in keys:
        try:
            return AESGCM(key).decrypt(nonce, content, place.bound).decode()
        except InvalidTag:
            continue
    raise SealError("no key opens the seal")
