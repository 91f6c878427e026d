"""Rate limits: what is counted, for whom, and what is reported to the caller.

A limit holds over a sliding window: no span of the window's length, wherever it begins, admits more requests than the
limit. A window is divided into `SLICES_PER_WINDOW` slices. An admitted request counts until its whole slice has left
the window. So its place is free again between one window and one window plus one slice (1/64 of it) after it was taken.
The limit is never too lenient, and too strict by at most one slice.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from gateway_core.model.organization.scopes import Scope
from gateway_core.model.record_decorator import record

SLICES_PER_WINDOW: Final = 64
MAX_ID_BYTES: Final = 256
_US_PER_S: Final = 1_000_000


class RateUnit(enum.Enum):
    """The windows that a limit may have. The value is their length in seconds.

    A month has 30 days and a year 365, as in envoyproxy/ratelimit.
    """

    SECOND = 1
    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400
    MONTH = 2_592_000
    YEAR = 31_536_000

    @property
    def slice_us(self) -> int:
        """The length of a slice in microseconds. Exact for every unit."""
        return self.value * _US_PER_S // SLICES_PER_WINDOW


@dataclass(frozen=True, slots=True)
class RateCounter:
    """What one limit counts. The limit itself comes with every call, so a changed limit takes effect immediately."""

    organization: str
    scope: Scope
    unit: RateUnit
    models: str = ""
    """A whitelist entry whose models are counted together; empty for all models."""
    _key: str = field(init=False, compare=False, repr=False)
    """Computed once, because a counter is cached for all calls of a key."""

    def __post_init__(self) -> None:
        organization = quote(self.organization, safe="")
        models = f":{quote(self.models, safe='')}" if self.models else ""
        scope = f"{self.scope.kind}:{quote(self.scope.scope_id, safe='')}"
        object.__setattr__(self, "_key", f"mr:{{{organization}}}:r:{scope}:{self.unit.name}{models}")

    @property
    def owner(self) -> str:
        """The hash tag of the key: all counters of an organization share a slot of a Redis Cluster."""
        return quote(self.organization, safe="")

    @property
    def subject(self) -> str:
        """The limited scope, as messages name it."""
        models = f" for {self.models}" if self.models else ""
        return f"{self.scope.subject}{models}"

    def key(self) -> str:
        """Returns the Redis key.

        It is injective for any ids: percent-encoding leaves no colon or brace inside a part.
        """
        return self._key


@dataclass(frozen=True, slots=True)
class RuleCounter:
    """What a rule of another domain than the gateway's counts: calls with exactly these entries."""

    domain: str
    entries: tuple[tuple[str, str], ...]
    unit: RateUnit

    @property
    def owner(self) -> str:
        """The hash tag of the key. It contains a colon, so it never equals the tag of an organization."""
        return f"{quote(self.domain, safe='')}:rules"

    @property
    def subject(self) -> str:
        """The limited entries, as messages name them."""
        return ", ".join(f"{key} {value}" for key, value in self.entries)

    def key(self) -> str:
        """Returns the Redis key. It never equals the key of a `RateCounter`, because their hash tags differ."""
        entries = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in self.entries)
        return f"mr:{{{self.owner}}}:r:{entries}:{self.unit.name}"


Counted = RateCounter | RuleCounter


@record(frozen=True, slots=True)
class Demand:
    """What one call requires of one counter."""

    counter: Counted
    limit: int
    """Requests per window; 0 admits none."""
    hits: int
    """The number of requests that the call counts as; 0 only queries the counter."""
    shadow: bool = False
    """Whether the counter only counts what it would refuse."""
    quota: bool = False
    """Whether the call is refused only if every such demand of it exceeds its limit. One that exceeds it counts nothing."""


@record(frozen=True, slots=True)
class CounterState:
    """The result of a demand. All demands of a call pass together, or none does."""

    demand: Demand
    fits: bool
    remaining: int
    """Requests left in the window. If the call was admitted, its own are already subtracted."""
    wait_us: int | None
    """Microseconds until the demand would fit if no other call is admitted. 0 if it fits; None if it never will."""
    reset_us: int
    """Microseconds until the whole limit is free again."""


def merge_demands(demands: Iterable[Demand]) -> list[Demand]:
    """Merges the demands on each counter into one: the sum of the hits under the lowest limit.

    Separate demands on one counter would not see each other's hits.
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
                quota=known.quota and demand.quota,
            )
            if known
            else demand
        )
    return list(merged.values())


def tightest(states: Sequence[CounterState]) -> CounterState:
    """Returns the state to report to the caller.

    It is the refused one with the longest wait; if none is refused, the one with the least left.
    """
    refused = [state for state in states if not state.fits]
    if refused:
        return max(refused, key=lambda state: float("inf") if state.wait_us is None else state.wait_us)
    return min(states, key=lambda state: state.remaining)


def retry_after_s(states: Sequence[CounterState]) -> int | None:
    """Returns whole seconds, at least 1, after which a refused call would pass; None if it never will."""
    wait_us = tightest(states).wait_us
    return None if wait_us is None else max(1, -(-wait_us // _US_PER_S))


def refusal_message(states: Sequence[CounterState]) -> str:
    """Returns the message for the caller: the limited scope, the limit, and when to retry."""
    state = tightest(states)
    limit = state.demand.limit
    counter = state.demand.counter
    rate = f"{limit} request{'' if limit == 1 else 's'} per {counter.unit.name.lower()}"
    seconds = retry_after_s(states)
    if seconds is None:
        return f"The rate limit of {counter.subject} is {rate}, so this call can never pass. Ask an admin to raise the limit."
    return f"The rate limit of {counter.subject} is {rate}. Try again in {seconds} second{'' if seconds == 1 else 's'}."


def format_duration(duration_us: int) -> str:
    """Formats a duration as OpenAI's rate limit headers do, rounded up to milliseconds.

    Examples: `250ms`, `12.5s`, `1m30s`, `6m0s`.
    """
    total_ms = -(-duration_us // 1_000)
    if total_ms < 1_000:
        return f"{total_ms}ms"
    total_s, ms = divmod(total_ms, 1_000)
    minutes, seconds = divmod(total_s, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{ms:03d}".rstrip("0") if ms else ""
    prefix = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{prefix}{seconds}{fraction}s"
