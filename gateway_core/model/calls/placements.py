"""The results of an attempt to place a hold on every scope of its call."""

from dataclasses import dataclass

from gateway_core.model.record_decorator import record


@record(frozen=True, slots=True)
class TokensLeft:
    """What a call leaves of a token throttle, to be reported to the caller."""

    index: int
    """Index of the throttle in the hold."""
    remaining: int
    reset_us: int
    """Microseconds until the whole limit is free again if no other call is admitted."""


@record(frozen=True, slots=True)
class OutputCut:
    """The output limit that a call without one gets, and what its hold reserves with it."""

    limit_tokens: int
    """The limit of each choice."""
    amount_nano_credits: int


@record(frozen=True, slots=True)
class PlacedBefore:
    """A hold that another attempt at the same call placed, on the same terms."""

    placed_epoch_us: int
    amount_nano_credits: int


@record(frozen=True, slots=True)
class Placed:
    """The hold is placed on every scope."""

    number: int
    """The number of placements that the organization's pool has counted, including this one."""
    generation: str
    """The generation of the pool that carries the hold."""
    shadow_refusals: tuple[int, ...] = ()
    """Indexes of the counters whose guardrails, in shadow mode, would have refused the hold."""
    tokens_left: TokensLeft | None = None
    """Of the enforced token throttle with the least left; None if there is none."""
    cut: OutputCut | None = None
    """None if the call passes untouched."""
    soft_reached: tuple[int, ...] = ()
    """Indexes of the counters whose spend has reached their soft threshold."""
    before: PlacedBefore | None = None
    """None if this attempt placed the hold."""
    rung: int = 0
    """Which of the holds of a ladder was placed."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was placed, because Redis lacks these parts. Counters and throttles are indexes into the hold."""

    pool: bool
    counters: tuple[int, ...]
    edition: str
    """The edition of the pool. A snapshot of the counters must be newer. Empty if the pool is missing."""
    throttles: tuple[int, ...] = ()
    previous: tuple[int, ...] = ()
    """Counters whose counter of the period before is lacking."""


@dataclass(frozen=True, slots=True)
class ExhaustedCounter:
    """A counter that refused.

    `index` is its index in the hold. It is None for the credit pool; `settled_nano_credits` is then the balance.
    """

    index: int | None
    settled_nano_credits: int
    held_nano_credits: int
    carried_nano_credits: int = 0
    """What is carried into the period, in addition to the budget."""
    coming_nano_credits: int = 0
    """What the open calls of the period before keep from being carried, at most."""


@dataclass(frozen=True, slots=True)
class BusyThrottle:
    """A throttle that refused. `index` is its index in the hold."""

    index: int
    used: int
    """Tokens in the window, or open calls."""
    wait_us: int | None
    """Microseconds until the call would fit if no other call is admitted. None if it never fits; 0 if unknown."""
    reset_us: int
    """Microseconds until the whole limit is free again; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was placed, because these have too little left. Narrowest scope first, the pool last."""

    exhausted: tuple[ExhaustedCounter, ...]
    busy: tuple[BusyThrottle, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nothing was placed, because the hold was withdrawn before it could be."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Another attempt at the same call has decided, on other terms or just now, and is about to answer."""


Placement = Placed | Missing | Refused | Withdrawn | Taken
