"""What became of an attempt to place a hold on every scope of its call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placed:
    """The hold stands on every scope."""

    number: int
    """How many placements the organization's pool has counted, this one included."""
    generation: str
    """The name of the pool it stands on."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was placed: these are not in Redis. Counters by their index in the hold."""

    pool: bool
    counters: tuple[int, ...]
    edition: str
    """The state of the pool that a snapshot for the counters must be newer than; empty without a pool."""


@dataclass(frozen=True, slots=True)
class ExhaustedCounter:
    """A counter that refused; `index` is its place in the hold, None for the credit pool (then `settled` is the balance)."""

    index: int | None
    settled_nano_credits: int
    held_nano_credits: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was placed: these have not enough left. Narrowest scope first, the pool last."""

    exhausted: tuple[ExhaustedCounter, ...]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nothing was placed: the hold was taken back before it could be."""


Placement = Placed | Missing | Refused | Withdrawn
