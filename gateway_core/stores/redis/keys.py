"""Names of the keys. All keys of an organization share one hash tag, so every script runs in one slot of a cluster."""


def pool_key(organization: str) -> str:
    """Hash: balance, held, sequence, generation, placements, additions."""
    return f"mr:{{{organization}}}:pool"


def holds_key(organization: str) -> str:
    """Hash: hold id to amount, or to what `place.lua` keeps; `held_amount` reads it."""
    return f"mr:{{{organization}}}:holds"


def counter_key(organization: str, counter: str) -> str:
    """Hash: settled, held, seeded, generation. `counter` is encoded."""
    return f"mr:{{{organization}}}:c:{counter}"


def throttle_key(organization: str, throttle: str) -> str:
    """Hash of slices for tokens, sorted set of open holds by their expiry for calls. `throttle` is encoded."""
    return f"mr:{{{organization}}}:t:{throttle}"


def held_amount(kept: str) -> int:
    """The amount of an open hold, of what the hash of open holds keeps of it."""
    return int(kept.partition(":")[0])


def withdrawal_key(organization: str, hold_id: str) -> str:
    """There for a minute after the hold was taken back."""
    return f"mr:{{{organization}}}:w:{hold_id}"
