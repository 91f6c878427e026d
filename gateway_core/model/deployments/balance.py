"""The order in which the deployments of a model are tried: a pure function of the caller and their health.

Weighted rendezvous hashing: every deployment gets a score from a hash of its name and the caller, and the best one serves. So a
caller stays with one deployment, which keeps its prompt cache warm, and if that one fails, only its callers move.
"""

import hashlib
import math
from collections.abc import Collection, Sequence
from typing import Final

from gateway_core.model.catalog.entries import Deployment

_PERSON: Final = b"mr deployments"
_HASH_BYTES: Final = 8
_HASHES: Final = 2 ** (8 * _HASH_BYTES)


def order_of(
    deployments: Sequence[Deployment],
    caller: str,
    shut: Collection[str],
    failed: Collection[str],
    preferred: Collection[str] = (),
) -> tuple[int, ...]:
    """Returns the indexes of the deployments in the order in which to try them.

    Args:
        deployments: those of the model.
        caller: what stays with one deployment: the hash of the session, or the key (`health.caller_of`).
        shut: the places whose breakers are not closed. They come last: a failing provider is better than none.
        failed: the places that have failed a call of this caller a moment ago. They come next to last.
        preferred: the providers at which the caller's organization has its own key. Otherwise equal, they come first.
    """

    def rank(index: int) -> tuple[bool, bool, bool, int, float]:
        one = deployments[index]
        is_other = one.provider not in preferred
        return one.place in shut, one.place in failed, is_other, one.priority, -_score(one, caller)

    return tuple(sorted(range(len(deployments)), key=rank))


def _score(deployment: Deployment, caller: str) -> float:
    digest = hashlib.blake2b(
        f"{caller} {deployment.place}".encode(), digest_size=_HASH_BYTES, person=_PERSON, usedforsecurity=False
    ).digest()
    uniform = (int.from_bytes(digest, "big") + 1) / (_HASHES + 1)
    return -deployment.weight / math.log(uniform)
