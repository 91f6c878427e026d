"""What became of an attempt to place a hold on every scope of its call."""

from dataclasses import dataclass

from gateway_core.model.records import record


@record(frozen=True, slots=True)
class TokensLeft:
    """What a throttle of tokens has left behind a call, for its caller to know."""

    index: int
    """Its place among the throttles of the hold."""
    remaining: int
    reset_us: int
    """How long until the whole limit is free again if nothing else is called."""


@record(frozen=True, slots=True)
class Placed:
    """The hold stands on every scope."""

    number: int
    """How many placements the organization's pool has counted, this one included."""
    generation: str
    """The name of the pool it stands on."""
    shadow_refusals: tuple[int, ...] = ()
    """Places in the hold of the counters whose guardrails, being in shadow mode, let pass what they would have refused."""
    tokens_left: TokensLeft | None = None
    """Of the enforced throttle of tokens that has the least left; None without one."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was placed: these are not in Redis. Counters and throttles by their index in the hold."""

    pool: bool
    counters: tuple[int, ...]
    edition: str
    """The state of the pool that a snapshot for the counters must be newer than; empty without a pool."""
    throttles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ExhaustedCounter:
    """A counter that refused; `index` is its place in the hold, None for the credit pool (then `settled` is the balance)."""

    index: int | None
    settled_nano_credits: int
    held_nano_credits: int


@dataclass(frozen=True, slots=True)
class BusyThrottle:
    """A throttle that refused; `index` is its place in the hold."""

    index: int
    used: int
    """Tokens in the window, or open calls."""
    wait_us: int | None
    """How long until the call would fit if nothing else is admitted: None when it never will, 0 when nobody knows."""
    reset_us: int
    """How long until the whole limit is free again; 0 when nobody knows."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was placed: these have not enough left. Narrowest scope first, the pool last."""

    exhausted: tuple[ExhaustedCounter, ...]
    busy: tuple[BusyThrottle, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nothing was placed: the hold was taken back before it could be."""


Placement = Placed | Missing | Refused | Withdrawn
