"""Rate limits: what is counted, for whom, and what a caller is told about it.

A limit holds over a sliding window: in no span of its length, wherever it begins, are more requests admitted than it allows.
Time is cut into `SLICES_PER_WINDOW` slices to a window, and an admitted request counts until the whole slice it fell into has
left the window. So a place is given back between one window and one window and a slice (1/64 of it) after it was taken: the
count is never too generous, and too strict by at most one slice.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from gateway_core.model.organization.scopes import Scope
from gateway_core.model.records import record

SLICES_PER_WINDOW: Final = 64
MAX_ID_BYTES: Final = 256
_US_PER_S: Final = 1_000_000


class RateUnit(enum.Enum):
    """The windows a limit may have; the value is their length in seconds. Months have 30 days and years 365, as in
    envoyproxy/ratelimit.
    """

    SECOND = 1
    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400
    MONTH = 2_592_000
    YEAR = 31_536_000

    @property
    def slice_us(self) -> int:
        """Length of a slice in microseconds; exact for every unit."""
        return self.value * _US_PER_S // SLICES_PER_WINDOW


@dataclass(frozen=True, slots=True)
class RateCounter:
    """What one limit counts. The limit itself comes with every call, so a changed limit works at once in both directions."""

    organization: str
    scope: Scope
    unit: RateUnit
    models: str = ""
    """An entry of a whitelist whose models are counted together; empty for all."""
    _key: str = field(init=False, compare=False, repr=False)
    """Written once: a counter is remembered for all calls of a key."""

    def __post_init__(self) -> None:
        organization = quote(self.organization, safe="")
        models = f":{quote(self.models, safe='')}" if self.models else ""
        scope = f"{self.scope.kind}:{quote(self.scope.scope_id, safe='')}"
        object.__setattr__(self, "_key", f"mr:{{{organization}}}:r:{scope}:{self.unit.name}{models}")

    @property
    def owner(self) -> str:
        """Whose counters share a slot of a cluster: the tag of the key."""
        return quote(self.organization, safe="")

    @property
    def subject(self) -> str:
        """Whom it limits, for people."""
        models = f" for {self.models}" if self.models else ""
        return f"{self.scope.kind.replace('_', ' ')} {self.scope.scope_id}{models}"

    def key(self) -> str:
        """The Redis key. Injective whatever the ids contain: percent-encoding leaves no colon or brace inside a part."""
        return self._key


@dataclass(frozen=True, slots=True)
class RuleCounter:
    """What a rule of another domain than the gateway's own counts: calls with exactly these entries."""

    domain: str
    entries: tuple[tuple[str, str], ...]
    unit: RateUnit

    @property
    def owner(self) -> str:
        """Whose counters share a slot of a cluster: the tag of the key. It holds a colon, which no organization's does."""
        return f"{quote(self.domain, safe='')}:rules"

    @property
    def subject(self) -> str:
        """Whom it limits, for people."""
        return ", ".join(f"{key} {value}" for key, value in self.entries)

    def key(self) -> str:
        """The Redis key. The two kinds of counters are never one: their tags differ."""
        entries = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in self.entries)
        return f"mr:{{{self.owner}}}:r:{entries}:{self.unit.name}"


Counted = RateCounter | RuleCounter


@record(frozen=True, slots=True)
class Demand:
    """What one call asks of one counter."""

    counter: Counted
    limit: int
    """Requests per window; 0 lets nothing pass."""
    hits: int
    """Requests the call counts as; 0 only asks."""
    shadow: bool = False
    """Whether it counts what it would refuse, and lets it pass."""


@record(frozen=True, slots=True)
class CounterState:
    """How a demand fared. All demands of a call pass together or not at all."""

    demand: Demand
    fits: bool
    remaining: int
    """Requests left in the window, this call's included if it was admitted."""
    wait_us: int | None
    """How long until the demand would fit, if nothing else is admitted: 0 when it fits, None when it never will."""
    reset_us: int
    """How long until the whole limit is free again."""


def merge_demands(demands: Iterable[Demand]) -> list[Demand]:
    """One demand for each counter: the sum of the hits under the lowest limit.

    Two demands on one counter would each take the other's place for free.
    """
    merged: dict[Counted, Demand] = {}
    for demand in demands:
        known = merged.get(demand.counter)
        merged[demand.counter] = (
            Demand(
                demand.counter,
                min(known.limit, demand.limit),
                known.hits + demand.hits,
                shadow=known.shadow and demand.shadow,
            )
            if known
            else demand
        )
    return list(merged.values())


def tightest(states: Sequence[CounterState]) -> CounterState:
    """The state a caller is told about: of those that refused, the one to wait longest for; else the one with the least left."""
    refused = [state for state in states if not state.fits]
    if refused:
        return max(refused, key=lambda state: float("inf") if state.wait_us is None else state.wait_us)
    return min(states, key=lambda state: state.remaining)


def retry_after_s(states: Sequence[CounterState]) -> int | None:
    """Whole seconds after which the call would pass, at least 1; None when it never will. For a refused call."""
    wait_us = tightest(states).wait_us
    return None if wait_us is None else max(1, -(-wait_us // _US_PER_S))


def refusal_message(states: Sequence[CounterState]) -> str:
    """What the caller reads: whose limit, which, and when to come back."""
    state = tightest(states)
    limit = state.demand.limit
    counter = state.demand.counter
    rate = f"{limit} request{'' if limit == 1 else 's'} per {counter.unit.name.lower()}"
    seconds = retry_after_s(states)
    if seconds is None:
        return (
            f"The rate limit of {counter.subject} is {rate}, which this call can never meet. Ask an admin to raise it."
        )
    return f"The rate limit of {counter.subject} is {rate}. Try again in {seconds} second{'' if seconds == 1 else 's'}."


def format_duration(duration_us: int) -> str:
    """A duration as OpenAI's rate limit headers write it, to the millisecond, rounded up: `250ms`, `12.5s`, `1m30s`, `6m0s`."""
    total_ms = -(-duration_us // 1_000)
    if total_ms < 1_000:
        return f"{total_ms}ms"
    total_s, ms = divmod(total_ms, 1_000)
    minutes, seconds = divmod(total_s, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{ms:03d}".rstrip("0") if ms else ""
    prefix = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{prefix}{seconds}{fraction}s"
