"""Finds the one API key of a call, in any header that an SDK uses."""

import hashlib
import os
from typing import Final
from urllib.parse import parse_qs, urlsplit

from authz_service.request.call import Call
from gateway_core.contract.doors import HOW_TO_AUTHENTICATE, MISSING_KEY
from gateway_core.contract.headers import API_KEY_HEADERS, AUTHORIZATION
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.runtime.bounded_memory import BoundedMemory

INVALID_KEY: Final = Refusal(
    RefusalReason.INVALID_API_KEY,
    "The API key is not valid. Check that you copied all of it, or ask your admin for a new one.",
)
UNKNOWN_KEY: Final = Refusal(
    RefusalReason.INVALID_API_KEY,
    "The API key does not exist: it was deleted, rotated, or never made. Ask your admin for a new one.",
)

_WRONG_SCHEME: Final = Refusal(
    RefusalReason.INVALID_API_KEY, f"The authorization scheme must be Bearer. {HOW_TO_AUTHENTICATE}"
)


def find_api_key(call: Call) -> str | Refusal:
    """Returns the key if it is well-formed, else the refusal. Beside a key of ours, foreign and empty ones do not count.

    An unknown key and a wrong secret are the same case, because a key is looked up by the hash of the whole key
    (INV-18).
    """
    presented: list[str] = []
    has_other_scheme, bearers = False, 0
    for name, raw in call.headers:
        if name == AUTHORIZATION:
            bearers += 1
            scheme, _, value = raw.decode("latin-1").strip().partition(" ")
            if scheme.lower() == "bearer":
                presented.append(value.strip())
            elif API_KEY.prefix in scheme or API_KEY.prefix in value:
                return _WRONG_SCHEME
            else:
                has_other_scheme = True
        elif name in API_KEY_HEADERS:
            presented.append(raw.decode("latin-1").strip())
    if has_other_scheme and not any(key.startswith(API_KEY.prefix) for key in presented):
        return _WRONG_SCHEME
    if not presented:
        return Refusal(RefusalReason.MISSING_API_KEY, _missing_message(call.path))
    key = presented[0] if len(presented) == 1 else _own_key(presented)
    # Envoy joins a repeated `authorization` with a comma, which no key contains.
    if key is None or bearers > 1 or "," in key:
        return Refusal(
            RefusalReason.CONFLICTING_API_KEYS,
            f"The call carries more than one API key. Send exactly one. {HOW_TO_AUTHENTICATE}",
        )
    return key if API_KEY.is_well_formed(key) else INVALID_KEY


def _own_key(presented: list[str]) -> str | None:
    """Returns the only key that counts; None if several do. Some agents send a key of their own beside ours."""
    ours = {key for key in presented if key.startswith(API_KEY.prefix)} or set(presented)
    return ours.pop() if len(ours) == 1 and not any("," in key for key in presented) else None


class KeyHashes:
    """Computes the hashes by which keys are looked up, and caches them for recently used keys.

    The cache is indexed by a keyed hash that is useless in another process, so it contains no key.
    """

    def __init__(self, pepper: bytes, entries: int = 20_000) -> None:
        self._pepper = pepper
        self._naming_key = os.urandom(32)
        self._known: BoundedMemory[bytes, bytes] = BoundedMemory(entries)

    def hash_of(self, key: str) -> bytes:
        """Returns the hash of a well-formed key."""
        name = hashlib.blake2b(key.encode(), key=self._naming_key, digest_size=16).digest()
        known = self._known.get(name)
        if known is None:
            known = hash_secret(key, self._pepper)
            self._known.remember(name, known)
        return known


def _missing_message(path: str) -> str:
    query = parse_qs(urlsplit(path).query)
    if "key" in query or "api_key" in query:
        return (
            f"A key in the URL is not accepted, because URLs end up in logs. Treat it as leaked. {HOW_TO_AUTHENTICATE}"
        )
    return MISSING_KEY.message
