"""How much of a limit a caller has left."""

import enum

from gateway_core.model.record_decorator import record


class QuotaUnit(enum.StrEnum):
    """What a limit counts. The value is part of the names of HTTP headers."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENT_REQUESTS = "concurrent-requests"


@record(frozen=True, slots=True)
class Quota:
    """A limit and what is left of it."""

    unit: QuotaUnit
    limit: int
    remaining: int
    reset_us: int | None = None
    """Microseconds until the whole limit is free again; None when unknown."""
