"""Names of the keys. All keys of an organization share one hash tag, so every script runs in one slot of a cluster."""

from typing import Final

_PARTS: Final = 6
"""The number of parts of the longest form of an open hold."""


def pool_key(organization: str) -> str:
    """Key of a hash: balance, held, sequence, generation, placements, additions, wanted."""
    return f"mr:{{{organization}}}:pool"


def holds_key(organization: str) -> str:
    """Key of a hash: by hold id, the amount or the longer form that `open_holds.lua` describes. `held_amount` reads both."""
    return f"mr:{{{organization}}}:holds"


def counter_key(organization: str, counter: str) -> str:
    """Key of a hash: settled, held, seeded, generation. `counter` is encoded."""
    return f"mr:{{{organization}}}:c:{counter}"


def throttle_key(organization: str, throttle: str) -> str:
    """Key of a throttle: a hash of slices for tokens, or a sorted set of open holds by expiry for calls. `throttle` is encoded."""
    return f"mr:{{{organization}}}:t:{throttle}"


def held_amount(kept: str) -> int:
    """Returns the amount of an open hold from its value in the hash of open holds."""
    return int(kept.partition(":")[0])


def is_finished(kept: str) -> bool:
    """Returns whether the call of an open hold has finished, from its value in the hash of open holds."""
    parts = kept.split(":")
    return len(parts) == _PARTS and parts[-1] != ""


def refusals_keys(organization: str) -> tuple[str, str]:
    """Keys of hashes: by hold id, the refusals of the last seconds. `place.lua` describes them."""
    return f"mr:{{{organization}}}:n:0", f"mr:{{{organization}}}:n:1"


def withdrawal_key(organization: str, hold_id: str, attempt: int) -> str:
    """Key that exists for a minute after an attempt to place the hold was withdrawn."""
    return f"mr:{{{organization}}}:w:{hold_id}:{attempt}"
