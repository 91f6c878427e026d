"""The secrets that attacks sent, so that a later test can look for them in what the stack wrote."""

_SHOWN: set[str] = set()


def remember(*secrets: str) -> None:
    """Adds secrets that were sent."""
    _SHOWN.update(secrets)


def remembered() -> frozenset[str]:
    """Returns every secret that was sent."""
    return frozenset(_SHOWN)
